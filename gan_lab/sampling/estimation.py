"""Noise, conditions and logits that a sampling estimates something from before it draws."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.sampling.draws import sampled_at
from gan_lab.sampling.protocol import Trained
from gan_lab.seeding import derive_seed
from gan_lab.types import DiscriminatorOutput

AT_ONCE = 256
APART = 4  # samples that D judges together and one by one


def inputs(trained: Trained, n: int, purpose: str, number: int = 0) -> tuple[Tensor, Tensor | None]:
    """n draws of noise, and of labels where G is conditional, uniformly; the same for each purpose and number.

    Raises:
        UserError: G's condition is no label.
    """
    generator = torch.Generator().manual_seed(derive_seed(0, purpose, number))
    z = trained.latent.sample(n, generator)
    if not trained.conditional:
        return z, None
    if trained.num_classes is None:
        raise UserError("sampling: draws classes, which this generator's condition is not; take sampling=plain")
    return z, torch.randint(trained.num_classes, (n,), generator=generator)


def logits(trained: Trained, x: Tensor, y: Tensor | None) -> Tensor:
    """D's logits (N,) of samples, on the CPU in double precision; differentiable in x.

    Raises:
        UserError: D has several for a sample.
    """
    assert trained.discriminator is not None
    x = x.to(trained.device)
    output: DiscriminatorOutput = trained.discriminator(x, None if y is None else y.to(trained.device))
    if output.logits.ndim != 1 or output.scales:
        raise UserError("sampling: this discriminator judges patches or several scales, and gives no one logit")
    return output.logits.double().cpu()


@torch.no_grad()
def judged(trained: Trained, z: Tensor, y: Tensor | None, seed: int, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Samples of these numbers, and D's logits (N,) of them."""
    x = sampled_at(trained.generate, z, y, seed, numbers)
    return x, logits(trained, x, y)


@torch.no_grad()
def estimated(trained: Trained, n: int, purpose: str) -> Tensor:
    """D's logits of n generated samples, always the same.

    Raises:
        UserError: D judges a sample by the others of its batch.
    """
    z, y = inputs(trained, n, purpose)
    check_apart(trained, z[:APART], None if y is None else y[:APART])
    seed = derive_seed(0, purpose)
    found = []
    for i in range(0, n, AT_ONCE):
        part = z[i : i + AT_ONCE]
        found.append(judged(trained, part, None if y is None else y[i : i + AT_ONCE], seed, range(i, i + len(part)))[1])
    return torch.cat(found)


@torch.no_grad()
def check_apart(trained: Trained, z: Tensor, y: Tensor | None) -> None:
    """Raise a UserError where D's logits of these samples depend on which of them it is given together."""
    x, together = judged(trained, z, y, 0, range(len(z)))
    alone = torch.cat([logits(trained, x[i : i + 1], None if y is None else y[i : i + 1]) for i in range(len(x))])
    if not torch.allclose(together, alone, rtol=1e-3, atol=1e-3):
        raise UserError(
            "sampling: this discriminator judges a sample by the others of its batch (minibatch_std, ...): its logit "
            "is no density ratio; take sampling=plain"
        )
