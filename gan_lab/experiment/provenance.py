"""Provenance of a run: versions and commits of its code, and uncommitted changes."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_lab.config.tree import parts
from gan_lab.io.files import write_atomically
from gan_lab.io.run_file import note
from gan_lab.version import __version__

CHANGES = "changes.diff"
LONGEST = 2**20  # characters of the changes of one checkout
OTHERS = ("torch", "torchvision", "pytorch_lightning", "hydra")  # packages whose versions the summary has, or need none


def record_provenance(directory: Path, config: DictConfig, parameters: dict[str, int]) -> None:
    """Note versions, commits and `parameters` in run.yaml, and what is not committed in `changes.diff`.

    The code is the lab's, and that of the packages of one's own that the configuration names.
    """
    targets = [part["_target_"] for _, part in parts(OmegaConf.to_container(config, resolve=True))]
    packages = {str(target).partition(".")[0] for target in targets}
    names = ["gan_lab", *sorted(packages - {"gan_lab", *OTHERS})]
    note(directory, parameters=parameters, code={name: _code(name) for name in names})
    changes = "".join(dict.fromkeys(_changes(name) for name in names))
    if changes:
        write_atomically(directory / CHANGES, lambda path: path.write_text(changes, errors="replace"))
    else:
        (directory / CHANGES).unlink(missing_ok=True)


@cache
def _code(package: str) -> dict[str, Any]:
    return {"version": _version(package), "commit": commit_of(package)}


def _version(package: str) -> str | None:
    if package == "gan_lab":
        return __version__  # of the code that runs: an installation may be another's
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def commit_of(package: str) -> str | None:
    """The commit of the package's code, with "+" where files differ from it; None outside a checkout.

    A package that is installed in a folder of another repository, as in its `.venv`, is not in that one's commits.
    """
    if not _git(package, "ls-files", "*.py"):
        return None
    commit = _git(package, "rev-parse", "HEAD")
    if commit is None:
        return None
    return commit.strip() + ("+" if _git(package, "status", "--porcelain", "--untracked-files=no") else "")


@cache
def _changes(package: str) -> str:
    """What its checkout holds that is not committed, of files that git knows."""
    if commit_of(package) is None:
        return ""
    changes = _git(package, "diff", "HEAD", "--no-ext-diff", "--no-color") or ""
    if len(changes) <= LONGEST:
        return changes
    return f"{changes[:LONGEST]}\n(cut: {len(changes)} characters in all)\n"


def _git(package: str, *arguments: str) -> str | None:
    spec = find_spec(package)
    place = next(iter(spec.submodule_search_locations or []), spec.origin) if spec is not None else None
    if place is None:
        return None
    folder = place if Path(place).is_dir() else Path(place).parent
    options: dict[str, Any] = {"cwd": folder, "capture_output": True, "text": True, "check": True, "timeout": 5}
    try:
        return subprocess.run(["git", *arguments], errors="replace", **options).stdout
    except (OSError, subprocess.SubprocessError):
        return None
