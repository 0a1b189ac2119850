"""Several seeds in one process: each gets the run that it would have had by itself."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import commands
from helpers.commands import finish, rounds_logged, start, until
from helpers.configuration import options, terms
from helpers.runs import TIMINGS, assert_same_runs, rows
from omegaconf import DictConfig, OmegaConf

from gan_lab.cli.evaluate import main as evaluate
from gan_lab.cli.status import status
from gan_lab.config.check import check
from gan_lab.ensemble.game import Ensemble
from gan_lab.ensemble.member import Member
from gan_lab.ensemble.play import play_together
from gan_lab.ensemble.seeds import check_seeds, runs_of
from gan_lab.errors import UserError
from gan_lab.experiment.run import play
from gan_lab.io.checkpoint import PlainCheckpointIO

pytestmark = pytest.mark.slow

Composed = Callable[..., DictConfig]
TOGETHER = {  # the options that several seeds can be played with
    "loss": {*options("loss")} - {"multi_hinge", "top_k"},
    "update": {*options("update")} - {"apa", "balanced", "logan"},
    "term": {"r1", "r2", "approximate_r1", "approximate_r2", "gradient_penalty", "weight_clip"},
    "model": {"mlp", "mlp_2014"},
}
CASES = [
    *([f"loss={name}"] for name in sorted(TOGETHER["loss"])),
    *([f"update={name}", "loss=wasserstein"] for name in sorted(TOGETHER["update"])),
    *([f"term@d_terms=[{name}]"] for name in sorted(TOGETHER["term"])),
    ["term@d_terms=[r1,weight_clip]", "d_terms.r1.every=2", "d_terms.weight_clip.every=2"],
    ["update=unrolled", "term@d_terms=[r1,r2]", "data=ring"],
    ["optimizer.fused=true", "data=ring"],
    ["optimizer=sgd", "optimizer.momentum=0.9", "gan.clip_norm=0.1", "update.d_steps=2"],
    ["optimizer=rmsprop", "latent=uniform", "ema=none", "schedule=cosine", "data=mixture_1d"],
    ["ema=half_life", "ema.half_life=900", "ema.rampup=0.9", "+ema@averages.late=delayed", "averages.late.start=4"],
    ["model=mlp_2014", "schedule=goodfellow2014", "optimizer=sgd"],  # dropout, and momentum that moves
    ["callbacks=[default,early_stopping]", "callbacks.early_stopping={monitor: d/loss, patience: 9}"],
]


def overrides(*case: str) -> list[str]:
    """Metrics after rounds 1, 4 and 8 of 9: two rounds together, one alone, three together, and two alone.

    With so large an eps Adam makes no step of the rounding of a gradient that is zero apart from that.
    """
    model = [] if any(part.startswith("model=") for part in case) else ["model=mlp"]
    adam = (
        []
        if any(part.startswith("optimizer=") for part in case)
        else ["+optimizer.d.eps=1e-3", "+optimizer.g.eps=1e-3"]
    )
    return [*model, *adam, *case, "rounds=9", "callbacks.metrics.every=4", "callbacks.terminate_on_nan.every=4"]


def together(composed: Composed, where: Path, *case: str, seed: int = 5, seeds: int = 2) -> list[Path]:
    """Play the runs of so many seeds in `where`; their directories."""
    config = composed(*overrides(*case), f"seed={seed}", f"seeds={seeds}", f"directory={where}")
    check(config)
    check_seeds(config, multirun=False)
    runs = runs_of(config, [f"seeds={seeds}", "seed=5"])
    assert play_together(runs) == 0
    return [Path(run.directory) for run, _ in runs]


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict | list | tuple):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(value, f"{path}/{key}")
    elif not path.endswith(TIMINGS):
        yield path, tree


def assert_alike(a: Path, b: Path, within: float = 2e-4) -> None:
    """Checkpoints with the same entries and, to rounding, the same numbers; rows of the same figures."""
    one, other = (dict(leaves(PlainCheckpointIO().load_checkpoint(run / "checkpoints/last.ckpt"))) for run in (a, b))
    assert one.keys() == other.keys()
    for path, value in one.items():
        if isinstance(value, torch.Tensor | float):
            x, y = (torch.as_tensor(tree[path]).double() for tree in (one, other))
            torch.testing.assert_close(
                x, y, atol=within, rtol=within, equal_nan=True, msg=lambda m, p=path: f"{p}: {m}"
            )
        else:
            assert value == other[path], path
    assert [row["round"] for row in rows(a)] == [row["round"] for row in rows(b)]
    assert [row["round"] for row in rows(a)][:-1] == ["1", "4", "8"]
    assert [row.keys() for row in rows(a)] == [row.keys() for row in rows(b)]


def files(directory: Path) -> set[Path]:
    return {path.relative_to(directory) for path in directory.rglob("*")}


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_each_seed_gets_the_run_that_it_has_by_itself(
    composed: Composed, tmp_path: Path, case: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    played = []
    step = Ensemble.training_step
    monkeypatch.setattr(Ensemble, "training_step", lambda self, *a: (played.append(self.round), step(self, *a)))
    directories = together(composed, tmp_path / "together", *case)
    lazy = any(".every=2" in part for part in case)
    assert played == ([1, 4, 5] if lazy else [1, 2, 4, 5, 6])
    for seed, directory in zip((5, 6), directories, strict=True):
        alone = composed(*overrides(*case), f"seed={seed}", f"directory={tmp_path / str(seed)}")
        assert play(alone, [f"seed={seed}"]) == 0
        assert_alike(directory, tmp_path / str(seed))
        assert files(directory) == files(tmp_path / str(seed))


def test_each_seed_is_audited_as_by_itself(composed: Composed, tmp_path: Path) -> None:
    """Of players at rest: the auditor's trees make much of the last bits."""
    case = ["data=digits", "optimizer.lr=1e-9", "callbacks.audit.n=20", "callbacks.audit.every=4"]
    for seed, directory in zip((5, 6), together(composed, tmp_path / "together", *case), strict=True):
        (tmp_path / str(seed)).mkdir()
        play(composed(*overrides(*case), f"seed={seed}", f"directory={tmp_path / str(seed)}"))
        one, other = (json.loads((run / "summary.json").read_text()) for run in (directory, tmp_path / str(seed)))
        found = {name: value for name, value in one.items() if name.startswith("audit/") and "game" not in name}
        assert len(found) > 9
        assert found == {name: other[name] for name in found}
        assert one["audit/game_auc"] == pytest.approx(other["audit/game_auc"], abs=1e-3)


def test_beside_a_callback_that_does_not_say_when_it_acts_no_round_is_played_together(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ensemble, "gather", lambda _: pytest.fail("they were put together"))
    together(composed, tmp_path, "+callbacks.other._target_=pytorch_lightning.Callback")


def test_one_of_them_goes_on_by_itself(composed: Composed, tmp_path: Path) -> None:
    """`resume=` of one directory, with more rounds than the rest had: as if it had never been with the others."""
    first, second = together(composed, tmp_path / "together", "data=ring")
    alone = composed(*overrides("data=ring"), "seed=6", "rounds=11", f"directory={tmp_path / 'alone'}")
    again = OmegaConf.merge(alone, {"directory": str(second), "resume": str(second)})
    assert play(again, ["seed=6"]) == play(alone, ["seed=6"]) == 0  # type: ignore[arg-type]
    assert_alike(second, tmp_path / "alone")
    assert json.loads((first / "summary.json").read_text())["rounds"] == 9


def test_a_seed_that_fails_leaves_the_others_alone(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gathered = Ensemble.gather

    def gather(self: Ensemble) -> None:
        gathered(self)
        with torch.no_grad():
            for weight in self.d.weights if len(self.games) == 3 else ():
                weight[1] = torch.nan

    monkeypatch.setattr(Ensemble, "gather", gather)
    config = composed(*overrides("data=ring"), "seeds=3", f"directory={tmp_path / 'together'}")
    runs = runs_of(config, [])
    assert play_together(runs) == 2
    told = "error: seed 1: the discriminator's loss became NaN or infinite in round 4;"
    assert [line[: len(told)] for line in capsys.readouterr().err.splitlines()] == [told]
    assert [job.state for job in status(tmp_path / "together", 60)] == ["done", "failed", "done"]
    assert play(composed(*overrides("data=ring"), f"directory={tmp_path / '0'}"), ["seed=0"]) == 0
    assert_alike(tmp_path / "together" / "seed=0", tmp_path / "0")


def test_a_mistake_in_a_round_of_all_is_a_failure_of_all(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Ensemble, "training_step", broken)
    runs = runs_of(composed(*overrides("data=ring"), "seeds=2", f"directory={tmp_path}"), [])
    with pytest.raises(RuntimeError, match="a bug"):
        play_together(runs)
    assert [(job.state, job.note) for job in status(tmp_path, 60)] == [("failed", "RuntimeError: a bug")] * 2


def test_those_behind_catch_up_before_all_go_on_together(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after kill -9 between two checkpoints."""
    where = tmp_path / "together"
    config = composed(*overrides("data=ring"), "seeds=2", f"directory={where}")
    runs = runs_of(config, [])
    (first, _), (second, _) = runs
    for run, rounds in ((first, 2), (second, 3)):
        assert play(OmegaConf.merge(run, {"rounds": rounds})) == 0  # type: ignore[arg-type]
        run.resume = run.directory
    played = []
    step = Ensemble.training_step
    monkeypatch.setattr(Ensemble, "training_step", lambda self, *a: (played.append(self.round), step(self, *a)))
    assert play_together(runs) == 0
    assert played == [4, 5, 6]
    for run in (first, second):
        alone = tmp_path / str(run.seed)
        assert play(composed(*overrides("data=ring"), f"seed={run.seed}", f"directory={alone}")) == 0
        assert [row["round"] for row in rows(Path(run.directory))] == ["1", "4", "8", "9"]
        ours, its = (json.loads((path / "summary.json").read_text()) for path in (Path(run.directory), alone))
        assert ours["d/loss"] == pytest.approx(its["d/loss"], abs=1e-4)
    assert play_together(runs) == 0  # nothing to do


REFUSED = [
    ["loss=top_k"],
    *([f"update={name}"] for name in sorted({*options("update")} - TOGETHER["update"])),
    *([f"term@g_terms=[{name}]"] for name in sorted({*terms()} - TOGETHER["term"])),
    *([f"model={name}"] for name in sorted({*options("model")} - TOGETHER["model"] - {"mlp_2016"})),
    *([f"wrapper@d_wrappers=[{name}]"] for name in options("wrapper")),
    ["conditioning=concat"],
    ["model.generator.layer.norm={_target_: torch.nn.BatchNorm1d, _partial_: true}"],
    ["gan.joint_batch=true"],
    ["trainer.precision=bf16-mixed"],
    ["trainer=ddp_cpu"],
    ["logger=wandb"],
    ["resume=there"],
    ["optimizer.d._target_=torch.optim.Adafactor"],
]


@pytest.mark.parametrize("case", REFUSED, ids=" ".join)
def test_what_does_not_fit_is_refused_in_one_line(composed: Composed, case: list[str]) -> None:
    model = [] if case[0].startswith("model=") else ["model=mlp"]
    norm = ["+" + case[0]] if "norm=" in case[0] else case
    with pytest.raises(UserError, match=r"^seeds: \S.+") as told:
        check_seeds(composed(*model, *norm, "seeds=2"), multirun=False)
    assert "\n" not in str(told.value) and len(str(told.value)) < 700


def test_a_signal_ends_all_after_the_same_round(composed: Composed, tmp_path: Path) -> None:
    """And does not change the arithmetic: the round after it is still played together."""

    def made(where: str) -> list[tuple[DictConfig, list[str]]]:
        settings = [
            *overrides("data=ring"),
            "rounds=20",
            "callbacks.metrics.every=20",
            "callbacks.terminate_on_nan.every=20",
        ]
        return runs_of(composed(*settings, "seeds=2", f"directory={tmp_path / where}"), [])

    runs = made("broken")
    with pytest.MonkeyPatch.context() as patch:
        step = Ensemble.training_step

        def interrupted(self: Ensemble, *args: Any) -> None:
            step(self, *args)
            if self.round == 10:
                signal.raise_signal(signal.SIGTERM)

        patch.setattr(Ensemble, "training_step", interrupted)
        before = signal.getsignal(signal.SIGTERM)
        assert play_together(runs) == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == before
    summaries = [json.loads((Path(run.directory) / "summary.json").read_text()) for run, _ in runs]
    assert [(summary["rounds"], summary["finished"]) for summary in summaries] == [(10, False)] * 2
    for run, _ in runs:
        run.resume = run.directory
    assert play_together(runs) == play_together(made("whole")) == 0
    for seed in range(2):
        assert_same_runs(tmp_path / "whole" / f"seed={seed}", tmp_path / "broken" / f"seed={seed}")


def test_a_seed_that_has_failed_does_not_keep_the_others_from_being_queued_again(
    composed: Composed, tmp_path: Path
) -> None:
    runs = runs_of(composed(*overrides("data=ring"), "seeds=3", f"directory={tmp_path}"), [])
    advance, signalled = Member.advance, iter([True])

    def disturbed(self: Member) -> None:
        advance(self)
        if self.config.seed == 1:
            self.error = UserError("broken")
        elif next(signalled, False):
            signal.raise_signal(signal.SIGUSR1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Member, "advance", disturbed)
        assert play_together(runs) == 128 + signal.SIGUSR1


def test_at_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stopped and started again, told apart from a sweep by nothing but its speed."""
    small = ["data=ring", "model=mlp", "model.hidden=[16]", "data.batch_size=8", "latent.dim=4", "rounds=800"]
    command = [*small, "callbacks.metrics.every=50", "callbacks.logit_landscape=null", "seeds=3", "hydra.run.dir=seeds"]
    process = start(*command, where=tmp_path)
    until(lambda: any(rounds_logged(run) > 2 for run in (tmp_path / "seeds").glob("*seed=2*")), process, 240)
    process.send_signal(signal.SIGTERM)
    finish(process, 128 + signal.SIGTERM)
    runs = sorted((tmp_path / "seeds").glob("*seed=*"))
    assert len(runs) == 3
    summaries = [json.loads((run / "summary.json").read_text()) for run in runs]
    assert len({summary["rounds"] for summary in summaries}) == 1
    commands.run(["train.py", *command], tmp_path, seconds=300)
    assert [job.state for job in status(tmp_path / "seeds", 60)] == ["done"] * 3
    assert [json.loads((run / "summary.json").read_text())["seed"] for run in runs] == [0, 1, 2]
    assert evaluate([str(tmp_path / "seeds"), "features=pixels", "metric=[mode_coverage]", "n=200"]) == 0
    assert "3 seeds" in capsys.readouterr().out
    process = start("-m", *command, where=tmp_path)
    assert process.communicate(timeout=120)[1].strip().startswith("error: job 0: seeds: does not go with --multirun")
    assert process.returncode == 2
