"""The version of a run's files: written into each, and demanded by whoever reads them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from gan_lab.cli.compare import read_run
from gan_lab.config.resume import expand
from gan_lab.errors import UserError
from gan_lab.io.checkpoint import LAST, PREVIOUS, PlainCheckpointIO, newest
from gan_lab.io.format import FORMAT
from gan_lab.io.generator import load_generator, save_generator
from gan_lab.io.run_file import RUN, note, read_facts

OTHERS = [(None, "older format.*use the version of gan_lab that wrote it"), (FORMAT + 1, "update gan_lab")]
parametrise = pytest.mark.parametrize(("found", "says"), OTHERS)


def rewritten(path: Path, change: Callable[[dict[str, str]], None]) -> None:
    """The same safetensors file with other metadata."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(metadata)
    save_file(tensors, path, metadata)


@parametrise
def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, found: int | None, says: str) -> None:
    for name in (LAST, PREVIOUS):
        PlainCheckpointIO().save_checkpoint({"global_step": 1}, tmp_path / name)

    def change(metadata: dict[str, str]) -> None:
        del metadata["format"]
        metadata |= {} if found is None else {"format": str(found)}

    rewritten(tmp_path / LAST, change)
    with pytest.raises(UserError, match=f"{LAST}: .*{says}"):
        newest(tmp_path)  # and does not go on from the one before


@parametrise
def test_a_generator_of_another_version_is_refused(tmp_path: Path, found: int | None, says: str) -> None:
    path = tmp_path / "generator.safetensors"
    save_generator(path, {"generator": {}}, {"raw": nn.Linear(1, 1)})
    assert load_generator(path).recipe == {"generator": {}}
    recipe = {"generator": {}} | ({} if found is None else {"format": found})
    rewritten(path, lambda metadata: metadata.update(recipe=json.dumps(recipe)))
    with pytest.raises(UserError, match=f"generator.safetensors: .*{says}"):
        load_generator(path)


@parametrise
@pytest.mark.parametrize("read", [read_run, lambda directory: expand([f"resume={directory}"])])
def test_a_run_of_another_version_is_refused(
    tmp_path: Path, found: int | None, says: str, read: Callable[[Path], object]
) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "overrides.yaml").write_text("[]\n")
    (tmp_path / "summary.json").write_text('{"seed": 0, "rounds": 1, "finished": true}')
    note(tmp_path, data={"count": 3})
    note(tmp_path, program="train.py")
    assert read_facts(tmp_path) == {"format": FORMAT, "data": {"count": 3}, "program": "train.py"}
    read(tmp_path)
    if found is None:
        (tmp_path / RUN).unlink()
    else:
        (tmp_path / RUN).write_text(yaml.safe_dump({"format": found}))
    with pytest.raises(UserError, match=re.escape(str(tmp_path / RUN)) + f": .*{says}") as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)
