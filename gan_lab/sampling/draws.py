"""Draws of noise and of samples: each follows from its noise, its condition and (seed, its index) alone."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gan_lab.sampling.protocol import Sampler
from gan_lab.seeding import derive_seed
from gan_lab.types import Latent


def noise_of(latent: Latent, n: int, seed: int, purpose: str = "noise") -> Tensor:
    """z (n, latent dim) on the CPU. Row i follows from (seed, purpose, i), however many there are."""
    generator = torch.Generator()
    rows = (latent.sample(1, generator.manual_seed(derive_seed(seed, purpose, i))) for i in range(n))
    return torch.cat(list(rows))


def in_batches(sampler: Sampler, z: Tensor, y: Tensor | None, seed: int, size: int) -> Tensor:
    """Samples for noise z (N, latent dim) and y, `size` at a time."""
    parts = ((z[i : i + size], None if y is None else y[i : i + size], seed, i) for i in range(0, len(z), size))
    return torch.cat([sampler(*part) for part in parts])


def sampled(
    generate: Callable[[Tensor, Tensor | None], Tensor], z: Tensor, y: Tensor | None, seed: int, first: int = 0
) -> Tensor:
    """Samples number `first`, `first + 1`, ... for a batch of noise and of what goes with it."""
    return sampled_at(generate, z, y, seed, range(first, first + len(z)))


@torch.no_grad()
def sampled_at(
    generate: Callable[[Tensor, Tensor | None], Tensor], z: Tensor, y: Tensor | None, seed: int, numbers: Sequence[int]
) -> Tensor:
    """Samples of these numbers for a batch of noise and of what goes with it.

    A generator that draws nothing itself answers the batch as a whole. One that does (noise for each pixel, dropout) is
    asked for one sample at a time, each with torch's generators seeded by its number: so none depends on the batch that
    it comes in. Their state is left as it was.
    """
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        before = _state()
        samples = generate(z, y)
        if all(map(torch.equal, before, _state())):
            return samples
        rows = []
        for i, number in enumerate(numbers):
            torch.manual_seed(derive_seed(seed, "sample", number))
            rows.append(generate(z[i : i + 1], None if y is None else y[i : i + 1]))
        return torch.cat(rows)


def draws_itself(generate: Callable[[Tensor, Tensor | None], Tensor], z: Tensor, y: Tensor | None) -> bool:
    """Whether the generator draws random numbers beside its noise. The generators' state is left as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), torch.no_grad():
        before = _state()
        generate(z, y)
        return not all(map(torch.equal, before, _state()))


def _state() -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(d) for d in range(torch.cuda.device_count()))]
