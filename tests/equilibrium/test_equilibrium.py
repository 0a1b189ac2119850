"""Laws of the equilibrium: bounds that bound, quadrature, a best D by training, the duality gap, modes."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.configuration import losses
from helpers.lines import LINE, seeded
from helpers.runs import Killed, assert_same_runs, kill_after, resumed
from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lab.densities import gaussian, mixture_1d, ring
from gan_lab.equilibrium.quadrature import Box, jsd, optimal_logit, value
from gan_lab.equilibrium.samples import auc, binned_jsd, compare
from gan_lab.experiment.run import play
from gan_lab.losses import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic
from gan_lab.metrics.modes import coverage
from gan_lab.types import BoundsDivergence

LOSSES = losses()
PLANE = Box(-4.0, 4.0, 400)
PAIRS = {  # p_data, p_g, where to integrate
    "line": (mixture_1d(3, 2.0, 0.5), gaussian([0.5], 1.5), LINE),
    "ring": (ring(8, 1.0, 0.1), gaussian([0.0, 0.0], 0.6), PLANE),
    "ring with dropped modes": (ring(8, 1.0, 0.1), ring(4, 1.0, 0.1), PLANE),
}


# --- known densities ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p, q, box", PAIRS.values(), ids=PAIRS)
def test_value_of_the_best_d_is_minus_log_4_plus_2_jsd(p: Any, q: Any, box: Box) -> None:
    best = value(optimal_logit(p.log_prob, q.log_prob), p.log_prob, q.log_prob, box)
    divergence = jsd(p.log_prob, q.log_prob, box)
    assert best.error + 2 * divergence.error < 1e-6
    assert abs(best.value - (-math.log(4) + 2 * divergence.value)) <= best.error + 2 * divergence.error + 1e-12


@pytest.mark.parametrize("p, q, box", PAIRS.values(), ids=PAIRS)
def test_jsd_agrees_with_monte_carlo(p: Any, q: Any, box: Box) -> None:
    n = 200_000
    logit = optimal_logit(p.log_prob, q.log_prob)
    real, fake = logit(p.sample(n, seeded(1)).double()), logit(q.sample(n, seeded(2)).double())
    terms = (nn.functional.logsigmoid(real) + nn.functional.logsigmoid(-fake) + math.log(4)) / 2
    error = terms.std().item() / math.sqrt(n)
    assert jsd(p.log_prob, q.log_prob, box).value == pytest.approx(terms.mean().item(), abs=5 * error)


def test_jsd_of_equals_and_of_strangers() -> None:
    p = gaussian([0.0], 0.5).log_prob
    assert jsd(p, p, LINE).value == pytest.approx(0, abs=1e-12)
    assert jsd(gaussian([-6.0], 0.3).log_prob, gaussian([6.0], 0.3).log_prob, Box(-9, 9, 4096, 1)).value == (
        pytest.approx(math.log(2), abs=1e-9)
    )


@pytest.mark.parametrize("box", [Box(-1.5, 1.5, 4096, 1), Box(-12.0, 12.0, 24, 1)], ids=["narrow", "coarse"])
def test_the_stated_error_covers_the_true_one(box: Box) -> None:
    p, q, whole = PAIRS["line"]
    estimate, truth = jsd(p.log_prob, q.log_prob, box), jsd(p.log_prob, q.log_prob, whole).value
    assert 1e-5 < abs(estimate.value - truth) <= estimate.error


def test_any_other_d_earns_less_than_the_best() -> None:
    p, q, box = PAIRS["line"]
    best = value(optimal_logit(p.log_prob, q.log_prob), p.log_prob, q.log_prob, box).value
    for other in (lambda x: 0 * x[:, 0], lambda x: x[:, 0], lambda x: optimal_logit(p.log_prob, q.log_prob)(x) / 2):
        assert value(other, p.log_prob, q.log_prob, box).value < best


@pytest.mark.slow
def test_a_d_trained_to_optimality_approaches_the_formula() -> None:
    """Of 0.08 nats to be gained over an undecided D, training leaves less than 2 %; its logit is close, too."""
    p, q, box = mixture_1d(2, 3.0, 0.8), gaussian([0.0], 1.5), Box(-12.0, 12.0, 2048, 1)
    torch.manual_seed(0)
    d = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(d.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)
    draws = seeded()
    for _ in range(1000):
        real, fake = d(p.sample(2048, draws)), d(q.sample(2048, draws))
        optimizer.zero_grad()
        Minimax().discriminator(real, fake).backward()
        optimizer.step()
        schedule.step()

    best = optimal_logit(p.log_prob, q.log_prob)
    with torch.no_grad():
        found = value(lambda x: d(x.float())[:, 0].double(), p.log_prob, q.log_prob, box).value
        x = torch.cat([p.sample(5000, draws), q.sample(5000, draws)])
        distance = (torch.sigmoid(d(x)[:, 0]) - torch.sigmoid(best(x))).abs().mean().item()
    gain = 2 * jsd(p.log_prob, q.log_prob, box).value
    regret = value(best, p.log_prob, q.log_prob, box).value - found
    assert 0 <= regret < 0.02 * gain, (regret, gain)
    assert distance < 0.02, distance


# --- what logits prove ----------------------------------------------------------------------------------------


def integral(integrand: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Over the line, of a function of the two densities of PAIRS["line"]."""
    x = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    p, q, _ = PAIRS["line"]
    return torch.trapezoid(integrand(p.log_prob(x).exp(), q.log_prob(x).exp()), x[:, 0]).item()


BEST = {  # the name of a bound: its loss, the best D's logit from log p - log q, and what it then equals
    "jsd_bound": (Minimax(), lambda t: t, lambda: jsd(*(d.log_prob for d in PAIRS["line"][:2]), LINE).value),
    "le_cam_bound": (LeastSquares(), torch.sigmoid, lambda: integral(lambda p, q: (p - q) ** 2 / (p + q) / 2)),
    "tv_bound": (Hinge(), torch.sign, lambda: integral(lambda p, q: (p - q).abs() / 2)),
}


@pytest.mark.parametrize("name", BEST)
def test_the_best_d_proves_the_whole_divergence_and_no_other_d_more(name: str) -> None:
    loss, best, divergence = BEST[name]
    p, q, _ = PAIRS["line"]
    logit = optimal_logit(p.log_prob, q.log_prob)
    real, fake = logit(p.sample(200_000, seeded(1))), logit(q.sample(200_000, seeded(2)))
    assert loss.divergence_bound(best(real), best(fake))[name].item() == pytest.approx(divergence(), abs=0.005)
    for other in (lambda t: best(t) / 2, lambda t: best(t + 1), lambda t: -t, torch.tanh):
        assert loss.divergence_bound(other(real), other(fake))[name].item() < divergence() + 0.005


def test_the_pair_bound_is_the_minimax_bound_on_ordered_pairs() -> None:
    """The D of pairs says r - f; on a pair (x, y) of a real and a fake one, and on the pair turned round."""
    r, f = torch.randn(1000, generator=seeded()) + 1, torch.randn(1000, generator=seeded(1))
    expected = Minimax().divergence_bound(r - f, f - r)["jsd_bound"]
    torch.testing.assert_close(Relativistic().divergence_bound(r, f)["pair_jsd_bound"], expected)


@pytest.mark.parametrize("name", LOSSES)
def test_an_undecided_d_proves_nothing_and_a_sure_one_something_finite(name: str) -> None:
    loss = LOSSES[name]
    if not isinstance(loss, BoundsDivergence):
        pytest.skip("makes no claim")
    undecided = torch.full((8,), loss.boundary or 0.0)
    nothing = loss.divergence_bound(undecided, undecided)
    bounds = {key for key in nothing if key.endswith(("bound", "gap"))}
    assert bounds and all(abs(nothing[key].item()) < 1e-6 for key in bounds)
    for sign in (1.0, -1.0):
        sure = loss.divergence_bound(sign * torch.full((8,), 50.0), -sign * torch.full((8,), 50.0))
        assert all(number.isfinite() and number.shape == () for number in sure.values())
    assert ("value" in nothing) == isinstance(
        getattr(loss, "inner", loss), Minimax | NonSaturating
    )  # V is theirs alone


def test_auc_counts_pairs() -> None:
    r, f = (
        torch.randint(0, 9, (57,), generator=seeded()).float(),
        torch.randint(0, 7, (31,), generator=seeded(1)).float(),
    )
    pairs = (r[:, None] > f).double() + (r[:, None] == f).double() / 2
    assert auc(r, f).item() == pytest.approx(pairs.mean().item(), abs=1e-12)
    assert auc(f, r).item() == pytest.approx(1 - pairs.mean().item(), abs=1e-12)
    assert auc(r + 100, f) == 1
    assert auc(r, r) == 0.5


# --- samples --------------------------------------------------------------------------------------------------


def test_compare_against_double_loops_and_extremes() -> None:
    x, y = torch.randn(20, 3, generator=seeded()), 2 * torch.randn(20, 3, generator=seeded(1))

    def mean(a: Tensor, b: Tensor, same: bool) -> float:
        distances = [(u - v).norm().item() for i, u in enumerate(a) for j, v in enumerate(b) if not same or i != j]
        return sum(distances) / len(distances)

    found = compare(x, y)
    assert found.diversity.item() == pytest.approx(mean(y, y, True) / mean(x, x, True), rel=1e-5)
    energy = 1 - (mean(x, x, True) + mean(y, y, True)) / (2 * mean(x, y, False))
    assert found.energy.item() == pytest.approx(energy, abs=1e-5)
    n = 1000
    alike = compare(torch.randn(n, 2, generator=seeded()), torch.randn(n, 2, generator=seeded(1)))
    assert alike.energy.abs() < 5 / n and (alike.diversity - 1).abs() < 0.1
    assert compare(x, torch.zeros(20, 3)).diversity == 0
    assert compare(x, x + 1e4).energy > 0.999


def test_coverage_by_hand() -> None:
    means, sigma = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), 0.1
    found = coverage(torch.tensor([[0.0, 0.29], [0.0, 0.31], [10.2, 0.0], [10.0, 5.0]]), means, sigma)
    assert (found.modes, found.high_quality) == (2, 0.5)
    assert found.kl == pytest.approx(math.log(3) - math.log(2))


def test_coverage_of_the_truth() -> None:
    truth = ring(8, 1.0, 0.01)
    found = coverage(truth.sample(2500, seeded()), truth.means, truth.sigma)
    assert found.modes == 8
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.008)  # a Rayleigh variable below 3
    assert 0 <= found.kl < 0.005


def test_binned_jsd_lies_between_its_floor_and_the_truth() -> None:
    p, q, box = PAIRS["ring"]
    n = 100_000
    real, again, fake = p.sample(n, seeded()), p.sample(n, seeded(1)), q.sample(n, seeded(2))
    floor, found, truth = binned_jsd(real, again), binned_jsd(real, fake), jsd(p.log_prob, q.log_prob, box).value
    assert 0 < floor < 0.01 and 0.9 * truth < found < truth + floor
    assert binned_jsd(real, real) == 0 and binned_jsd(real, real + 100) == pytest.approx(math.log(2))


# --- the callbacks --------------------------------------------------------------------------------------------

ALL = ["callbacks=[default,duality_gap,true_divergence]", "callbacks.duality_gap.every=4",
       "callbacks.duality_gap.steps=3",
       "callbacks.true_divergence.every=4", "callbacks.true_divergence.n=100", "callbacks.samples.every=3"]  # fmt: skip
NONE = [f"callbacks.{name}=null" for name in ("equilibrium", "logit_landscape")]
GAMES = {
    "ring": ["data=ring", "model=mlp"],
    "penalties": ["data=ring", "model=mlp", "loss=wasserstein", "term@d_terms=[gradient_penalty]", "update.d_steps=2"],
    "batch statistics": ["data=digits", "model=dcgan", "gan.joint_batch=true"],
}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_watching_changes_neither_the_game_nor_its_random_state(
    composed: Callable[..., DictConfig], tmp_path: Path, game: list[str]
) -> None:
    found = []
    watched = (
        ALL if "data=ring" in game else [o.replace(",true_divergence", "") for o in ALL if ".true_divergence." not in o]
    )
    for name, callbacks in (("watched", watched), ("alone", NONE)):
        (tmp_path / name).mkdir()
        play(composed(*game, "rounds=9", f"directory={tmp_path / name}", *callbacks))
        found.append(((tmp_path / name / "generator.safetensors").read_bytes(), torch.get_rng_state().tolist()))
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_watched_run_resumes_to_the_bit(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        places = ["rounds=9", f"directory={tmp_path / name}", "callbacks.checkpoint.every=3"]
        return composed(*GAMES["ring"], *ALL, *places, "update.d_steps=2")

    play(config("whole"))
    broken = config("broken")
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            play(broken)
    play(resumed(broken))
    assert_same_runs(tmp_path / "whole", tmp_path / "broken")


def test_each_loss_publishes_what_it_certifies(played: Callable[..., Path]) -> None:
    header = (played("model=mlp", "data=ring", "rounds=1", "loss=hinge") / "metrics.csv").read_text().splitlines()[0]
    published = {name.removeprefix("equilibrium/") for name in header.split(",") if name.startswith("equilibrium/")}
    assert published == {
        "auc", "accuracy", "tv_bound", "d_grad_norm", "g_grad_norm", "d_steps", "g_steps",
        "diversity", "energy",
    }  # fmt: skip


def test_the_summary_counts_the_modes_at_the_end(played: Callable[..., Path]) -> None:
    directory = played("data=ring", "model=mlp", "rounds=3")  # shorter than the interval at which they are published
    summary = json.loads((directory / "summary.json").read_text())
    assert {f"equilibrium/{name}" for name in ("modes", "high_quality", "mode_kl")} <= summary.keys()
