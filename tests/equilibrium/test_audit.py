"""The audit: what it proves on known densities, what it must not call a difference, and its place in a run."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from scipy.stats import binom
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import Tensor

from gan_lab.callbacks.audit import Audit, _rounded
from gan_lab.densities import GaussianMixture, gaussian, ring
from gan_lab.equilibrium.audit import LEAST, audit, figures, null_spread, roc
from gan_lab.equilibrium.quadrature import Box, jsd, optimal_logit
from gan_lab.errors import UserError

pytestmark = pytest.mark.slow

AUDITED = "callbacks.audit.n=40"


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def digits(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two disjoint sets of n real digits as the data hold them, (n, 64)."""
    order = torch.randperm(1797, generator=seeded(seed))
    x = torch.tensor(load_digits().data) / 8 - 1
    return x[order[:n]], x[order[n : 2 * n]]


# --- the figures of given logits --------------------------------------------------------------------------


def test_figures_of_the_optimal_logit_are_those_of_the_densities() -> None:
    """Of D* the bound is the JSD itself; accuracy is 1 - (Bayes' error); all within their intervals."""
    p, q, box = gaussian([0.0], 1.0), gaussian([1.0], 1.0), Box(-9.0, 10.0, 1024, 1)
    logit = optimal_logit(p.log_prob, q.log_prob)
    found = figures(logit(p.sample(20_000, seeded(0))), logit(q.sample(20_000, seeded(1))))
    normal = torch.distributions.Normal(0.0, 1.0)
    truth = {
        "accuracy": normal.cdf(torch.tensor(0.5)).item(),
        "auc": normal.cdf(torch.tensor(0.5**0.5)).item(),
        "jsd_bound": jsd(p.log_prob, q.log_prob, box).value,
    }
    for name, value in truth.items():
        figure = getattr(found, name)
        assert figure.low <= value <= figure.high and figure.high - figure.low < 0.02, name


def test_figures_agree_with_another_implementation() -> None:
    real, fake = torch.randn(200, generator=seeded(0)) + 1, torch.randn(300, generator=seeded(1))
    fake[:50] = real[:50]  # ties
    found = figures(real, fake)
    kinds = np.repeat([1, 0], [200, 300])
    assert found.auc.value == pytest.approx(roc_auc_score(kinds, torch.cat([real, fake]).numpy()), abs=1e-12)
    curve = roc(real, fake, points=2000)
    assert np.trapezoid(curve.real, curve.fake) == pytest.approx(found.auc.value, abs=0.005)


def test_null_spread_is_that_of_permuted_labels() -> None:
    logits = torch.randn(80, generator=seeded(0))
    aucs = []
    for seed in range(500):
        order = torch.randperm(80, generator=seeded(seed))
        aucs.append(figures(logits[order[:30]], logits[order[30:]]).auc.value)
    assert np.std(aucs) == pytest.approx(null_spread(30, 50), rel=0.1)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_discriminator_that_says_always_the_same_sees_nothing(value: float) -> None:
    found = figures(torch.full((50,), value), torch.full((50,), value))
    assert (found.auc.value, found.accuracy.value, found.jsd_bound.value) == (0.5, 0.5, 0.0) and found.p_value == 0.5


# --- the auditor ------------------------------------------------------------------------------------------


RING = ring(8, 1.0, 0.05)
KNOWN = {
    "a shift": (gaussian([0.0, 0.0], 1.0), gaussian([1.0, 0.0], 1.0)),
    "a width": (gaussian([0.0, 0.0], 1.0), gaussian([0.0, 0.0], 1.6)),
    "two of eight modes missing": (RING, GaussianMixture(RING.means[2:], 0.05)),
    "wider modes": (RING, ring(8, 1.0, 0.1)),
}


@pytest.mark.parametrize("p, q", KNOWN.values(), ids=KNOWN)
def test_the_auditor_finds_most_of_the_divergence_and_no_more(p: GaussianMixture, q: GaussianMixture) -> None:
    truth = jsd(p.log_prob, q.log_prob, Box(-8.0, 8.0, 800)).value
    found = audit(p.sample(600, seeded(0)), q.sample(600, seeded(1)), seed=0)
    assert 0.5 * truth < found.jsd_bound.value and found.jsd_bound.low < truth
    assert found.p_value < 1e-4


def test_equal_distributions_pass_at_the_stated_rate() -> None:
    """Ten each of points and of digits: no more p-values below .05 than chance has in one of a thousand cases."""
    points = [(RING.sample(100, seeded(i)), RING.sample(100, seeded(100 + i))) for i in range(10)]
    found = [audit(*pair, seed=i) for i, pair in enumerate([*points, *(digits(100, i) for i in range(10))])]
    assert sum(each.p_value < 0.05 for each in found) <= binom.ppf(0.999, len(found), 0.05)
    assert sum(each.auc.low <= 0.5 <= each.auc.high for each in found) >= binom.ppf(0.001, len(found), 0.95)


def test_flaws_that_the_energy_distance_misses() -> None:
    """Perfect samples but for one class that is never drawn, a tenth of noise, or pixels that are independent."""
    real, rest = digits(700, 0)
    noise = torch.randint(0, 17, (70, 64), generator=seeded(2)) / 8 - 1
    scrambled = torch.stack(
        [column[torch.randperm(700, generator=seeded(i))] for i, column in enumerate(rest.T)], dim=1
    )
    order = torch.randperm(1797, generator=seeded(0))[700:1400]
    kept = rest[torch.tensor(load_digits().target)[order] != 3]
    for fake in (kept, torch.cat([noise, rest[70:]]), scrambled):
        assert audit(real[: len(fake)], fake, seed=0).p_value < 0.01


def test_same_seed_same_bits_and_no_trace() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    real, fake = digits(60, 0)
    one, two, other = audit(real, fake, 1), audit(real, fake, 1), audit(real, fake, 2)
    assert one[:4] == two[:4] != other[:4] and torch.equal(one.real, two.real)
    assert torch.equal(before, torch.get_rng_state()) and (numpy_before == np.random.get_state()[1]).all()


def test_unequal_or_few_points_are_refused() -> None:
    for n, m in ((30, 31), (LEAST - 1, LEAST - 1)):
        with pytest.raises(ValueError, match="as many real points"):
            audit(torch.zeros(n, 2), torch.zeros(m, 2), 0)


def test_number_formats_do_not_give_fakes_away() -> None:
    """Real digits with a thousandth of noise are real digits, once both kinds have the data's grey levels."""
    real, fake = digits(300, 0)
    fake = fake + 1e-3 * torch.randn(fake.shape, generator=seeded(1))
    raw, rounded = (audit(real, f, 0) for f in (fake, _rounded(fake, 17)))
    assert raw.p_value < 1e-9 and rounded.p_value > 0.01


# --- in a run ---------------------------------------------------------------------------------------------


def summary_of(directory: Path) -> dict[str, float]:
    return json.loads((directory / "summary.json").read_text())


def audited(directory: Path) -> dict[str, float]:
    return {name: value for name, value in summary_of(directory).items() if name.startswith("audit/")}


def test_a_run_ends_with_an_audit_that_draws_nothing_from_the_game(played: Callable[..., Path], tmp_path: Path) -> None:
    runs = {}
    for name, extra in {
        "with": [AUDITED, "callbacks.audit.every=2"],
        "without": ["callbacks.checkpoint.every=4"],
    }.items():
        directory = played("data=ring", "model=mlp", "rounds=4", f"directory={tmp_path / name}", *extra)
        runs[name] = (directory / "generator.safetensors").read_bytes()
    assert runs["with"] == runs["without"]
    found = audited(tmp_path / "with")
    ends = [f"audit/{name}{end}" for name in ("accuracy", "auc", "jsd_bound") for end in ("", "/low", "/high")]
    assert {*ends, "audit/p_value", "audit/game_auc", "audit/n", "audit/seen", "audit/detectable_auc"} <= found.keys()
    assert found["audit/n"] == 40 and found["audit/seen"] == 0
    assert found["audit/auc"] > 0.5
    published = (tmp_path / "with" / "metrics.csv").read_text().splitlines()
    column = published[0].split(",").index("audit/auc")
    assert [bool(row.split(",")[column]) for row in published[1:]] == [False, True, False, True]


def test_an_extended_run_is_audited_anew_and_like_a_longer_one(played: Callable[..., Path], tmp_path: Path) -> None:
    settings = ("data=ring", "model=mlp", AUDITED, "callbacks.metrics.every=2")
    played(*settings, "rounds=4", f"directory={tmp_path / 'short'}")
    short = audited(tmp_path / "short")
    played(*settings, "rounds=8", f"directory={tmp_path / 'long'}")
    played(*settings, "rounds=8", f"directory={tmp_path / 'short'}", f"+resume={tmp_path / 'short'}")
    assert audited(tmp_path / "short") == audited(tmp_path / "long") != short


@pytest.mark.parametrize(
    "data, seen",
    [(["data=ring", "model=mlp"], 0), (["data=digits"], 1), (["data=digits", "data.subset=1500"], 0)],
)
def test_it_says_whether_the_real_samples_were_seen(played: Callable[..., Path], data: list[str], seen: int) -> None:
    assert audited(played(*data, "rounds=1", AUDITED))["audit/seen"] == seen


@pytest.mark.parametrize("scale, differs", [(1.0, False), (2.0, True)])
def test_points_of_another_scale_are_seen(
    played: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, scale: float, differs: bool
) -> None:
    def drawn(generate: object, z: Tensor, *others: object) -> Tensor:
        return gaussian([0.0, 0.0], scale).sample(len(z), seeded(len(z)))

    monkeypatch.setattr("gan_lab.callbacks.audit.sampled", drawn)
    data = ["data=gaussian", "data.mean=[0.0,0.0]", "data.sigma=1.0"]
    found = audited(played(*data, "model=mlp", "rounds=1", "callbacks.audit.n=200"))
    assert (found["audit/p_value"] < 1e-4) == differs


@pytest.mark.parametrize("conditioning", ["concat", "projection"])
def test_a_conditional_game_is_audited_with_its_classes(played: Callable[..., Path], conditioning: str) -> None:
    assert audited(played(f"conditioning={conditioning}", "rounds=1", AUDITED))["audit/n"] == 40


def test_samples_of_the_wrong_class_are_seen() -> None:
    """The auditor sees samples together with what they go with."""
    from gan_lab.callbacks.audit import _numbers, _variance

    bunch = load_digits()
    order = torch.randperm(1797, generator=seeded(0))[:800]
    x, y = (torch.tensor(bunch.data) / 8 - 1)[order], torch.tensor(bunch.target)[order]
    wrong = torch.cat([y[:400], (y[400:] + 1) % 10])
    for labels, sees in ((y, False), (wrong, True)):
        asked = _numbers(labels, 10)
        points = torch.cat([x, asked * (_variance(x) / _variance(asked)).sqrt()], dim=1)
        assert (audit(points[:400], points[400:], 0).p_value < 1e-6) == sees


def test_best_checkpoint_and_early_stopping_follow_the_audit(played: Callable[..., Path]) -> None:
    directory = played(
        "data=ring", "model=mlp", "rounds=6", AUDITED, "callbacks.audit.every=2",
        "callbacks.checkpoint.monitor=audit/auc",
        "callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=audit/jsd_bound",
    )  # fmt: skip
    assert (directory / "checkpoints" / "best.ckpt").exists()
    assert summary_of(directory)["best/audit/auc"] <= summary_of(directory)["max/audit/auc"]


def test_features_that_learn_from_what_they_would_audit_are_refused(played: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="learn from the data's classes"):
        played("rounds=1", AUDITED, "+features@callbacks.audit.features=classifier")


def test_a_point_has_nothing_to_audit(played: Callable[..., Path]) -> None:
    assert audited(played("experiment=dirac_gan", "rounds=2", AUDITED, small=False)) == {}


def test_large_images_are_seen_at_the_size_that_it_can_afford(composed: Callable[..., DictConfig]) -> None:
    from gan_lab.callbacks.audit import WIDEST, _default_features, _numbers

    assert _default_features((1, 28, 28)) is None and _default_features((2,)) is None
    x = torch.rand(3, 3, 64, 64)
    assert _numbers(x, None).shape == (3, 972) and WIDEST == 1024
    assert _numbers(torch.rand(3, 1, 28, 28), None).shape == (3, 784)
    assert Audit(n=20).n == 20
