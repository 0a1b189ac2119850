"""Averages of the generator's weights: how fast each forgets, round by round."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gan_lab.ranges import OpenUnitInterval, PositiveFloat, PositiveInt


@dataclass(frozen=True)
class Constant:
    """A constant decay b, without bias towards where the average began. After round t it is

        sum_s b^(t - s) w_s / sum_s b^(t - s),  s = 1 ... t;    share = (1 - b) / (1 - b^t)

    the mean over all rounds while these are few. From 1 / (1 - b) rounds on it forgets at the rate b.
    """

    decay: OpenUnitInterval

    def share(self, t: int) -> float:
        return (1 - self.decay) / (1 - self.decay**t)

    def __str__(self) -> str:
        return f"decay {self.decay}"


@dataclass(frozen=True)
class Delayed:
    """A copy of G before round `start`, and from there on an average with a constant decay b.

        share = 1 for t < start, and 1 - b from there on

    As in the code of BigGAN (Brock et al. 2019; its `ema_start`): the average begins at one generator, that of round
    `start - 1`, which counts for 1 / (1 - b) rounds. The `g_ema_start` of PyTorch-StudioGAN is `start - 1`.
    """

    decay: OpenUnitInterval
    start: PositiveInt

    def share(self, t: int) -> float:
        return 1.0 if t < self.start else 1 - self.decay

    def __str__(self) -> str:
        return f"decay {self.decay} from round {self.start:,} on"


@dataclass(frozen=True)
class HalfLife:
    """A half-life in images, which may grow with the images seen. With B = `batch_size` images a round, in round t

        share = 1 - 2^(-B / h),    h = min(half_life, rampup B (t - 1))

    or h = `half_life` without `rampup`. `half_life` is a number, or a function of the rounds before, t - 1, with those
    behind the weights of `start_from`. As in the code of StyleGAN2-ADA (Karras et al. 2020; `ema_kimg`, `ema_rampup`)
    and of R3GAN (Huang et al. 2024).

    Images are counted as there: a round shows one batch, that of all processes, however many steps D makes of further
    batches, and in however many parts it is played. With h = 0, as in the first round of a ramp-up, the average is a
    copy. Without ramp-up it begins as the network that was drawn, as there, and remembers it for some half-lives.

    Args:
        half_life: in images, positive, or 0 where a function says so.
        batch_size: B, of all processes together.
        rampup: half-life over images seen.
    """

    half_life: PositiveFloat | Callable[[int], float]
    batch_size: PositiveInt
    rampup: PositiveFloat | None = None

    def share(self, t: int) -> float:
        images = self.half_life(t - 1) if callable(self.half_life) else self.half_life
        if self.rampup is not None:
            images = min(images, self.rampup * self.batch_size * (t - 1))
        return 1 - 0.5 ** (self.batch_size / images) if images > 0 else 1.0

    def __str__(self) -> str:
        length = self.half_life if callable(self.half_life) else f"{self.half_life:,.0f}"
        return f"half-life {length} images" + ("" if self.rampup is None else f", ramp-up {self.rampup}")


@dataclass(frozen=True)
class Power:
    """A memory that grows with the run: after round t, round s counts as (s / t)^gamma (Karras et al. 2024, EDM2).

        share = 1 - (1 - 1 / t)^(gamma + 1),    width^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3))

    `width` is the standard deviation of this profile over rounds, relative to t (sigma_rel there; section 3 and
    appendix C.2). Averages of two widths, kept at some rounds, tell that of any width at any round.

    Raises:
        ValueError: the profile would not rise; 1 / sqrt 12 is the width of the mean over all rounds.
    """

    width: PositiveFloat

    def __post_init__(self) -> None:
        if self.width >= 12**-0.5:
            raise ValueError(f"width={self.width}: must be below {12**-0.5:.4f}, that of the mean over all rounds")

    @cached_property
    def gamma(self) -> float:
        """The exponent: the largest root of gamma^3 + 7 gamma^2 + (16 - v) gamma + 12 - v with v = width^-2."""
        v = self.width**-2
        return float(np.roots([1, 7, 16 - v, 12 - v]).real.max())

    def share(self, t: int) -> float:
        return 1 - (1 - 1 / t) ** (self.gamma + 1)

    def __str__(self) -> str:
        return f"power function of width {self.width}"


class Profile(NamedTuple):
    """How much each round counts in a power-function average: as (s / t)^gamma, for rounds s up to t."""

    t: int
    gamma: float


def reconstruction(kept: Sequence[Profile], wanted: Profile) -> tuple[list[float], float]:
    """The sum of kept averages that is nearest to another one, after training (Karras et al. 2024, algorithm 3).

    The coefficients x minimise ||sum_i x_i p_i - p||, p the profiles as densities over rounds, and are then scaled to
    a sum of 1. Also gives the distance that is left, relative to ||p||.
    """
    inner = np.array([[_inner(a, b) for b in kept] for a in kept])
    towards = np.array([_inner(a, wanted) for a in kept])
    x = np.linalg.solve(inner, towards)
    x /= x.sum()
    square = 1 + (x @ inner @ x - 2 * x @ towards) / _inner(wanted, wanted)
    return x.tolist(), math.sqrt(max(square, 0.0))


def _inner(a: Profile, b: Profile) -> float:
    """The integral of both profiles' product."""
    first, last = sorted((a, b))
    share = (first.t / last.t) ** last.gamma
    return (a.gamma + 1) * (b.gamma + 1) * share / ((a.gamma + b.gamma + 1) * last.t)
