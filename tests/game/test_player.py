"""Laws of a player: its optimiser, its weights by name, and what its terms ask for."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from helpers.players import Counting, fit
from omegaconf import DictConfig
from torch import nn

from gan_lab.averages import Constant
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.latents import Normal
from gan_lab.losses import Hinge
from gan_lab.terms import R1, R2, GradientPenalty, LeCam, Term, WeightClip
from gan_lab.updates import Alternating

SGD = partial(torch.optim.SGD, lr=0.1)


def player(optimizer: Callable[..., object] = SGD, **terms: Term) -> Player:
    return Player("d", nn.Linear(2, 1), optimizer, terms=terms)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [partial(torch.optim.SGD, lr=-1.0), partial(torch.optim.SGD, rate=1.0)])
def test_what_an_optimizer_refuses_of_its_settings_is_the_user_s_mistake(wrong: Callable[..., object]) -> None:
    with pytest.raises(UserError, match=r"^optimizer\.d: "):
        player(wrong).configure()


def test_weights_have_the_names_of_the_network_and_others_may_stand_in_their_place() -> None:
    one = player()
    assert {name: id(weight) for name, weight in one.named_weights().items()} == {
        name: id(weight) for name, weight in one.network.named_parameters()
    }
    others = [torch.zeros(1, 2), torch.ones(1)]
    assert list(one.named_weights(others)) == ["weight", "bias"]
    assert one.with_weights(others)(torch.ones(3, 2)).tolist() == [[1.0]] * 3
    with pytest.raises(ValueError, match="zip"):
        one.named_weights(others[:1])


@pytest.mark.parametrize(
    ("terms", "asks"),
    [
        ({}, [False, False]),
        ({"r1": R1()}, [True, True]),
        ({"r1": R1(every=2)}, [True, False]),
        ({"r1": R1(every=2), "gradient_penalty": GradientPenalty()}, [True, False]),  # that one asks elsewhere
        ({"r1": R1(every=2), "r2": R2()}, [True, True]),
    ],
    ids=str,
)
def test_the_input_gradient_is_asked_for_by_any_term_that_is_due(terms: dict[str, Term], asks: list[bool]) -> None:
    one = player(**terms)
    for step, expected in enumerate(asks):
        one.step = step
        assert one.uses_input_gradient == expected


def test_a_term_knows_whose_it_is() -> None:
    d, g = R1(), R2()
    Player("d", nn.Linear(1, 1), SGD, terms={"r1": d})  # type: ignore[arg-type]
    Player("g", nn.Linear(1, 1), SGD, terms={"r2": g})  # type: ignore[arg-type]
    assert (d.player, g.player) == ("d", "g")


def test_the_schedule_moves_the_rate_of_every_round_after_the_first(composed: Callable[..., DictConfig]) -> None:
    rates: list[float] = []

    def listen(gan: object) -> None:
        move = gan.move  # type: ignore[attr-defined]

        def moved(mover: Player, *arguments: object, **options: object) -> bool:
            if mover.name == "g":
                rates.append(gan._optimizers["g"].param_groups[0]["lr"])  # type: ignore[attr-defined]
            return move(mover, *arguments, **options)  # type: ignore[no-any-return]

        gan.move = moved  # type: ignore[attr-defined]

    fit(composed("model=mlp", "data=ring", "optimizer=sgd", "optimizer.lr=1", "schedule=linear", "rounds=4"), 4, listen)
    assert rates == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_after_a_step_the_constraints_that_are_due_hold_again_and_the_step_counts() -> None:
    one = player(weight_clip=WeightClip(bound=0.5, every=2), r1=R1())
    for step, (counts, clipped) in enumerate([(False, True), (True, True), (True, False)]):
        for weight in one.weights:
            weight.data.fill_(2.0)
        one.stepped(counts)
        assert all(bool((weight == (0.5 if clipped else 2.0)).all()) for weight in one.weights)
        assert one.step == [0, 1, 2][step]


def test_nothing_of_how_a_network_is_run_is_on_unless_asked_for() -> None:
    d, g = (Player(name, nn.Conv2d(2, 3, 3), SGD) for name in ("d", "g"))  # type: ignore[arg-type]
    gan = GAN(d, g, Normal(4), Hinge(), Alternating(), ema=Constant(0.9))
    for one in (gan.d, gan.g):
        assert one._compiled_call_impl is None and not one.replays
        assert all(weight.is_contiguous() for weight in one.weights)
    assert (gan.accumulate, gan.joint_batch, gan.seconds) == (1, False, 0.0)
    assert gan.average is not None
    assert not any(weight.requires_grad for weight in gan.average.parameters())


def test_the_state_of_its_terms_begins_anew_at_each_look_of_a_step_and_the_last_one_stays() -> None:
    """A round that made no step, as in half precision, is looked at anew: a resumed run knows no more."""
    one = player(lecam=LeCam(start=0), counting=Counting(), r1=R1())
    assert len(one.state) == 3
    count = one.terms["counting"].asked
    for round_, step, asked in [(0, 0, 1), (0, 0, 1), (0, 1, 2), (0, 1, 2), (1, 1, 3), (1, 2, 4)]:
        one.step = step
        one.look(round_)
        count += 1
        assert count == asked
