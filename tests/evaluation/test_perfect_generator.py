"""A perfect generator, conditional or not, gets what other real samples get, by every metric."""

import functools
import math
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.configuration import options
from helpers.samples import SHAPE, Knowing, N, World, metric_of
from torch import Tensor
from torch.distributions.normal import Normal as Gaussian
from torchvision.datasets import MNIST

from gan_lab.data.degradation import Upper
from gan_lab.data.digits import Digits
from gan_lab.data.memory import Held, ImagesInMemory
from gan_lab.data.module import GameData
from gan_lab.data.paired import Paired
from gan_lab.data.stacked import Stacked
from gan_lab.data.torchvision import TorchvisionImages
from gan_lab.evaluation.evaluator import Evaluator
from gan_lab.features.extractors import Pixels
from gan_lab.features.protocol import Lessons
from gan_lab.latents import Normal
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.sampling import sampled

pytestmark = pytest.mark.slow

TRIALS = 10
CHEAPER = {
    "ms_ssim": {"pairs": 30},
    "ms_ssim_by_class": {"pairs": 10},
    "classifier_test": {"hidden": 0},
    "frechet_interval": {"resamples": 20},
}
METRICS = {name: metric_of(name, **CHEAPER.get(name, {})) for name in options("metric")}
LACKING = {"generator", "texts"}  # what real ones have not
METRICS = {name: metric for name, metric in METRICS.items() if LACKING.isdisjoint(metric.needs)}
WORLD = World()
LATENT = Normal(1 + math.prod(SHAPE))


def perfect(z: Tensor, y: Tensor | None) -> Tensor:
    """The world's law: all of the noise is in z, its class too where none is asked for."""
    if y is None:
        y = (3 * Gaussian(0, 1).cdf(z[:, 0])).long().clamp(0, 2)
    return WORLD.patterns[y] + 0.2 * z[:, 1:].view(-1, *SHAPE)


class Drawn(ImagesInMemory):
    """Two times N of these, and N more that are left out for tests."""

    density = WORLD

    def __init__(self, seed: int) -> None:
        super().__init__(SHAPE, 3, 10, seed, subset=2 * N)

    @cached_property
    def pictures(self) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(self.seed)
        y = torch.randint(3, (3 * N,), generator=rng)
        return perfect(LATENT.sample(3 * N, rng), y), y

    def load(self) -> tuple[Tensor, Tensor]:
        return self.pictures


@functools.cache
def evaluation(seed: int, conditional: bool) -> tuple[RealSamples, Samples, RealSamples]:
    """Real samples, generated ones, and others in their place."""
    asking = {"copying": METRICS["copying"]}  # for held-out samples
    found = Evaluator(Drawn(seed), Knowing(), asking, N, seed=seed, conditional=conditional, floor=True)
    return found.real, found.fake(partial(sampled, perfect), LATENT), found.another


@pytest.mark.parametrize("conditional", [False, True], ids=["", "conditional"])
@pytest.mark.parametrize("name", METRICS)
def test_it_gets_the_floor(name: str, conditional: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if "labels" in METRICS[name].needs and not conditional:
        pytest.skip("needs what was asked for")
    found: dict[str, list[float]] = {}
    for seed in range(TRIALS):
        real, fake, other = evaluation(seed, conditional)
        of_fakes, floor = METRICS[name](real, fake), METRICS[name](real, other)
        for figure in METRICS[name].figures:
            found.setdefault(figure, []).append(of_fakes[figure] - floor[figure])
    for figure, differences in found.items():
        off = torch.tensor(differences)
        assert abs(off.mean()) <= 5 * off.std() / TRIALS**0.5, figure


def test_a_conditional_one_is_not_asked_for_what_the_reference_shows() -> None:
    """The conditions are those of the other real samples, over again where there are too few."""
    for n, again in ((N, 1), (3 * N, 3)):
        asked = Evaluator(Drawn(0), Knowing(), {}, n, conditional=True)
        assert not asked.asks_all
        others = Evaluator(Drawn(0), Knowing(), {}, N, conditional=True, floor=True).another.labels
        assert torch.equal(asked.fake(partial(sampled, perfect), LATENT).labels, others.repeat(again))
    assert Evaluator(Drawn(0), Knowing(), {}, 3 * N, conditional=True).n_real == N  # half of what there is


# --- features that learn


class Pupil(Pixels):
    """Features that learn, and keep what they learnt from."""

    learns = True

    def prepare(self, shape: tuple[int, ...], lessons: Any) -> None:
        self.lessons: Lessons = lessons()


def sets(mnist: Path) -> dict[str, GameData]:
    digits = Digits((1, 8, 8), 10, 16, seed=3, subset=1500)
    grey = TorchvisionImages(MNIST, str(mnist), "train", (1, 28, 28), 10, 1, 0)
    return {
        "digits": digits,
        "their test set": Held(digits.test(), digits),
        "pairs": Paired(digits, Upper()),
        "stacked": Stacked(grey, (3, 28, 28), 1000, 4, 0),
    }


@pytest.mark.parametrize("name", ["digits", "their test set", "pairs", "stacked"])
def test_features_never_learn_from_what_judges(name: str, fake_mnist: Path) -> None:
    pupil = Pupil()
    found = Evaluator(sets(fake_mnist)[name], pupil, {}, 100, floor=True)
    learnt, tested = ({bytes(x.numpy()) for x in part.x} for part in pupil.lessons)
    for samples in (found.real.images, found.another.images):
        judges = {bytes(picture.numpy()) for sample in samples for picture in sample[:, None].contiguous()}
        assert judges <= tested
    assert learnt and not learnt & tested


def test_the_half_is_the_same_for_all_runs_and_the_other_half_is_the_rest() -> None:
    first, second = Digits((1, 8, 8), 10, 16, seed=0).halves()
    again, _ = Digits((1, 8, 8), 10, 64, seed=1).halves()
    assert (first.available, second.available) == (899, 898)
    assert first.labelled().x.equal(again.labelled().x)
    pictures = torch.cat([half.labelled().x for half in (first, second)])
    assert sorted(map(tuple, pictures.flatten(1).tolist())) == sorted(
        map(tuple, Digits((1, 8, 8), 10, 16, seed=0).labelled().x.flatten(1).tolist())
    )
