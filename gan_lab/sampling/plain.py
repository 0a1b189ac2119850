"""Plain sampling: x = G(z)."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from gan_lab.sampling.draws import sampled
from gan_lab.sampling.protocol import Sampler, Trained


@dataclass(frozen=True)
class Plain:
    """x = G(z), z as drawn."""

    needs: ClassVar[tuple[str, ...]] = ()
    redraws: ClassVar[bool] = False

    def sampler(self, trained: Trained) -> Sampler:
        return partial(sampled, trained.generate)


PLAIN = Plain()
