"""Truncation: samples that are more alike, and more typical, of noise or of styles nearer to their centre."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.sampling.draws import sampled
from gan_lab.sampling.estimation import inputs
from gan_lab.sampling.protocol import Sampler, Trained
from gan_lab.seeding import derive_seed
from gan_lab.types import Latent, Styled

FEW = 8  # samples by which it is seen whether truncation acts


@dataclass(frozen=True)
class Truncation:
    """x = G(c + t (z - c)): noise drawn towards the centre c of its distribution, t = `truncation`.

    1 leaves it alone; at 0 all samples of a class are one. (BigGAN, Brock et al. 2019, section 3.1, draws from a
    truncated normal distribution in place of a narrower one.)

    Raises:
        UserError: t does not matter to G, which normalises its noise.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    redraws: ClassVar[bool] = False

    truncation: NonNegativeFloat = 0.7

    def sampler(self, trained: Trained) -> Sampler:
        def draw(z: Tensor, y: Tensor | None, seed: int, first: int = 0) -> Tensor:
            if first == 0:
                check_acts(trained, self.truncation, z, y, seed)
            return sampled(trained.generate, trained.latent.truncate(z, self.truncation), y, seed, first)

        return draw


def check_acts(trained: Trained, truncation: float, z: Tensor, y: Tensor | None, seed: int) -> None:
    """Raise a UserError where samples of the first of this noise and of half of it are alike, and of other noise not.

    Where those of all noise are alike, G has collapsed, and nothing is known of how it reads its noise.
    """
    if truncation == 1:
        return
    latent: Latent = trained.latent
    few, theirs = z[:FEW], None if y is None else y[:FEW]
    others = latent.sample(len(few), torch.Generator().manual_seed(derive_seed(seed, "other noise")))
    noises = (few, latent.truncate(few, 0.5), others)
    whole, halved, other = (sampled(trained.generate, noise, theirs, seed) for noise in noises)
    if torch.allclose(whole, halved, atol=1e-5) and not torch.allclose(whole, other, atol=1e-5):
        raise UserError(
            f"truncation={truncation}: cannot act, since this generator takes of its noise the direction alone (it "
            "normalises it); leave it out"
        )


@dataclass(frozen=True)
class StyleTruncation:
    """w <- c + psi (w - c) in the first `cutoff` layers, c the mean of w in training (Karras et al. 2019, appendix B).

    psi = 1 is none, psi = 0 the mean style. Coarse layers come first: with a cutoff, details keep their variety.
    Without one all layers are truncated.

    Raises:
        UserError: G has no styles, or has fewer layers.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    redraws: ClassVar[bool] = False

    psi: NonNegativeFloat = 0.7
    cutoff: PositiveInt | None = None

    def sampler(self, trained: Trained) -> Sampler:
        generator = trained.generator
        if not isinstance(generator, Styled):
            raise UserError(
                f"sampling=style_truncation: {type(generator).__name__} has no styles; take sampling=truncation, or "
                "model=stylegan2 or stylegan3"
            )

        def styles(z: Tensor, y: Tensor | None) -> Tensor:
            return generator.styles(z.to(trained.device), None if y is None else y.to(trained.device))

        with torch.no_grad():
            layers = styles(*inputs(trained, 1, "layers")).shape[1]
        if self.cutoff is not None and self.cutoff > layers:
            raise UserError(f"sampling.cutoff={self.cutoff}: the generator has {layers} layers")

        def generate(z: Tensor, y: Tensor | None = None) -> Tensor:
            w = styles(z, y)
            drawn = torch.lerp(generator.centre.to(w), w[:, : self.cutoff], self.psi)
            return generator.synthesise(torch.cat([drawn, w[:, drawn.shape[1] :]], 1))

        return partial(sampled, generate)
