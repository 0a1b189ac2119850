"""Laws of InfoGAN: the codes in z, the bound of their mutual information with the samples, and who learns from it."""

import re
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
import torch
from helpers.configuration import options
from helpers.players import play_with, same, snapshot
from helpers.runs import assert_resumes
from omegaconf import DictConfig

from gan_lab.cli.sample import main
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.metrics.conditional import matched_accuracy

GAME = ("model=mlp", "latent=codes", "latent.dim=16")


@pytest.mark.parametrize("mover", ["d", "g"])
def test_a_move_of_one_player_leaves_the_other_bit_identical_and_q_moves_with_d(
    composed: Callable[..., DictConfig], mover: str
) -> None:
    def act(gan: GAN) -> None:
        moving, still = (gan.d, gan.g) if mover == "d" else (gan.g, gan.d)
        before, before_moving = snapshot(still), snapshot(moving)
        value, seen = gan.objective(moving, gan.context(moving))
        gan.move(moving, gan.gradient(moving, value))
        assert same(before, snapshot(still))
        changed = [name for name, value in snapshot(moving).items() if not torch.equal(value, before_moving[name])]
        assert any(name.startswith("head.") for name in changed) == (mover == "d")
        assert f"{mover}/mutual_information" in seen

    play_with(act, composed(*GAME))


def test_both_players_gain_from_the_bound(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.d, gan.g)
        for player in (gan.d, gan.g):
            value = player.terms["mutual_information"](context, 0)
            gradient = gan.gradient(player, value, retain_graph=True)
            assert sum(slope.abs().sum() for slope in gradient) > 0

    play_with(act, composed(*GAME))


@pytest.mark.parametrize(
    ("update", "parts"),
    [
        *((update, ["model=mlp"]) for update in options("update")),
        ("alternating", ["model=dcgan"]),
        ("unrolled", ["model=mlp", "conditioning=projection"]),
    ],
)
def test_every_update_plays_it_and_it_samples(played: Callable[..., Path], update: str, parts: list[str]) -> None:
    directory = played("latent=codes", "latent.dim=16", *parts, f"update={update}", "rounds=2")
    assert main([str(directory), "n=4", f"out={directory / 's.png'}"]) == 0


def test_other_codes_and_wrappers_play(played: Callable[..., Path]) -> None:
    played(*GAME, "latent.categorical=[3,4]", "latent.continuous=0", "wrapper@d_wrappers=[spectral_norm]", "rounds=2")


def test_the_matched_accuracy_is_the_best_over_all_assignments() -> None:
    generator = torch.Generator().manual_seed(0)
    codes, classes = torch.randint(4, (2, 200), generator=generator)
    best = max((torch.tensor(p)[codes] == classes).double().mean().item() for p in permutations(range(4)))
    assert matched_accuracy(codes, classes) == pytest.approx(best)
    assert matched_accuracy(torch.tensor([3, 1, 0, 2])[classes], classes) == 1
    assert matched_accuracy(torch.zeros(40, dtype=torch.int64), torch.arange(4).repeat(10)) == 0.25


def test_save_kill_resume_equals_uninterrupted(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        return composed(*GAME, "rounds=6", f"directory={tmp_path / name}", "callbacks.checkpoint.every=2")

    assert_resumes(config, tmp_path)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["latent.dim=12"], "dim=12: codes take 12 of it, which leaves no noise"),
        (["latent.categorical=[0]"], "latent.categorical.*must be"),
        (["latent.continuous=-1"], "latent.continuous=-1: must be"),
        (["d_terms.mutual_information.std=0"], "d_terms.mutual_information.std=0: must be"),
        (["model=dirac", "data=dirac"], "shows no features to put a head on"),
        (["d_wrappers=null"], "D no posterior of them; take latent=codes"),
        (["g_terms.mutual_information.continuous=1"], "z has no such codes, or D no posterior"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(played: Callable[..., Path], overrides: list[str], says: str) -> None:
    model = [] if overrides[0].startswith("model=") else ["model=mlp"]
    with pytest.raises(Exception) as error:
        played(*model, "latent=codes", "latent.dim=16", *overrides, "rounds=1")
    line = explain(error.value, overrides)
    assert line is not None and "\n" not in line
    assert re.search(says, line)


@pytest.mark.parametrize("conditioning", ["adc", "auxiliary"])
def test_a_d_that_classifies_already_is_refused(composed: Callable[..., DictConfig], conditioning: str) -> None:
    with pytest.raises(UserError, match="latent=codes: D has class logits already"):
        play_with(lambda gan: gan.objective(gan.d, gan.context(gan.d)), composed(*GAME, f"conditioning={conditioning}"))
