"""A job that Slurm stops is queued again, and goes on."""

import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers.commands import ROOT

from gan_lab.runtime.slurm import WARNINGS, listening, queue_again, requeued

pytestmark = pytest.mark.slow


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """A stand-in for scontrol, which says that the job is in this state; gives what it was asked for."""
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")

    def asked(state: str) -> list[str]:
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho "   JobState={state} Reason=None"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return [line for path in tmp_path.glob("asked") for line in path.read_text().splitlines()]

    return asked


@pytest.mark.parametrize(
    ("number", "state", "again"),
    [
        (signal.SIGUSR1, "RUNNING", True),  # the time is nearly up
        (signal.SIGTERM, "RUNNING", True),  # preempted
        (signal.SIGTERM, "CANCELLED", False),  # scancel
        (signal.SIGINT, "RUNNING", False),
    ],
)
def test_what_slurm_stopped_is_queued_again(
    slurm: Callable[[str], list[str]], number: signal.Signals, state: str, again: bool
) -> None:
    slurm(state)
    assert queue_again(number) is again
    assert ("requeue 7" in slurm(state)) is again


def test_run_and_trap_name_a_task_of_an_array_and_a_single_job(
    slurm: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of the last task is that of the array: it would start all of its tasks again."""
    slurm("RUNNING")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    assert queue_again(signal.SIGUSR1)
    assert slurm("RUNNING") == ["show job 7_2", "requeue 7_2"]
    setup = "\n".join(yaml.safe_load((ROOT / "conf/hydra/launcher/slurm.yaml").read_text())["setup"])
    for code in (140, 1):
        subprocess.run(["bash", "-c", f"{setup}\nexit {code}"], check=False)
    assert slurm("RUNNING")[2:] == ["requeue 7_2"]
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID")
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    subprocess.run(["bash", "-c", f"{setup}\nexit 140"], check=False)
    assert slurm("RUNNING")[3:] == ["requeue 7"]


def test_outside_of_slurm_nothing_is_queued(slurm: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    slurm("RUNNING")
    monkeypatch.delenv("SLURM_JOB_ID")
    assert not queue_again(signal.SIGUSR1)
    assert slurm("RUNNING") == []


def test_a_listener_to_the_warning_hears_of_it_after_the_checkpoint(slurm: Callable[[str], list[str]]) -> None:
    slurm("RUNNING")
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))
    try:
        assert queue_again(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert heard == [signal.SIGUSR2]
    assert slurm("RUNNING") == []


@pytest.mark.parametrize("by_default", [signal.SIG_DFL, signal.SIG_IGN], ids=lambda handler: handler.name)
@pytest.mark.parametrize("number", [*WARNINGS, signal.SIGTERM], ids=lambda n: n.name)
def test_before_the_game_begins_the_job_is_queued_again_at_once(
    slurm: Callable[[str], list[str]], number: signal.Signals, by_default: signal.Handlers
) -> None:
    slurm("RUNNING")
    before = {each: signal.signal(each, by_default) for each in (*WARNINGS, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit, match=str(128 + number)), listening():
            signal.raise_signal(number)
        assert signal.getsignal(number) == by_default
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert slurm("RUNNING").count("requeue 7") == 1


def test_a_refusal_of_slurm_is_told(
    slurm: Callable[[str], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slurm("RUNNING")
    (tmp_path / "bin/scontrol").write_text("#!/bin/sh\necho Requeue is disabled >&2\nexit 1\n")
    assert not queue_again(signal.SIGUSR1)
    assert capsys.readouterr().err == "warning: job 7 was not queued again (Requeue is disabled); submit it anew\n"


def test_a_request_that_slurm_ends_together_with_the_job_was_heard(
    slurm: Callable[[str], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SLURM ends all processes of a job that it queues again, also the one that has asked, be it submitit's."""
    slurm("RUNNING")
    ended = '[ "$1" = requeue ] && kill -TERM $$\necho "JobState=RUNNING"\n'
    (tmp_path / "bin/scontrol").write_text(f"#!/bin/sh\n{ended}")
    assert queue_again(signal.SIGTERM)
    assert capsys.readouterr().err == ""
    before = signal.signal(signal.SIGUSR2, lambda *_: subprocess.run(["scontrol", "requeue", "7_0"], check=True))
    try:
        with pytest.raises(SystemExit):
            queue_again(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize(("count", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("12", True)])
def test_slurm_counts_restarts(monkeypatch: pytest.MonkeyPatch, count: str | None, expected: bool) -> None:
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)
    if count is not None:
        monkeypatch.setenv("SLURM_RESTART_COUNT", count)
    assert requeued() is expected
