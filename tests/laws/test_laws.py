"""The laws of parts: a part that breaks each of them is caught, and the lab's own parts keep them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.commands import run
from helpers.configuration import CONF, losses, options, terms
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from gan_lab.cli.check_part import main as check
from gan_lab.cli.new import main as new
from gan_lab.config.compose import compose_experiment
from gan_lab.data.toys import Toy
from gan_lab.densities import ring
from gan_lab.experiment.build import build, build_data
from gan_lab.laws.check import SMALL, check_part
from gan_lab.laws.data import DATA
from gan_lab.laws.law import Law, findings
from gan_lab.laws.loss import LOSS
from gan_lab.laws.network import NETWORK, Network
from gan_lab.laws.term import TERM, Scene
from gan_lab.losses import NonSaturating
from gan_lab.networks.layers import Dense
from gan_lab.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_lab.terms import Term
from gan_lab.types import Batch, DiscriminatorOutput

pytestmark = pytest.mark.slow

DEVICE = "runs on any device"


def broken(laws: Mapping[str, Law], part: Any) -> list[str]:
    return [law for law, problem in findings(laws, part) if problem is not None]


# --- losses -----------------------------------------------------------------------------------------------------------


class Undeclared(NonSaturating):
    boundary = "none"


class Sum(NonSaturating):
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return super().discriminator(real, fake) * len(real)


class Naive(NonSaturating):
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()


class Detached(NonSaturating):
    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return super().generator(real, fake) * fake.detach().square().mean()


class Backwards(NonSaturating):
    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -super().generator(real, fake)


class Looking(NonSaturating):
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        assert real.mean().item() < 1e9
        return super().discriminator(real, fake)


@pytest.mark.parametrize(
    ("loss", "law"),
    [
        (Undeclared(), "declares"),
        (Sum(), "scalar mean"),
        (Naive(), "finite"),
        (Detached(), "gradients"),
        (Backwards(), "D prefers"),
        (Looking(), DEVICE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_loss_that_breaks_a_law_is_caught(loss: Any, law: str) -> None:
    assert any(name.startswith(law) for name in broken(LOSS, loss))


@pytest.mark.parametrize("name", options("loss"))
def test_the_lab_s_losses_keep_the_laws(name: str) -> None:
    assert not broken(LOSS, losses()[name])


# --- terms ------------------------------------------------------------------------------------------------------------


class Unreduced(Term):
    def value(self, context: Any) -> Tensor:
        return context.real_output.logits.square()


class Stopped(Term):
    def value(self, context: Any) -> Tensor:
        logits = context.real_output.logits
        return (logits * logits.detach()).mean()


class Lazier(Term):
    def forward(self, context: Any, step: int) -> Tensor | None:
        return context.real_output.logits.square().mean() if self.due(step) else None


class OnTheCpu(Term):
    def value(self, context: Any) -> Tensor:
        return (context.real_output.logits * torch.rand(len(context.real))).mean()


def scene(directory: Path, term: Term, **changes: str) -> Scene:
    game, data = build(compose_experiment([f"{key}={value}" for key, value in (SMALL | changes).items()], directory))
    return Scene(term, game, game.d if "d" in term.acts_on else game.g, data.take(8))


@pytest.mark.parametrize(
    ("term", "law"),
    [(Unreduced(), "a finite scalar"), (Stopped(), "gradients"), (Lazier(), "lazy"), (OnTheCpu(), DEVICE)],
    ids=lambda value: type(value).__name__,
)
def test_a_term_that_breaks_a_law_is_caught(term: Term, law: str, tmp_path: Path) -> None:
    assert any(name.startswith(law) for name in broken(TERM, scene(tmp_path, term)))


@pytest.mark.parametrize("name", terms())
def test_the_lab_s_terms_keep_the_laws(name: str, tmp_path: Path) -> None:
    (part,) = OmegaConf.load(CONF / "term" / f"{name}.yaml").values()
    images = {"data": "digits"} if "policy" in part else {}
    assert not broken(TERM, scene(tmp_path, instantiate(part), **images))


# --- networks ---------------------------------------------------------------------------------------------------------


def network(module: nn.Module, shape: tuple[int, ...] | None = None) -> Network:
    return Network(module, lambda n: torch.randn(n, 2, generator=torch.Generator().manual_seed(n)), shape)


class Small(nn.Module):
    """A discriminator that keeps the laws."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.spare = nn.Linear(2, 1), nn.Linear(2, 1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        return DiscriminatorOutput((self.layer(x) + self.spare(x)).squeeze(1))


class Bare(Small):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        return self.layer(x)


class Together(Small):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        return DiscriminatorOutput(super().forward(x).logits - x.mean())


class Idle(Small):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        return DiscriminatorOutput(self.layer(x).squeeze(1))


class Bound(Small):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        return DiscriminatorOutput(super().forward(x).logits * torch.ones(len(x)))


@pytest.mark.parametrize(
    ("module", "law"),
    [(Bare(), "shapes"), (Together(), "in evaluation mode"), (Idle(), "every weight"), (Bound(), DEVICE)],
    ids=lambda value: type(value).__name__,
)
def test_a_network_that_breaks_a_law_is_caught(module: nn.Module, law: str) -> None:
    assert [name for name in broken(NETWORK, network(module)) if name.startswith(law)]


def test_networks_keep_the_laws() -> None:
    assert not broken(NETWORK, network(Small()))
    settings: dict[str, Any] = {"hidden": [8], "layer": lambda a, b: Dense(a, b, activation=nn.ReLU)}
    assert not broken(NETWORK, network(MLPDiscriminator((2,), **settings)))
    assert not broken(NETWORK, network(MLPGenerator(2, (3, 5), output=nn.Tanh(), **settings), (3, 5)))
    assert broken(NETWORK, network(MLPGenerator(2, (3, 5), output=nn.Tanh(), **settings), (3, 4))) == ["shapes"]


# --- data -------------------------------------------------------------------------------------------------------------


class Double(Toy):
    def take(self, n: int, start: int = 0) -> Batch:
        return Batch(super().take(n, start).x.double())


class Forgetful(Toy):
    def batches(self, start: int) -> Any:
        return super().batches(0)


def test_data_that_break_a_law_are_caught(tmp_path: Path) -> None:
    settings = (ring(8, 1.0, 0.01), (2,), 8, 0)
    assert broken(DATA, Double(*settings)) == ["shapes and ranges"]
    assert broken(DATA, Forgetful(*settings)) == ["the data order goes on where it stopped"]
    assert not broken(DATA, Toy(*settings))
    config = compose_experiment([f"{k}={v}" for k, v in (SMALL | {"data": "digits"}).items()], tmp_path)
    assert not broken(DATA, build_data(config))


# --- in a game --------------------------------------------------------------------------------------------------------


class Meddling(Term):
    """Moves G's weights, in a step of D."""

    def value(self, context: Any) -> Tensor:
        with torch.no_grad():
            next(context._g.network.parameters()).add_(1e-3)
        return context.real_output.logits.square().mean()


class Counting(NonSaturating):
    """Remembers what no checkpoint holds."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        calls = self.__dict__.setdefault("calls", [])
        calls.append(1)
        return super().discriminator(real, fake) * (1 + len(calls))


def test_a_part_that_moves_the_other_player_is_caught() -> None:
    found = dict(check_part("test_laws.Meddling"))
    assert "a move of d changes" in (found["a move of one player leaves the other alone"] or "")


def test_a_part_with_a_state_of_its_own_is_caught() -> None:
    found = dict(check_part("test_laws.Counting"))
    assert "differs after 4 rounds" in (found["a run that goes on is the same to the bit"] or "")


def test_what_is_no_part_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, says in (
        (["gan_lab.losses.Hinges"], "gan_lab.losses.Hinges: "),
        (["gan_lab.errors.UserError"], "is none of the kinds that are checked"),
        (["gan_lab.losses.Hinge", "data=nowhere"], "data=nowhere: no such option"),
    ):
        assert check(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and says in line


# --- a project of one's own -------------------------------------------------------------------------------------------


def test_a_new_project_trains_and_its_parts_keep_the_laws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert new(["mine"]) == 0
    assert new(["mine"]) == new(["Not a name"]) == 2
    project = tmp_path / "mine"
    small = "experiment=mine rounds=2 model.width=8 data.batch_size=8 callbacks=[metrics,checkpoint]"
    done = run(f"python {project}/train.py {small} hydra.run.dir=own", project)
    assert f"run: {project}/own" in done.out
    run(f"python -m gan_lab.cli.main train --config-dir conf {small} hydra.run.dir=lab", project)
    monkeypatch.syspath_prepend(project)
    capsys.readouterr()
    for part in ("losses.Tempered", "networks.Generator", "networks.Discriminator", "data.Moons"):
        assert check([f"mine.{part}"]) == 0, capsys.readouterr().out
