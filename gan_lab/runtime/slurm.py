"""SLURM: saving and requeueing of preempted jobs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gan_lab.errors import UserError

WARNINGS = (signal.SIGUSR1, signal.SIGUSR2)  # what clusters are asked to send before the time is up


def cluster() -> list[Any]:
    """What tells Lightning of SLURM: which process is which, and that saving and queueing again are not its affair.

    Its own handler saves at once, wherever the game is: between D's move and G's, too.

    Raises:
        UserError: the job asked for tasks in a way that Lightning does not understand.
    """
    from lightning_fabric.plugins.environments import SLURMEnvironment

    try:
        return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
    except RuntimeError as error:
        raise UserError(f"SLURM: {error}") from error


def requeued() -> bool:
    """Whether SLURM has started this job before."""
    return os.environ.get("SLURM_RESTART_COUNT", "0") not in ("", "0")


@contextmanager
def listening() -> Iterator[None]:
    """Before the game begins there is nothing to save: what SLURM sends then ends the process, queued again, at once.

    While it is played, and no matter who listened before, `Interruption` does; once it has ended, nothing does. A job's
    script may have let signals be ignored until here, since they would end Python as it starts.
    """
    signals = (*WARNINGS, signal.SIGTERM) if "SLURM_JOB_ID" in os.environ else ()
    before = {number: signal.getsignal(number) for number in signals}
    taken = {number: handler for number, handler in before.items() if handler in (signal.SIG_DFL, signal.SIG_IGN)}
    try:
        for number in taken:
            signal.signal(number, _leave)
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    queue_again(number)
    raise SystemExit(128 + number)


def queue_again(number: int) -> bool:
    """Once a run that was stopped by signal `number` has saved: ask for its job to be started again, if that was meant.

    Warnings that the time is nearly up (USR1, USR2) and preemption (TERM) mean that; Ctrl-C and scancel do not. Whoever
    listened to the warning before the run did (submitit, which counts time-outs) hears of it now.

    Returns whether the job is queued; SLURM ends the process soon after.
    """
    job = _job()
    if job is None or number == signal.SIGINT:
        return False
    listener = signal.getsignal(number)
    if number in WARNINGS and callable(listener) and listener is not _leave:
        try:
            listener(number, None)
        except subprocess.CalledProcessError as error:
            if not _ended_with_the_job(error):
                raise
            raise SystemExit(-1) from error  # as submitit ends
        return True
    try:
        if "JobState=RUNNING" not in _scontrol("show", "job", job):
            return False  # cancelled: it is not to come back
        _scontrol("requeue", job)
    except (OSError, subprocess.SubprocessError) as error:
        if _ended_with_the_job(error):
            return True
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        print(f"warning: job {job} was not queued again ({reason}); submit it anew", file=sys.stderr)
        return False
    return True


def _job() -> str | None:
    """This job's name for scontrol: its number, but of an array's last task, whose number names all of the array."""
    number, task = (os.environ.get(f"SLURM_{name}") for name in ("JOB_ID", "ARRAY_TASK_ID"))
    return f"{number}_{task}" if number is not None and number == os.environ.get("SLURM_ARRAY_JOB_ID") else number


def _ended_with_the_job(error: Exception) -> bool:
    """Whether a request to SLURM was cut short by its being carried out: that ends every process of the job."""
    return isinstance(error, subprocess.CalledProcessError) and error.returncode == -signal.SIGTERM


def _scontrol(*arguments: str) -> str:
    done = subprocess.run(["scontrol", *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
