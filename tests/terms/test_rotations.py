"""Laws of SSGAN's rotations."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.terms import Rotations
from gan_lab.terms.rotations import quarter_turned
from gan_lab.types import DiscriminatorOutput


def game(judge: Callable[[Tensor], Tensor | None], real: Tensor, fake: Tensor) -> Any:
    return SimpleNamespace(
        real=real, fake=fake, discriminate=lambda x: DiscriminatorOutput(x.flatten(1).sum(1), judge(x))
    )


@pytest.mark.parametrize("n", [1, 3, 4, 6, 9, 64])
def test_each_quarter_of_a_batch_is_turned_by_one_quarter_more(n: int) -> None:
    x = torch.randn(n, 2, 3, 3)
    turned, r = quarter_turned(x)
    assert r.tolist() == [4 * i // n for i in range(n)]
    assert all(torch.equal(turned[i], x[i].rot90(int(r[i]), (1, 2))) for i in range(n))


def bright_corner(x: Tensor) -> Tensor:
    """Large logits for where the bright corner went: r = 0 is at the top left, 1 at the bottom left, and so on."""
    return 100 * torch.stack([x[:, 0, i, j] for i, j in ((0, 0), (-1, 0), (-1, -1), (0, -1))], 1)


def test_it_costs_nothing_where_d_knows_the_turn_and_log_4_where_it_guesses() -> None:
    marked, blank = torch.zeros(8, 1, 5, 5), torch.zeros(8, 1, 5, 5)
    marked[:, :, 0, 0] = 1
    for player, samples in (("d", {"real": marked, "fake": blank}), ("g", {"real": blank, "fake": marked})):
        term = Rotations(weight=0.5)
        term.player = player  # type: ignore[assignment]
        assert term(game(bright_corner, **samples), 0).item() == pytest.approx(0, abs=1e-6)
        swapped = {"real": samples["fake"], "fake": samples["real"]}
        assert term(game(bright_corner, **swapped), 0).item() == pytest.approx(0.5 * math.log(4))


@pytest.mark.parametrize(
    ("shape", "classes", "text"),
    [
        ((4, 2), 4, "turns square images"),
        ((4, 1, 3, 5), 4, "turns square images"),
        ((4, 1, 3, 3), None, "add wrapper@d_wrappers=\\[rotation_head\\]"),
        ((4, 1, 3, 3), 10, "add wrapper@d_wrappers=\\[rotation_head\\]"),
    ],
)
def test_what_cannot_be_turned_or_told_apart_is_refused(shape: tuple[int, ...], classes: int | None, text: str) -> None:
    x = torch.zeros(shape)
    judge = (lambda x: None) if classes is None else (lambda x: torch.zeros(len(x), classes))
    with pytest.raises(UserError, match=text):
        Rotations().value(game(judge, x, x))


@pytest.mark.parametrize("more", [[], ["conditioning=projection"], ["gan.accumulate=2"], ["update=simultaneous"]])
def test_both_players_play_with_rotations(played: Callable[..., Path], more: list[str]) -> None:
    terms = ["term@d_terms=[rotations]", "term@g_terms=[rotations]", "g_terms.rotations.weight=0.2"]
    directory = played("model=dcgan", "data=digits", "wrapper@d_wrappers=[rotation_head]", *terms, *more, "rounds=2")
    header = (directory / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"d/rotations", "g/rotations"} <= {*header}


def test_a_d_with_class_logits_of_its_own_is_refused(played: Callable[..., Path]) -> None:
    with pytest.raises(Exception) as error:
        played("model=mlp", "wrapper@d_wrappers=[rotation_head]", "conditioning=auxiliary", "rounds=1")
    assert "D has class logits already" in str(explain(error.value, []))
