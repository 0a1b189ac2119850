"""The spectrum of the game's Jacobian, and of rounds of updates, equals closed forms."""

import functools
import importlib.util
import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.configuration import CONF
from helpers.players import play_with, snapshot
from helpers.runs import rows
from helpers.toy_players import QUANTILES, Logistic, Shift
from omegaconf import DictConfig

from gan_lab.callbacks.jacobian import OWN, JacobianSpectrum, Spectrum, repels, sentence
from gan_lab.equilibrium.jacobian import Eigenvalues, Jacobian, leading
from gan_lab.equilibrium.rounds import OptimizerSteps, of_round
from gan_lab.errors import UserError
from gan_lab.experiment.build import build_data
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.losses import NonSaturating
from gan_lab.optimizers import OptimisticAdam, RootAdam
from gan_lab.optimizers.step_sizes import step_sizes
from gan_lab.types import Batch
from gan_lab.updates import (
    Alternating,
    Consensus,
    Extragradient,
    Lookahead,
    Optimistic,
    PastExtragradient,
    SharedFakes,
    Simultaneous,
)

AT_ZERO = ["model.generator.start=0", "model.discriminator.discriminator.start=0"]


def _benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("dirac_gan", CONF.parent / "benchmarks" / "dirac_gan.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dirac = _benchmark()


def looked_at(gan: GAN, data: Any, **options: Any) -> Spectrum:
    trainer: Any = SimpleNamespace(optimizers=[player.configure()[0] for player in (gan.d, gan.g)])
    gan._fabric, gan._trainer = None, trainer
    return JacobianSpectrum("unused", **{"n": 1, "steps": 8, **options}).spectrum(gan, data)


@functools.cache
def wgan() -> tuple[GAN, Any]:
    """The Dirac-GAN under WGAN + R1, at its equilibrium."""
    game: tuple[GAN, Any] = dirac.game(*dirac.METHODS["WGAN + R1"][0], *AT_ZERO)
    return game


@pytest.mark.parametrize(
    ("update", "named"),
    [
        (Simultaneous(), "simultaneous"), (Alternating(), "alternating"), (SharedFakes(), "alternating"),
        (Extragradient(), "extragradient"), (Optimistic(), "optimistic"), (PastExtragradient(), "optimistic"),
        (Consensus(dirac.GAMMA), "consensus"), (Lookahead(Alternating(), dirac.EVERY, dirac.ALPHA), "lookahead"),
    ],
)  # fmt: skip
def test_on_the_dirac_gan_it_equals_the_closed_form(update: Any, named: str) -> None:
    """Mescheder et al. 2018, WGAN + R1: A = [[0, -1], [1, 1]], and a round's radius by its two by two matrix."""
    gan, data = wgan()
    gan.update = update
    found = looked_at(gan, data)
    expected = np.linalg.eigvals(dirac.METHODS["WGAN + R1"][1].jacobian)
    np.testing.assert_allclose(np.sort_complex(found.field.sure), np.sort_complex(expected), atol=1e-6)
    assert found.radius("update") == pytest.approx(dirac.radius("WGAN + R1", named), abs=1e-6)
    for other in ("simultaneous", "alternating"):
        assert found.radius(other) == pytest.approx(dirac.radius("WGAN + R1", other), abs=1e-6)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
@pytest.mark.parametrize(
    "update",
    [
        Simultaneous(), Alternating(), Alternating(2, 1), Extragradient(), Optimistic(), PastExtragradient(),
        Consensus(0.3), Lookahead(Optimistic(), 3, 0.5), Lookahead(Consensus(0.3), 3, 0.5),
    ],
    ids=repr,
)  # fmt: skip
def test_with_momentum_rounds_do_what_is_predicted(update: Any, momentum: float) -> None:
    """On the bilinear game, of whose turning momentum makes an alternating round's spirals (Gidel et al. 2019)."""
    parts = [*dirac.METHODS["WGAN"][0], "optimizer=sgd", "optimizer.lr=0.1", f"optimizer.momentum={momentum}"]
    gan, data = dirac.game(*parts, *AT_ZERO)
    gan.update = update
    predicted = looked_at(gan, data)
    assert predicted.is_whole
    gan, data = dirac.game(*parts)
    gan.update = update
    distances = np.linalg.norm(dirac.played(gan, data, 240), axis=1)
    slope = np.polyfit(np.arange(40, 241), np.log(distances[40:]), 1)[0]  # of a spiral
    assert predicted.radius("update") == pytest.approx(math.exp(slope), abs=1e-3)
    assert predicted.radius("alternating") > 1.03  # without momentum it is 1


def test_lazy_terms_count_with_their_average_whenever_it_looks() -> None:
    """R1 every second round, at a round with and at one without it; and eagerly."""
    found = []
    for parts, steps in ((["d_terms.r1.every=2"], 0), (["d_terms.r1.every=2"], 1), ([], 0)):
        gan, data = dirac.game(*dirac.METHODS["WGAN + R1"][0], *parts, *AT_ZERO)
        gan.d.step += steps
        found.append(looked_at(gan, data))
        assert gan.d.terms["r1"].every == (2 if parts else 1)
    for one in found[1:]:
        np.testing.assert_allclose(one.field.values, found[0].field.values, atol=1e-6)


@pytest.mark.parametrize("lr", [0.2, 0.6])
def test_on_a_gaussian_game_it_equals_the_closed_form(lr: float) -> None:
    """N(0, 1) and z + theta, D(x) = a x + b, at 0: 2 A on (a, b, theta) is [[1, 0, 1], [0, 1, 0], [-1, 0, 0]]."""
    sgd = partial(torch.optim.SGD, lr=lr)
    latent = SimpleNamespace(dim=1, sample=lambda n, generator=None: QUANTILES)
    data: Any = SimpleNamespace(take=lambda n, start: Batch(QUANTILES))
    gan = GAN(Player("d", Logistic(), sgd), Player("g", Shift(0.0), sgd), latent, NonSaturating(), Simultaneous())
    found = looked_at(gan, data)
    turn = 0.25 + 1j * math.sqrt(3) / 4
    np.testing.assert_allclose(np.sort_complex(found.field.sure), [turn.conjugate(), turn, 0.5], atol=2e-4)
    np.testing.assert_allclose(found.radius("simultaneous"), max(abs(1 - lr * turn), 1 - lr / 2), atol=2e-4)
    d, g = np.eye(3), np.eye(3)
    d[:2], g[2] = [[1 - lr / 2, 0, -lr / 2], [0, 1 - lr / 2, 0]], [lr / 2, 0, 1]
    assert found.radius("alternating") == pytest.approx(np.abs(np.linalg.eigvals(g @ d)).max(), abs=2e-4)


def test_the_leading_eigenvalues_of_a_large_map_are_found_and_the_others_not_claimed() -> None:
    generator = torch.Generator().manual_seed(0)
    large = torch.randn(300, 300, generator=generator) / 300**0.5
    large[0, 0], large[1:3, 1:3] = 4.0, torch.tensor([[0.0, -3.0], [3.0, 0.0]])
    found = leading(lambda x: large @ x, torch.randn(300, generator=generator), 25)
    truth = np.linalg.eigvals(large.double().numpy())
    assert 3 <= len(found.sure) < 25
    for value in found.sure:
        assert np.abs(truth - value).min() < 0.02
    assert np.abs(found.values[0] - truth[np.abs(truth).argmax()]) < 1e-3
    assert len(leading(lambda x: x * math.nan, torch.ones(3), 2).values) == 0
    small = torch.cat([torch.tensor([1000.0]), torch.linspace(-0.5, 0.5, 299)])
    few = leading(lambda x: small * x, torch.randn(300, generator=generator), 4)
    assert few.sure == pytest.approx([1000.0])  # nothing is said of those whose sign a residual hides


@pytest.mark.parametrize(
    "make",
    [
        partial(torch.optim.SGD, lr=0.1), partial(torch.optim.SGD, lr=0.1, momentum=0.5),
        partial(torch.optim.RMSprop, lr=0.1, alpha=0.9), partial(torch.optim.Adam, lr=0.1, betas=(0.5, 0.9)),
        partial(RootAdam, lr=0.1, betas=(0.5, 0.9), eps=1.0),
    ],
)  # fmt: skip
def test_step_sizes_are_what_a_steady_gradient_is_multiplied_by(make: Callable[..., Any]) -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    optimizer, slope = make([weight]), torch.tensor([0.1, 1.0, -10.0])
    for _ in range(200):
        before, weight.grad = weight.detach().clone(), slope.clone()
        optimizer.step()
    torch.testing.assert_close(step_sizes(optimizer)[0] * slope, before - weight.detach(), rtol=1e-4, atol=1e-6)


def test_an_optimizer_of_unknown_step_sizes_is_refused() -> None:
    with pytest.raises(UserError, match=r"step sizes of OptimisticAdam are not known; take optimizer=sgd"):
        step_sizes(OptimisticAdam([torch.nn.Parameter(torch.zeros(1))]))
    decaying = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1, weight_decay=0.1)
    with pytest.raises(UserError, match=r"step sizes with weight_decay are not known"):
        step_sizes(decaying)


def test_it_leaves_no_trace(composed: Callable[..., DictConfig]) -> None:
    """Also of batch statistics, of a term's state, and of random numbers; with classes and penalties.

    Players that are compiled, which cannot be differentiated twice, it asks as if they were not, and leaves them so.
    """
    config = composed("data=digits", "model=dcgan", "conditioning=projection", "term@d_terms=[r1,lecam]")

    def compiled(*_: Any) -> None:
        pytest.fail("asked")

    def act(gan: GAN) -> None:
        def everything() -> dict[str, torch.Tensor]:
            terms = {f"term.{k}": v.clone() for k, v in gan.d.terms.state_dict().items()}
            return {**snapshot(gan.d), **{f"g.{k}": v for k, v in snapshot(gan.g).items()}, **terms}

        before, random = everything(), torch.get_rng_state()
        for player in (gan.d, gan.g):
            player._compiled_call_impl = compiled
        JacobianSpectrum("unused", n=16, steps=2).spectrum(gan, build_data(config))
        assert gan.d._compiled_call_impl is gan.g._compiled_call_impl is compiled
        gan.d._compiled_call_impl = gan.g._compiled_call_impl = None
        assert all(torch.equal(value, before[name]) for name, value in everything().items())
        assert torch.equal(random, torch.get_rng_state())
        Alternating().play(gan)

    play_with(act, config)


@pytest.mark.slow
def test_a_run_near_its_equilibrium_does_what_is_predicted(
    played: Callable[..., Any], composed: Callable[..., DictConfig]
) -> None:
    game = ["data=dirac", "model=dirac", "optimizer=sgd", "optimizer.lr=0.3", "loss=wasserstein", "ema=none"]
    parts = ["update=extragradient", "callbacks=[default,jacobian]", "callbacks.jacobian.every=40"]
    run = played(*game, *parts, "callbacks.jacobian.n=1", "callbacks.equilibrium=null", "rounds=80")
    last = rows(run)[-1]
    rate = math.sqrt((1 - 0.3**2) ** 2 + 0.3**2)
    assert float(last["jacobian/predicted"]) == pytest.approx(rate, abs=1e-6)
    assert float(last["jacobian/measured"]) == pytest.approx(rate, abs=1e-4)
    assert float(last["jacobian/rotation"]) == pytest.approx(1.0)
    assert {path.name for path in (run / "samples").glob("jacobian*")} == {"jacobian_000040.png", "jacobian_000080.png"}


def test_the_sentence_claims_no_more_than_the_figures() -> None:
    def said(report: dict[str, float], *values: complex, is_whole: bool = False) -> str:
        field = Eigenvalues(np.array(values), np.ones(len(values), dtype=bool))
        return sentence(report, Spectrum(1.0, field, {}, {}, is_whole))

    assert "the game turns more than it pulls or pushes. No leading" in said({"rotation": 1.0}, 4j, -4j)
    assert "there the game pulls or pushes more than it turns." in said({"rotation": 0.6})  # |Re| is 0.8
    predicted = "a round of this run's update is predicted to multiply distances by"
    assert f"v' repels somewhere; {predicted} 1.1 at least." in said({"rotation": 0.0, OWN: 1.1}, -1.0)
    assert "multiplies distances by 0.9 in the worst direction found." in said({"rotation": 0.0, OWN: 0.9})
    assert f"{predicted} 0.9." in said({"rotation": 0.0, OWN: 0.9}, is_whole=True)
    assert "of this run's update no eigenvalue has converged." in said({"rotation": 0.0, OWN: math.nan})
    assert said({"rotation": math.nan}) == "No eigenvalue other than 0 has converged: take more steps."
    turning = np.array([4j, -4j])
    assert repels(np.array([3.0, -1.0])) and not repels(turning) and not repels(turning - 4e-8)


def test_of_a_large_game_the_rounds_that_have_converged_are_eigenvalues_of_the_whole_map() -> None:
    """Two players of 40 weights each, step sizes that differ, momentum that differs, and an alternating round."""
    generator = torch.Generator().manual_seed(0)
    n, of_d, betas = 80, 40, (0.5, 0.2)
    a = torch.randn(n, n, generator=generator) / n**0.5
    a = 0.3 * (a - a.T) + 0.02 * a + torch.diag(torch.cat([torch.tensor([4.0, 3.0]), torch.zeros(n - 2)]))
    sizes = 0.05 + 0.1 * torch.rand(n, generator=generator)
    players = [torch.zeros(size, requires_grad=True) for size in (of_d, n - of_d)]
    field = a @ torch.cat(players)
    steps = OptimizerSteps(Jacobian([field[:of_d], field[of_d:]], players), sizes, betas, 1)
    found = of_round(Alternating().linearised(steps), steps, torch.randn(n, generator=generator), 12)
    k, beta = (sizes[:, None] * a).double(), torch.tensor([betas[0]] * of_d + [betas[1]] * (n - of_d)).double()
    whole = torch.eye(2 * n, dtype=torch.float64)
    for player in (torch.arange(n) < of_d, torch.arange(n) >= of_d):
        one = torch.eye(2 * n, dtype=torch.float64)
        one[n:, n:] = torch.where(player, beta, torch.ones(n)).diag()
        one[n:, :n] = torch.where(player, 1 - beta, torch.zeros(n)).diag() @ k
        one[:n] -= player.double().diag() @ one[n:]
        whole = one @ whole
    truth = np.linalg.eigvals(whole.numpy())
    assert 2 <= len(found.sure)
    for value in found.sure:
        assert np.abs(truth - value).min() < 3 * 0.01 * abs(1 - value)


def test_networks_that_cannot_be_differentiated_so_often_are_told(
    composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("derivative for aten::grid_sampler_2d_backward is not implemented.\nmore")

    monkeypatch.setattr("gan_lab.callbacks.jacobian.Jacobian", refuse)
    gan, data = wgan()
    with pytest.raises(
        UserError, match=r"^callbacks\.jacobian: it differentiates gradients, which .*not implemented\)"
    ):
        looked_at(gan, data)
