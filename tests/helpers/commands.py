"""Command lines as users type them, in processes that have imported what is slow to import already."""

import multiprocessing
import os
import runpy
import shlex
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "helpers.forked",
        "gan_lab.experiment.run",
        "gan_lab.ensemble.play",
        "torchvision",
        "matplotlib.pyplot",
        "scipy.stats",  # of scikit-learn, whose other imports start a thread
    ]
)


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that it said on standard error."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and "Traceback" not in self.err, self.err
        return lines[0]


class Command:
    """`python train.py ...` or `python -m MODULE ...` in the folder `where`, begun at once.

    `text` is the line as it is typed, or the words after `python`. With `group` it leads a group of processes.
    """

    def __init__(self, text: str | list[str], where: Path, group: bool = False) -> None:
        self._said = TemporaryDirectory()
        self._notes = [Path(self._said.name, name) for name in ("out", "err")]
        words = text
        if isinstance(text, str):
            python, *words = shlex.split(text)
            assert python == "python"
        environment = {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(where / ".cache"), "WANDB_MODE": "offline"}
        environment |= {
            name: os.environ[name]
            for name in ("XDG_CONFIG_HOME", "SLURM_RESTART_COUNT", "PYTHONPATH")
            if name in os.environ
        }
        self.process = SERVER.Process(
            target=_play, args=(words, str(where), environment, list(map(str, self._notes)), group)
        )
        self.process.start()

    # What `subprocess.Popen` has of the same.
    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    @property
    def pid(self) -> int:
        return self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def wait(self) -> None:
        self.process.join()

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        done = self.done(timeout)
        return done.out, done.err

    def done(self, seconds: float = 120) -> Done:
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
        out, err = (note.read_text() for note in self._notes)
        assert code is not None, f"not over after {seconds} s: {err}"
        return Done(code, out, err)


def run(text: str | list[str], where: Path, code: int = 0, seconds: float = 120) -> Done:
    """A command to its end, which is to have this exit code."""
    done = Command(text, where).done(seconds)
    assert done.code == code, done.err + done.out
    return done


def _play(words: list[str], where: str, environment: dict[str, str], notes: list[str], group: bool) -> None:
    if group:
        os.setsid()
    for descriptor, note in zip((1, 2), notes, strict=True):
        os.dup2(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    os.environ |= environment
    multiprocessing.set_start_method("fork", force=True)  # as in a process that no fork server has started
    os.chdir(where)
    sys.path.insert(0, str(ROOT))
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [str(ROOT / words[0]), *words[1:]]
            sys.path.insert(0, str(Path(sys.argv[0]).parent))
            runpy.run_path(sys.argv[0], run_name="__main__")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


SMALL_GAME = ["model=mlp", "model.hidden=[16]", "data.batch_size=8", "latent.dim=4"]
SMALL_GAME += ["callbacks.audit=null", "callbacks.report=null"]


def start(*arguments: str, where: Path) -> Command:
    """`python train.py ...`, begun."""
    return Command(["train.py", *arguments], where)


def start_afresh(*arguments: str, where: Path) -> subprocess.Popen[str]:
    """The same in a process that imports everything by itself, with the environment of the tests."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": path, "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=where, env=environment,
    )  # fmt: skip


def finish(process: Command | subprocess.Popen[str], code: int = 0, seconds: float = 120) -> str:
    out, errors = process.communicate(timeout=seconds)
    assert process.returncode == code, errors
    return out


def until(condition: object, process: Command | subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait for a sign of life on disk."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def rounds_logged(directory: Path) -> int:
    try:
        with (directory / "metrics.csv").open() as file:
            return sum(1 for _ in file) - 1
    except FileNotFoundError:
        return 0
