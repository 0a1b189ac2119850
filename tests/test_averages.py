"""Laws of how averages forget."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from helpers.configuration import options
from hydra.utils import instantiate
from omegaconf import DictConfig

from gan_lab.averages import Constant, Delayed, HalfLife, Power, Profile, reconstruction
from gan_lab.schedules import Cosine
from gan_lab.types import Averaging


def remembered(averaging: Averaging, first: int, last: int) -> float:
    """What is left, after round `last`, of an average as it was before round `first`."""
    return math.prod(1 - averaging.share(t) for t in range(first, last + 1))


@pytest.mark.parametrize("name", sorted({*options("ema")} - {"none"}))
def test_every_option_is_an_averaging_and_gives_a_share(composed: Callable[..., DictConfig], name: str) -> None:
    averaging = instantiate(composed(f"ema={name}").ema)
    assert isinstance(averaging, Averaging)
    shares = [averaging.share(t) for t in (1, 2, 10, 1000, 10**6)]
    assert all(0 < share <= 1 for share in shares) and shares[0] == 1  # no bias towards the network as drawn
    assert shares == sorted(shares, reverse=True)  # the memory never grows shorter
    assert "object at" not in str(averaging)


def test_a_constant_decay_is_the_mean_over_few_rounds_and_its_own_over_many() -> None:
    assert [Constant(0.999).share(t) for t in (1, 2, 3)] == pytest.approx([1, 1 / 2, 1 / 3], rel=2e-3)
    assert Constant(0.9).share(1000) == pytest.approx(0.1)


def test_a_delayed_average_is_a_copy_until_it_starts() -> None:
    averaging = Delayed(0.9, start=4)
    assert [averaging.share(t) for t in (1, 3, 4, 99)] == pytest.approx([1, 1, 0.1, 0.1])


@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_after_its_half_life_half_is_left_whatever_the_batch(batch_size: int) -> None:
    averaging = HalfLife(640.0, batch_size)
    for first in (1, 7):
        assert remembered(averaging, first, first - 1 + 640 // batch_size) == pytest.approx(0.5)


def test_a_ramp_up_shortens_it_while_few_images_are_seen() -> None:
    plain, ramped = HalfLife(640.0, 64), HalfLife(640.0, 64, rampup=0.5)
    assert ramped.share(1) == 1
    assert [ramped.share(t) for t in (3, 11)] == pytest.approx([1 - 2**-1.0, 1 - 2**-0.2])
    assert [ramped.share(t) for t in (21, 999)] == [plain.share(21)] * 2
    assert ramped.share(20) > plain.share(20)


def test_a_half_life_may_be_a_function_of_the_rounds_before() -> None:
    growing = HalfLife(Cosine(0.0, 640.0, over=10), 64)
    assert growing.share(1) == 1
    assert growing.share(6) == HalfLife(320.0, 64).share(6)
    assert growing.share(11) == growing.share(99) == HalfLife(640.0, 64).share(1)


@pytest.mark.parametrize("width", [0.05, 0.1, 0.25])
def test_a_power_function_has_its_width_and_its_shape(width: float) -> None:
    averaging, rounds = Power(width), 4000
    assert averaging.gamma + 1 == pytest.approx(width**2 * (averaging.gamma + 2) ** 2 * (averaging.gamma + 3))
    left, weights = 1.0, []
    for t in range(rounds, 0, -1):
        weights.append(left * averaging.share(t))
        left *= 1 - averaging.share(t)
    profile, at = np.array(weights[::-1]), np.arange(1, rounds + 1) / rounds
    assert profile.sum() == pytest.approx(1)
    mean = (profile * at).sum()
    assert math.sqrt((profile * (at - mean) ** 2).sum()) == pytest.approx(width, rel=1e-3)
    assert profile[rounds // 2] / profile[-1] == pytest.approx(0.5**averaging.gamma, rel=1e-2)


def test_a_power_function_that_would_not_rise_is_refused() -> None:
    assert Power(0.2886).share(4) == pytest.approx(1 / 4, rel=1e-2)  # nearly the mean over all rounds
    with pytest.raises(ValueError, match=r"width=0\.3: must be below 0\.2887, that of the mean over all rounds"):
        Power(0.3)


def test_a_reconstruction_of_what_is_kept_is_that_itself() -> None:
    kept = [Profile(t, Power(width).gamma) for t in (4, 8, 12) for width in (0.05, 0.1)]
    for i, profile in enumerate(kept):
        coefficients, left = reconstruction(kept, profile)
        assert coefficients == pytest.approx([float(i == j) for j in range(len(kept))], abs=1e-9)
        assert left == pytest.approx(0, abs=1e-6)


def test_more_of_what_is_kept_leaves_less_of_a_distance() -> None:
    wanted = Profile(960, Power(0.07).gamma)
    kept = [[Profile(t, Power(w).gamma) for t in range(n, 961, n) for w in (0.05, 0.1)] for n in (960, 240, 60)]
    distances = [reconstruction(few, wanted)[1] for few in kept]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.02
