"""Metric of the generator's latent space: the perceptual path length."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.metric import Best
from gan_lab.metrics.path_length import centre, neighbours_on_paths, path_length, reduced, rounded
from gan_lab.metrics.samples import NO_IMAGES, RealSamples, Samples
from gan_lab.ranges import PositiveFloat
from gan_lab.sampling import noise_of
from gan_lab.seeding import derive_seed

BATCH = 16  # paths at a time: the features of LPIPS are large


@dataclass(frozen=True)
class PathLength:
    """`ppl`: E |f(G(path(t + epsilon))) - f(G(path(t)))|^2 / epsilon^2 over paths between two latents.

    Lower is smoother (Karras et al. 2019, section 4.1, and 2020; ends and outliers as in NVlabs/stylegan3). f are the
    features of the evaluation, and the squared distance is Euclidean in them: with `features=lpips` it is the LPIPS of
    published figures. One path for each sample, always the same ones. `space` "w" has straight lines between styles,
    "z" great circles between normal noise; `ends` looks at t = 0 alone, else t ~ U(0, 1); `crop` at the part of an
    image that shows a face. The 1 % of shortest and of longest steps are left out. Its error is that of drawing the
    paths.

    Raises:
        UserError: features round images, so that near ones are equal; or the generator has no such space.
    """

    figures: ClassVar[Mapping[str, Best]] = {"ppl": "lower"}
    error_source: ClassVar[str] = "paths redrawn, without outliers"
    needs: ClassVar[tuple[str, ...]] = ("generator",)
    space: Literal["w", "z"] = "z"
    ends: bool = True
    epsilon: PositiveFloat = 1e-4
    crop: bool = False

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        trained = fake.trained
        y = fake.labels if trained.conditional else None
        a, b = (noise_of(trained.latent, fake.n, 0, f"path {end}") for end in ("from", "to"))
        t = torch.rand(fake.n, generator=torch.Generator().manual_seed(derive_seed(0, "path"))) * (not self.ends)
        found = []
        for i in range(0, fake.n, BATCH):
            part = slice(i, i + BATCH)
            labels = None if y is None else y[part]
            pair = neighbours_on_paths(trained, (a[part], b[part]), t[part], labels, self.epsilon, self.space, i)
            if pair[0].ndim == 4:
                check_sees(fake, pair[0])
                one, other = (fake.look_at(reduced(centre(x) if self.crop else x)) for x in pair)
            elif self.crop:
                raise UserError(f"crop: {NO_IMAGES}")
            else:
                one, other = (fake.look_at(x) for x in pair)
            found.append((other - one).double().square().sum(1) / self.epsilon**2)
        kept = path_length(torch.cat(found))
        return {"ppl": kept.mean().item(), "ppl/error": kept.std().item() / math.sqrt(len(kept))}


def check_sees(samples: Samples, images: Tensor) -> None:
    """Raises UserError where the features of images are those of the images rounded to bytes."""
    few = images[:4]
    if torch.equal(samples.look_at(few), samples.look_at(rounded(few))) and not torch.equal(few, rounded(few)):
        raise UserError(
            "these features round images to bytes, and see no difference between neighbours on a path; take "
            "features=lpips, classifier or pixels"
        )
