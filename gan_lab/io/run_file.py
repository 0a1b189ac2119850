"""`run.yaml`: the format of a run directory, and facts about the run that no configuration holds.

Each fact is a key with plain data: `note(directory, data={...})` adds or replaces it, `read_facts(directory)["data"]`
reads it back. Facts that name code or paths (how the run was started) are under the key `start` and nowhere else.
"""

from pathlib import Path
from typing import Any

import yaml

from gan_lab.errors import UserError
from gan_lab.files import write_atomically
from gan_lab.io.format import FORMAT, demand_format

RUN = "run.yaml"


def read_facts(directory: Path) -> dict[str, Any]:
    """All that is noted of the run in `directory`.

    Raises:
        UserError: the file cannot be read, or the run is of another version of this lab.
    """
    path = directory / RUN
    try:
        found = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        found = {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: must be a mapping")
    demand_format(found.get("format"), path)
    return found


def note(directory: Path, **facts: Any) -> None:
    """Add plain data to what is noted of the run; the first call makes the file.

    Raises:
        UserError: as for `read_facts`, or the file cannot be written.
    """
    known = read_facts(directory) if (directory / RUN).exists() else {}
    text = yaml.safe_dump({"format": FORMAT} | known | facts, sort_keys=False, allow_unicode=True)
    write_atomically(directory / RUN, lambda path: path.write_text(text))
