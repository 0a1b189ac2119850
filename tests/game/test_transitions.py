"""A generated world: what is recorded of the real one, games conditioned on vectors, and plans made in a model."""

import csv
import importlib.util
import math
import re
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.configuration import CONF, options
from helpers.players import play_with
from helpers.runs import assert_resumes
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor

from gan_lab.cli.sample import main
from gan_lab.data.transitions import Transitions
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.planning import shoot, survival

WORLD = ["data=cartpole", "data.transitions=200", "model=mlp", "conditioning=vector"]
SETTINGS: dict[str, Any] = {
    "environment": "CartPole-v1",
    "spread": [2.4, 3.0, 0.21, 3.0],
    "transitions": 400,
    "shape": [5],
    "condition_dim": 6,
    "batch_size": 50,
    "seed": 0,
}


def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("cartpole", CONF.parent / "benchmarks" / "cartpole.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_episodes_may_begin_where_the_environment_lets_them() -> None:
    data = Transitions(**SETTINGS | {"spread": None})
    state, _, following, alive = data.recorded
    starts = torch.cat([torch.tensor([True]), ~alive[:-1]])
    assert state[starts].abs().max() <= 0.05
    torch.testing.assert_close(state[1:][~starts[1:]], following[:-1][alive[:-1]])
    assert data.condition(state, torch.zeros(len(state), dtype=torch.int64)).shape == (400, 6)


def test_the_environment_s_own_physics_reproduces_what_is_recorded() -> None:
    import gymnasium

    env: Any = gymnasium.make("CartPole-v1").unwrapped
    for state, action, following, alive in zip(*Transitions(**SETTINGS).recorded, strict=True):
        env.reset(seed=0)
        env.state = state.double().numpy()
        seen, _, terminated, *_ = env.step(int(action))
        torch.testing.assert_close(torch.as_tensor(seen), following, atol=1e-6, rtol=1e-6)
        assert terminated != bool(alive)


def test_the_equations_of_motion_of_the_benchmark_are_the_environment_s() -> None:
    state, action, following, alive = Transitions(**SETTINGS).recorded
    foreseen, goes_on = benchmark().truth(state, action)
    torch.testing.assert_close(foreseen, following, atol=1e-5, rtol=1e-5)
    assert torch.equal(goes_on, alive)


def test_ends_that_a_world_foresees_are_counted_apart_from_those_that_it_invents() -> None:
    cartpole, recorded = benchmark(), Transitions(**SETTINGS).recorded
    assert cartpole.ends(cartpole.truth, recorded) == "; foresees 100.0 % of the ends, and 0.00 % where there is none"

    def doomed(state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        return state, action > 1

    assert cartpole.ends(doomed, recorded) == "; foresees 100.0 % of the ends, and 100.00 % where there is none"


def test_what_is_learnt_from_is_standardised_and_leads_back_to_the_states() -> None:
    data = Transitions(**SETTINGS)
    x, y = data.whole
    for part in (x[:, :4], y[:, :4]):
        torch.testing.assert_close(part.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
        torch.testing.assert_close(part.std(0), torch.ones(4))
    state, action, following, alive = data.recorded
    assert set(x[:, 4].tolist()) == {-1.0, 1.0}
    assert torch.equal(y[:, 4:].argmax(1), action) and torch.equal(y[:, 4:].sum(1), torch.ones(400))
    back, goes_on = data.outcome(state, x)
    torch.testing.assert_close(back, following, atol=1e-5, rtol=1e-5)
    assert torch.equal(goes_on, alive)


def test_the_record_is_a_function_of_the_seed_and_covers_the_states() -> None:
    one, again, other = (Transitions(**SETTINGS | {"seed": seed}).recorded for seed in (0, 0, 1))
    assert all(map(torch.equal, one, again))
    assert not torch.equal(one.state, other.state)
    spread = torch.tensor(SETTINGS["spread"])
    assert (one.state.abs().amax(0) > 0.8 * spread).all()
    assert one.state.abs()[:, 0].amax() <= 2.4 and one.state.abs()[:, 2].amax() <= math.pi / 15 + 0.01
    assert 0.5 < one.alive.float().mean() < 1 and 0.3 < one.action.float().mean() < 0.7


def test_every_epoch_shows_every_transition_once_with_its_condition() -> None:
    data = Transitions(**SETTINGS)
    shown = [torch.cat([batch.x, batch.y], 1) for batch in islice(data.batches(0), 16)]  # two epochs
    whole = torch.cat(data.whole, 1)
    assert sorted(torch.cat(shown).tolist()) == sorted(2 * whole.tolist())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"environment": "NoPole-v1"}, "data.environment=NoPole-v1: "),
        ({"environment": "Pendulum-v1"}, "Pendulum-v1: needs states that are vectors and discrete actions"),
        ({"environment": "Acrobot-v1"}, "Acrobot-v1: does not show its state as it is"),
        ({"spread": [1.0]}, "data.spread: CartPole-v1 has 4 coordinates and 2 actions: 4, not 1"),
        ({"shape": [4]}, "data.shape: CartPole-v1 has 4 coordinates and 2 actions: [5], not [4]"),
        ({"condition_dim": 4}, "data.condition_dim: CartPole-v1 has 4 coordinates and 2 actions: 6, not 4"),
        ({"batch_size": 500}, "data.batch_size=500: larger than the data set, which has 400 samples"),
    ],
)
def test_an_environment_that_does_not_fit_is_told_in_one_line(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)) as error:
        Transitions(**SETTINGS | changes).setup("fit")
    assert "\n" not in str(error.value)


def test_gymnasium_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(UserError, match="gymnasium is not installed; pip install gymnasium"):
        Transitions(**SETTINGS).setup("fit")


@pytest.mark.parametrize("update", options("update"))
def test_every_update_plays_a_game_conditioned_on_vectors(played: Callable[..., Path], update: str) -> None:
    joint = "gan.joint_batch=true" if update == "extragradient" else "gan.joint_batch=false"
    shown = ("callbacks.samples.every=2", "term@d_terms=[r1,r2,gradient_penalty]")
    directory = played(*WORLD, f"update={update}", joint, *shown, "rounds=2")
    with (directory / "metrics.csv").open() as file:
        assert all(math.isfinite(float(row["equilibrium/energy"])) for row in csv.DictReader(file))
    assert Image.open(directory / "samples" / "round_000002.png").size[0] == 480


def test_samples_and_logits_depend_on_each_number_of_y(composed: Callable[..., DictConfig]) -> None:
    gan, data = build(composed(*WORLD))
    x, y, _ = next(data.batches(0))
    assert y is not None
    y, z = y.requires_grad_(), torch.randn(len(x), 4)
    for output in (gan.g.network(z, y), gan.d.network(x, y).logits):
        (slope,) = torch.autograd.grad(output.sum(), y)
        assert (slope.abs().amax(0) > 0).all()


def test_planes_of_an_image_carry_one_number_each(composed: Callable[..., DictConfig]) -> None:
    from gan_lab.networks.conditioning import VectorDiscriminator

    seen: list[Tensor] = []

    class Judge(torch.nn.Module):
        def __init__(self, shape: tuple[int, ...]) -> None:
            super().__init__()
            assert shape == (4, 5, 5)

        def forward(self, x: Tensor) -> None:
            seen.append(x)

    x, y = torch.randn(2, 1, 5, 5), torch.randn(2, 3)
    VectorDiscriminator(Judge, (1, 5, 5), 3)(x, y)
    assert torch.equal(seen[0][:, :1], x)
    assert torch.equal(seen[0][:, 1:], y[:, :, None, None].expand(2, 3, 5, 5))


def test_a_penalty_differentiates_d_in_the_outcome_alone(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.d)
        _, seen = gan.objective(gan.d, context)
        x = context.real.clone().requires_grad_()
        (slope,) = torch.autograd.grad(gan.d.network(x, context.condition).logits.sum(), x)
        torch.testing.assert_close(seen["d/r1"], 0.5 * slope.square().sum(1).mean())

    play_with(act, composed(*WORLD, "term@d_terms=[r1]"))


def test_save_kill_resume_equals_uninterrupted(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        parts = ["loss=relativistic", "term@d_terms=[r1,r2]", "callbacks.checkpoint.every=2"]
        return composed(*WORLD, *parts, "rounds=6", f"directory={tmp_path / name}")

    assert_resumes(config, tmp_path)


@pytest.mark.parametrize("label", [[], ["label=0"], ["label=all"]])
def test_samples_of_a_generator_whose_condition_is_no_class(
    played: Callable[..., Path], capsys: pytest.CaptureFixture[str], label: list[str]
) -> None:
    directory = played(*WORLD, "rounds=1")
    capsys.readouterr()
    assert main([str(directory), *label]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "this generator's condition is not a class" in line


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["data=digits", "model=mlp", "conditioning=vector"], "refers to data.condition_dim, which data does not have"),
        (["data=cartpole", "model=mlp", "conditioning=concat"], "refers to data.num_classes, which data does not have"),
        (
            [*WORLD, "conditioning.generator.condition_dim=3"],
            "conditioning.generator.condition_dim=3: the data have 6 numbers to condition on",
        ),
        ([*WORLD, "data.spread=[0,1,1,1]"], "must be greater than 0"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(played: Callable[..., Path], overrides: list[str], says: str) -> None:
    from gan_lab.config.explain import explain

    with pytest.raises(Exception) as error:
        played(*overrides, "rounds=1")
    line = explain(error.value, overrides)
    assert line is not None and says in line and "\n" not in line


def walk(state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """One step to the left or right on a line whose cliffs are at +-3: the simplest world to plan in."""
    following = state + (2.0 * action - 1)[:, None]
    return following, following[:, 0].abs() < 3


def icy(slip: float, generator: torch.Generator) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The walk in which an action turns into its opposite now and then."""

    def world(state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        slips = torch.rand(len(action), generator=generator) < slip
        return walk(state, torch.where(slips, 1 - action, action))

    return world


def test_survival_is_the_number_of_steps_before_the_cliff() -> None:
    plans = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]).T[:, None].expand(4, 2, 4)
    states = torch.tensor([[0.0], [2.0]])
    expected = [[2.0, 4.0, 2.0, 4.0], [0.0, 0.0, 4.0, 0.0]]
    assert survival(walk, states, plans, draws=3).tolist() == expected  # no step after the end counts


def test_survival_of_a_random_world_is_its_mean() -> None:
    world = icy(0.25, torch.Generator().manual_seed(0))
    steps = survival(world, torch.tensor([[2.0]]), torch.zeros(1, 1, 1, dtype=torch.long), draws=20_000)
    assert steps.item() == pytest.approx(0.75, abs=0.015)  # five standard errors


@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_plans_keep_away_from_the_cliff(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    states = torch.tensor([[2.0], [-2.0], [1.0], [-1.0]])
    for world, draws in ((walk, 1), (icy(0.2, generator), 16)):
        actions = shoot(world, states, 2, 8, 128, draws, temperature, generator)
        assert actions.tolist() == [0, 1, 0, 1]


def test_plans_that_favour_an_action_are_refused() -> None:
    with pytest.raises(ValueError, match="sequences=5 plans cannot be shared equally among 2 first actions"):
        shoot(walk, torch.tensor([[2.0]]), 2, 8, 5, 1, 1.0, torch.Generator())


def test_plans_made_in_a_perfect_model_balance_the_pole() -> None:
    cartpole = benchmark()
    cartpole.EPISODES = 2
    plans = torch.Generator().manual_seed(0)
    earned = cartpole.returns(lambda states: shoot(cartpole.truth, states, 2, 15, 128, 1, 1.0, plans))
    assert earned.min() >= 400
