"""Laws of the updates: what counts, what is remembered, what is left alone."""

import inspect
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from helpers.configuration import options
from helpers.players import Counting, fit, state
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.game.step import StepContext
from gan_lab.io.checkpoint import PlainCheckpointIO
from gan_lab.updates import Alternating, Balanced, Consensus, Lookahead, Optimistic, PastExtragradient

Composed = Callable[..., DictConfig]
PLAIN = ("model=mlp", "data=ring", "optimizer=sgd", "ema=none")


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("update", "optimizer"),
    sorted(
        {*product(options("update"), ["adam"]), *product(["alternating", "past_extragradient"], options("optimizer"))}
    ),
)
def test_every_update_plays_with_every_optimizer_clipping_and_average(
    composed: Composed, update: str, optimizer: str
) -> None:
    overrides = ("model=mlp", "data=ring", f"update={update}", f"optimizer={optimizer}", "gan.clip_norm=0.5")
    config = composed(*overrides)
    before, after = build(config)[0], fit(config, 2)
    for part in ("d", "g", "average"):
        assert all(value.isfinite().all() for value in state(after, part).values())
        assert not same(state(before, part), state(after, part))


@pytest.mark.parametrize("update", sorted({*options("update")} - {"balanced"}))
def test_a_round_counts_as_one_update_of_each_player(composed: Composed, update: str) -> None:
    gan = fit(composed(*PLAIN, f"update={update}"), rounds=3)
    assert (gan.d.step, gan.g.step) == (3, 3)


@pytest.mark.parametrize("update", ["alternating", "apa", "shared_fakes"])
def test_a_round_makes_the_steps_that_are_asked_for(composed: Composed, update: str) -> None:
    gan = fit(composed(*PLAIN, f"update={update}", "update.d_steps=3", "update.g_steps=2"), rounds=2)
    assert (gan.d.step, gan.g.step) == (6, 4)


@pytest.mark.parametrize("update", options("update"))
def test_a_default_in_code_is_the_one_of_the_configuration(composed: Composed, update: str) -> None:
    chosen = instantiate(composed(f"update={update}")["update"])
    given = {name: p.default for name, p in inspect.signature(type(chosen)).parameters.items()}
    assert all(default in (inspect.Parameter.empty, getattr(chosen, name)) for name, default in given.items())


def test_lookahead_starts_from_the_papers_figures() -> None:
    """Chavdarova et al. 2021, table 2 and appendix: k = 5, alpha = 1/2."""
    assert (Lookahead(Alternating()).every, Lookahead(Alternating()).alpha) == (5, 0.5)


@pytest.mark.parametrize("update", options("update"))
def test_lazy_terms_and_constraints_count_updates_not_optimiser_steps(composed: Composed, update: str) -> None:
    """With every=2 a term is seen in each evaluation of rounds 1, 3, ... and in none of rounds 2, 4, ...

    And the state of a term advances once an update, however often its player's objective is evaluated.
    """
    seen: list[tuple[int, bool]] = []

    def spy(gan: GAN) -> None:
        objective = gan.objective

        def listen(player: Any, context: Any, **options: Any) -> Any:
            value, found = objective(player, context, **options)
            if player is gan.d:
                seen.append((player.step, "d/r1" in found))
            return value, found

        gan.objective = listen  # type: ignore[method-assign]
        for player in (gan.d, gan.g):
            player.terms["counting"] = Counting()

    terms = ("term@d_terms=[r1,weight_clip]", "d_terms.r1.every=2", "d_terms.weight_clip.bound=0.02")
    gan = fit(composed(*PLAIN, f"update={update}", *terms), 4, spy)
    assert {step for step, _ in seen} == set(range(gan.d.step))
    assert all(counts == (step % 2 == 0) for step, counts in seen)
    assert [player.terms["counting"].asked for player in (gan.d, gan.g)] == [gan.d.step, gan.g.step]
    if update != "lookahead":  # its slow weights begin where nothing was clipped yet
        assert max(weight.abs().max().item() for weight in gan.d.weights) <= 0.02


def test_extragradient_takes_both_gradients_ahead_and_steps_from_the_start(composed: Composed) -> None:
    """The same round by hand, from its two batches."""
    contexts: list[StepContext] = []
    starts: list[list[Tensor]] = []

    def spy(gan: GAN) -> None:
        context = gan.context
        starts.append([w.detach().clone() for w in (*gan.d.weights, *gan.g.weights)])

        gan.context = lambda *movers: contexts.append(context(*movers)) or contexts[-1]  # type: ignore

    gan = fit(composed(*PLAIN, "update=extragradient", "loss=minimax"), 1, spy)
    weights: list[Tensor] = [*gan.d.weights, *gan.g.weights]
    end, (start,) = [w.detach().clone() for w in weights], starts
    assert len(contexts) == 2 and not torch.equal(contexts[0].z, contexts[1].z)

    def put(values: list[Tensor]) -> None:
        for weight, value in zip(weights, values, strict=True):
            weight.data.copy_(value)

    def stepped_from_start(context: StepContext) -> list[Tensor]:
        r, f = gan.d.network(context.real).logits, gan.d.network(gan.g.network(context.z)).logits
        value = torch.nn.functional.logsigmoid(r).mean() + torch.nn.functional.logsigmoid(-f).mean()
        slopes = torch.autograd.grad(value, weights)  # D ascends V, G descends it
        signs = [1] * len(gan.d.weights) + [-1] * len(gan.g.weights)
        return [s + sign * 0.1 * slope for s, sign, slope in zip(start, signs, slopes, strict=True)]

    put(start)
    put(stepped_from_start(contexts[0]))
    for one, other in zip(stepped_from_start(contexts[1]), end, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


class Scripted:
    """A game of one weight each whose gradients and accuracies are given; it notes the moves."""

    class Seat:
        def __init__(self, name: str) -> None:
            self.name, self.step = name, 0
            self.weights = [torch.nn.Parameter(torch.zeros(1))]

    def __init__(self, gradients: list[float] | None = None, accuracies: list[float] | None = None) -> None:
        self.d, self.g = self.Seat("d"), self.Seat("g")
        self.slopes, self.accuracies = iter(gradients or []), iter(accuracies or [])
        self.moves: list[tuple[str, float]] = []

    def context(self, *movers: Any) -> None: ...

    def gradients(self, context: Any, *players: Any, **options: Any) -> list[list[Tensor]]:
        return [[torch.tensor([next(self.slopes, 0.0)])] for _ in players]

    def move(self, player: Any, gradient: Any, counts: bool = True) -> None:
        self.moves.append((player.name, gradient[0].item()))
        player.step += counts
        return True

    def accuracy(self) -> float:
        return next(self.accuracies)


def test_optimistic_steps_along_twice_the_gradient_less_the_last_one() -> None:
    game: Any = Scripted(gradients=[1, 10, 2, 30, 7, 20])  # D's, G's, D's, ...
    update = Optimistic()
    update.play(game)
    resumed = Optimistic()
    resumed.load_state_dict(update.state_dict())
    resumed.play(game)
    resumed.play(game)
    assert game.moves == [("d", 1), ("g", 10), ("d", 3), ("g", 50), ("d", 12), ("g", 10)]


def test_past_extragradient_looks_ahead_along_the_last_gradient() -> None:
    game: Any = Scripted(gradients=[1, 10, 2, 30])
    update = PastExtragradient()
    update.play(game)
    resumed = PastExtragradient()
    resumed.load_state_dict(update.state_dict())
    resumed.play(game)
    assert game.moves == [("d", 1), ("g", 10), ("d", 1), ("g", 10), ("d", 2), ("g", 30)]
    assert (game.d.step, game.g.step) == (2, 2)


def test_consensus_adds_the_gradient_of_half_the_squared_norm_of_both() -> None:
    """J_G = theta' M psi = -J_D: v = (-M' theta, M psi), half its square has the gradient (M'M psi, MM' theta)."""
    matrix = torch.tensor([[1.0, 2.0], [0.5, -1.0]])
    game: Any = Scripted()
    psi, theta = torch.tensor([0.3, -0.2]), torch.tensor([0.7, 0.4])
    for player, value in ((game.d, psi), (game.g, theta)):
        player.weights = [torch.nn.Parameter(value.clone())]
    game.gradients = lambda *_, **__: [[-matrix.T @ game.g.weights[0]], [matrix @ game.d.weights[0]]]
    game.gradient = lambda player, value, **options: torch.autograd.grad(value, player.weights, **options)
    moves: dict[str, Tensor] = {}
    game.move = lambda player, gradient, **_: moves.update({player.name: gradient[0]})
    Consensus(weight=0.5).play(game)
    torch.testing.assert_close(moves["d"], -matrix.T @ theta + 0.5 * matrix.T @ matrix @ psi)
    torch.testing.assert_close(moves["g"], matrix @ psi + 0.5 * matrix @ matrix.T @ theta)


def test_consensus_of_weight_zero_is_simultaneous_descent(composed: Composed) -> None:
    one = fit(composed(*PLAIN, "update=consensus", "update.weight=0"), 3)
    torch.testing.assert_close(state(one), state(fit(composed(*PLAIN, "update=simultaneous"), 3)))


@pytest.mark.parametrize("inner", ["alternating", "extragradient", "optimistic"])
def test_lookahead_stays_with_alpha_zero_and_is_its_inner_update_with_alpha_one(composed: Composed, inner: str) -> None:
    def look(alpha: int, rounds: int) -> dict[str, Tensor]:
        overrides = ("update=lookahead", f"update@update.inner={inner}", "update.every=2", f"update.alpha={alpha}")
        return state(fit(composed(*PLAIN, *overrides), rounds))

    untouched = state(build(composed(*PLAIN))[0])
    assert same(look(0, 4), untouched) and not same(look(0, 3), untouched)
    assert same(look(1, 4), state(fit(composed(*PLAIN, f"update={inner}"), 4)))


def test_lookahead_remembers_its_inner_update() -> None:
    game: Any = Scripted(gradients=[1, 10, 2, 30])
    update, resumed = Lookahead(Optimistic(), every=5), Lookahead(Optimistic(), every=5)
    update.play(game)
    resumed.load_state_dict(update.state_dict())
    resumed.play(game)
    assert game.moves[2:] == [("d", 3), ("g", 50)]


@pytest.mark.parametrize("model", ["dcgan", "mlp"])
def test_unrolling_changes_the_generator_only(composed: Composed, model: str) -> None:
    """D, its batch statistics and what is recorded of it are those of a simultaneous round."""
    overrides = (f"model={model}", "data.image_size=16", "optimizer=sgd")
    unrolled, plain = (fit(composed(*overrides, f"update={u}")) for u in ("unrolled", "simultaneous"))
    assert same(state(unrolled, "d"), state(plain, "d"))
    assert not same(state(unrolled, "g"), state(plain, "g"))
    for name in ("d/loss", "logits/real", "logits/fake"):
        assert torch.equal(unrolled.record[name], plain.record[name])


def test_a_step_against_other_weights_is_that_of_a_discriminator_that_has_them(composed: Composed) -> None:
    config = composed("model=dcgan", "gan.joint_batch=true", "data.image_size=16")  # a D with batch statistics

    class Act:
        def play(self, game: GAN) -> None:
            context = game.context(game.d, game.g)
            before = {k: v.clone() for k, v in game.d.network.state_dict().items()}
            other = [(w * 0.5).detach().requires_grad_() for w in game.d.weights]
            against = context.against(other)
            assert against.real is context.real and against.fake is context.fake
            loss, _ = game.objective(game.d, against)
            assert all(g.any() for g in torch.autograd.grad(loss, other))
            assert all(torch.equal(before[k], v) for k, v in game.d.network.state_dict().items())
            for weight, value in zip(game.d.weights, other, strict=True):
                weight.data.copy_(value)
            torch.testing.assert_close(game.objective(game.d, context)[0], loss)

    fit(config, 1, lambda gan: setattr(gan, "update", Act()))


def test_reused_fakes_are_judged_by_d_as_it_has_become(composed: Composed) -> None:
    class Act:
        def play(self, game: GAN) -> None:
            context = game.context(game.d, game.g)
            game.move(game.d, game.gradient(game.d, *game.objective(game.d, context)))
            again = context.against()
            found = game.gradient(game.g, *game.objective(game.g, again))
            assert again.fake is context.fake
            afresh = game.loss.generator(None, game.d.network(game.g.network(context.z)).logits)
            torch.testing.assert_close(found, torch.autograd.grad(afresh, game.g.weights))

    fit(composed("model=dcgan", "data.image_size=16"), 1, lambda gan: setattr(gan, "update", Act()))


@pytest.mark.parametrize("update", ["consensus", "unrolled"])
def test_what_cannot_be_differentiated_three_times_is_refused_in_one_line(composed: Composed, update: str) -> None:
    overrides = ("model=dcgan", "data.image_size=16", f"update={update}")
    fit(composed(*overrides))
    with pytest.raises(UserError, match=r"^update: it differentiates gradients.*batch_norm.*model=mlp$"):
        fit(composed(*overrides, "term@d_terms=r1"))


def test_balanced_gives_more_steps_to_the_weaker_player_within_its_limits() -> None:
    update = Balanced(low=0.6, high=0.8, most=3, memory=1e-9)
    script = [(0.9, (1, 1)), (0.9, (1, 2)), (0.9, (1, 3)), (0.7, (1, 3)), (0.5, (1, 3)), (0.1, (1, 2)), (0.5, (1, 1)),
              (0.5, (2, 1)), (0.5, (3, 1)), (0.5, (3, 1)), (0.99, (3, 1)), (0.7, (2, 1)), (0.7, (2, 1))]  # fmt: skip
    for accuracy, steps in script:
        game: Any = Scripted(accuracies=[accuracy])
        update.play(game)
        assert (game.d.step, game.g.step) == steps
        resumed = Balanced(low=0.6, high=0.8, most=3, memory=1e-9)
        resumed.load_state_dict(update.state_dict())
        update = resumed
    with pytest.raises(ValueError, match="low must be below high"):
        Balanced(low=0.8, high=0.8)


@pytest.mark.parametrize("accuracy", [0.5, 0.75])
def test_balanced_leaves_an_accuracy_at_a_limit_alone(accuracy: float) -> None:
    update, game = Balanced(low=0.5, high=0.75, memory=0.5), cast(Any, Scripted(accuracies=[accuracy] * 3))
    for _ in range(3):
        update.play(game)
    assert (game.d.step, game.g.step) == (3, 3)


def test_balanced_averages_the_accuracy_over_rounds() -> None:
    update, game = Balanced(memory=0.75), cast(Any, Scripted(accuracies=[0.5, 0.9, 0.1]))
    for _ in range(3):
        update.play(game)
    assert update.state_dict()["accuracy"] == pytest.approx(0.75 * (0.75 * 0.5 + 0.25 * 0.9) + 0.25 * 0.1)


def test_balanced_plays_more_discriminator_steps_where_it_is_slow(composed: Composed) -> None:
    overrides = ("update=balanced", "update.low=0.9", "update.high=0.95", "optimizer.d.lr=0", "update.most=4")
    gan = fit(composed(*PLAIN, *overrides), 6)
    assert gan.accuracy() < 0.9
    assert (gan.d.step, gan.g.step) == (1 + 2 + 3 + 4 + 4 + 4, 6)


@pytest.mark.parametrize("update", options("update"))
def test_what_an_update_remembers_is_in_the_checkpoint(played: Callable[..., Path], update: str) -> None:
    directory = played("model=mlp", f"update={update}", "rounds=2")
    game = PlainCheckpointIO().load_checkpoint(directory / "checkpoints" / "last.ckpt")["game"]
    kept = {"apa": {"p"}, "balanced": {"accuracy", "lead"}, "lookahead": {"slow", "rounds", "inner"}}
    kept |= {update: {"past"} for update in ("optimistic", "past_extragradient")}
    assert set(game.get("update", {})) == kept.get(update, set())
