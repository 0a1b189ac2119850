"""What is installed: a wheel that works away from the checkout, and the command `gan-lab`."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.commands import ROOT

import gan_lab
from gan_lab.cli import sample
from gan_lab.config.options import parse_options

pytestmark = pytest.mark.slow

TINY = "model=mlp model.hidden=[8] data=ring latent.dim=4 rounds=3 callbacks=[metrics,checkpoint]"

# Commands, each in a process that has imported what is slow to import already.
ONE_BY_ONE = """
import os, sys
import gan_lab.evaluation.evaluator, gan_lab.experiment.run
from gan_lab.cli.main import main
for command in sys.argv[1:]:
    process = os.fork()
    if not process:
        sys.argv = ["gan-lab", *command.split()]
        sys.exit(main())
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, command
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel is installed, and nothing else."""
    place = tmp_path_factory.mktemp("installed")
    checkout = place / "checkout"  # a copy, since a build leaves files beside what it builds
    for folder in ("gan_lab", "conf"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, checkout)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", "./checkout"]
    subprocess.run(wheel, cwd=place, check=True)
    shutil.rmtree(checkout)
    (found,) = (place / "wheels").glob("gan_lab-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", "packages", found], cwd=place, check=True)
    return place / "packages"


def gan_lab_command(packages: Path, where: Path, arguments: str, code: int = 0) -> str:
    """What the installed command prints, with both streams in one, in the folder `where`."""
    environment = os.environ | {"PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
    command = [packages / "bin" / "gan-lab", *arguments.split()]
    done = subprocess.run(
        command, cwd=where, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_a_wheel_trains_samples_evaluates_and_compares_away_from_the_checkout(packages: Path, tmp_path: Path) -> None:
    # In a user's own repository, whose commit is not the lab's.
    for words in ("init", "-c user.name=a -c user.email=a@b commit --allow-empty -m first"):
        subprocess.run(["git", *words.split()], cwd=packages.parent, check=True, capture_output=True)
    commands = [
        f"train {TINY} hydra.run.dir=run",
        "sample run n=4 out=samples.npz",
        "evaluate run n=50 features=pixels metric=kernel",
        "compare run",
    ]
    environment = os.environ | {"PYTHONPATH": str(packages), "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-c", ONE_BY_ONE, *commands]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for part in ("run: ", "4 samples of shape (2,)", "  kernel ", "| this run |"):
        assert part in done.stdout
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["version/gan_lab"] == gan_lab.__version__
    assert summary["git_commit"] is None


def test_the_command_says_how_to_go_on_and_answers_a_mistake_in_one_line(packages: Path, tmp_path: Path) -> None:
    line = gan_lab_command(packages, tmp_path, "train loss=hinje", 2)
    assert line.startswith("error: loss=hinje: no such option; did you mean hinge?") and line.count("\n") == 1


def test_its_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['gan-lab', '--help']; from gan_lab.cli.main import main\ntry: main()\n"
    code += "except SystemExit: print({'torch', 'hydra', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
    for name in ("train", "sample", "evaluate", "compare", "status", "dashboard"):
        assert f"\n  {name} " in done.stdout


def test_a_command_that_is_not_there_is_refused(packages: Path, tmp_path: Path) -> None:
    assert "error: trian: no such command; did you mean train?" in gan_lab_command(packages, tmp_path, "trian", 2)


@pytest.mark.parametrize("module", ["sample", "evaluate", "compare", "sweep_status", "dashboard"])
def test_the_page_of_a_command_is_shown_wherever_it_is_asked_for(
    module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(f"gan_lab.{module}").main
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("usage: gan-lab ")
    assert main([]) == 2 and capsys.readouterr().out == page
    assert main(["run", "--help"]) == 0
    assert max(map(len, page.splitlines())) <= 120


def test_an_option_may_have_hyphens_and_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    options = parse_options(sample.Options, ["--n=3", "out=~/a b.npz"])
    assert (options.n, options.out) == (3, tmp_path / "a b.npz")
