"""A directory has one live process at a time, and none once that is dead."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.commands import SMALL_GAME, finish, rounds_logged, start, until

from gan_lab.cli.status import status
from gan_lab.runtime.lock import NAME, Busy, exclusive, leads

pytestmark = pytest.mark.slow

HOLD = (
    "import sys, time, pathlib, gan_lab.runtime.lock as lock; lock.hold(pathlib.Path(sys.argv[1])); print(flush=True)"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", f"{HOLD}; time.sleep(600)", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_the_second_is_told_who_the_first_is(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(Busy, match=f"{tmp_path}: process {holder.pid} on .* is at work there"), exclusive(tmp_path):
        pass


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with exclusive(tmp_path):
        assert (tmp_path / NAME).read_text().startswith(f"process {os.getpid()} on ")


def test_the_second_can_wait(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -9 {holder.pid}"]), exclusive(tmp_path, wait=60):
        pass


def test_workers_do_not_inherit_it(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        worker = multiprocessing.get_context("fork").Process(target=signal.pause)
        worker.start()
    subprocess.run([sys.executable, "-c", HOLD, str(tmp_path)], check=True, capture_output=True)
    worker.kill()
    worker.join()


def test_where_no_lock_can_be_had_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with exclusive(tmp_path / "file" / "run"):
        pass


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "0", "RANK": ""}, True),
        ({"SLURM_PROCID": "3"}, False),
        ({"LOCAL_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
    ],
)
def test_the_first_of_several_processes_holds_for_all(environment: dict[str, str], first: bool) -> None:
    assert leads(environment) is first


def test_two_live_starts_of_one_sweep(tmp_path: Path) -> None:
    """The second start of the sweep ends; so does the run that goes on with one of its jobs, which stays as it is."""
    sweep = ["-m", "seed=0", *SMALL_GAME, "rounds=100000", "hydra.sweep.dir=sweep"]
    first = start(*sweep, where=tmp_path)
    until(lambda: any(rounds_logged(run) > 2 for run in tmp_path.glob("sweep/*/")), first, 240)
    (run,) = tmp_path.glob("sweep/*/")
    seconds = [start(*sweep, where=tmp_path), start(f"resume={run}", where=tmp_path)]
    for second, place in zip(seconds, ("sweep", run), strict=True):
        _, errors = second.communicate(timeout=240)
        assert second.returncode == 2
        (line,) = errors.splitlines()
        assert line.startswith(f"error: {place}: process {first.pid} on ")
    assert [job.state for job in status(tmp_path / "sweep", 60)] == ["running"]
    first.send_signal(signal.SIGTERM)
    finish(first, 128 + signal.SIGTERM)
