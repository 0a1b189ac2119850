"""Run file `run.yaml`: the format of a run directory, and facts about the run.

Each fact is a key with plain data: `note(directory, data={...})` adds or replaces it, `read_facts(directory)["data"]`
reads it back. Facts that name code or paths are under the keys in `PATHS` and nowhere else: of a file that is not one's
own these are left out.
"""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from gan_lab.io.format import FORMAT, check_format
from gan_lab.io.ownership import is_own, write_own
from gan_lab.io.reading import read_text, read_yaml

RUN = "run.yaml"
PATHS = ("start", "start_from")  # how the run was started; what weights it began with


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def read_facts(directory: Path) -> dict[str, Any]:
    """All that is noted of the run in `directory`.

    Raises:
        UserError: the file cannot be read, or the run is of another version of this lab.
    """
    path = directory / RUN
    found = read_yaml(path) if os.path.lexists(path) else {}
    check_format(found.get("format"), path)
    return found if is_own(path) else {name: fact for name, fact in found.items() if name not in PATHS}


def rounds_asked(directory: Path) -> int | None:
    """Rounds that a run was last asked for, as its config.yaml says; None where it does not."""
    found = re.search(r"^rounds: (\d{1,18})$", _config(directory), re.MULTILINE)
    return None if found is None else int(found[1])


def may_end_early(directory: Path) -> bool:
    """Whether a run has early stopping, as its config.yaml says."""
    return re.search(r"^  early_stopping:\s*$", _config(directory), re.MULTILINE) is not None


def _config(directory: Path) -> str:
    """As text, in which a key is found a hundred times faster than by reading it all."""
    path = directory / "config.yaml"
    return read_text(path) if path.is_file() else ""


def note(directory: Path, **facts: Any) -> None:
    """Add plain data to what is noted of the run; the first call makes the file.

    Raises:
        UserError: as for `read_facts`, or the file cannot be written.
    """
    known = read_facts(directory) if (directory / RUN).exists() else {}
    text = yaml.dump({"format": FORMAT} | known | facts, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    write_own(directory / RUN, text)
