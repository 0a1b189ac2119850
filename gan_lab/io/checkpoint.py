"""Checkpoint files: tensors in the safetensors format, everything else as JSON in the header. No pickle."""

import json
import sys
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from lightning_fabric.utilities.rank_zero import rank_zero_only
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.io.files import keep_as, write_atomically
from gan_lab.io.format import FORMAT, OtherFormat, check_format
from gan_lab.io.reading import check_file

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


def _encode(node: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON that tells dict (with keys of any plain type), list, tuple and tensor apart; tensors are put aside."""
    if isinstance(node, Tensor):
        name = str(len(tensors))
        tensors[name] = node.detach().cpu().contiguous().clone()  # clone: safetensors refuses shared memory
        return {"tensor": name}
    if isinstance(node, Mapping):
        return {"dict": [[key, _encode(value, tensors)] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        return {type(node).__name__: [_encode(value, tensors) for value in node]}
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise TypeError(f"a checkpoint holds plain data and tensors only, not {type(node).__name__}")


def _decode(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _decode(value, tensors) for key, value in content}
    items = [_decode(value, tensors) for value in content]
    return tuple(items) if kind == "tuple" else items


def _checksum(tensors: Mapping[str, Tensor], tree: str) -> int:
    total = zlib.crc32(tree.encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return total


def dump(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file; raises OSError, as other files do, where the library has an error of its own."""
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        raise OSError(str(error).rpartition(" error: ")[2]) from error


class PlainCheckpointIO(CheckpointIO):
    """Lightning's checkpoint dictionary in one safetensors file, written atomically and checked when read.

    When `last.ckpt` is written, the one before it stays as `previous.ckpt`; but for one that this process has neither
    written nor read whole, since it may be damaged.
    """

    def __init__(self) -> None:
        self._whole: set[Path] = set()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        tensors: dict[str, Tensor] = {}
        tree = json.dumps(_encode(checkpoint, tensors))
        metadata = {"format": str(FORMAT), "tree": tree, "crc32": str(_checksum(tensors, tree))}
        path = Path(path)

        def write(temporary: Path) -> None:
            dump(tensors, temporary, metadata)
            if path.name == LAST and path in self._whole and path.exists():
                keep_as(path, path.with_name(PREVIOUS))

        write_atomically(path, write)
        self._whole.add(path)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """The dictionary that was saved.

        Raises:
            UserError: the file is no checkpoint of this lab, of another version of it, or damaged.
        """
        check_file(Path(path))
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tree, expected = metadata["tree"], int(metadata["crc32"])
                check_format(metadata.get("format"), Path(path))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            checkpoint: dict[str, Any] = _decode(json.loads(tree), tensors)
        except RecursionError as error:
            raise UserError(f"{path}: not a checkpoint (it is nested too deeply)") from error
        except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not a whole checkpoint ({error})") from error
        if expected != _checksum(tensors, tree):
            raise UserError(f"{path}: damaged (its checksum does not fit its contents)")
        self._whole.add(Path(path))
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def rounds_held(directory: Path) -> set[int]:
    """The rounds that a run with the checkpoints in `directory` can go on from; 0 until it has saved twice."""
    rounds = set() if (directory / PREVIOUS).exists() else {0}
    for path in filter(Path.exists, (directory / LAST, directory / PREVIOUS)):
        with suppress(UserError):
            rounds.add(PlainCheckpointIO().load_checkpoint(path)["game"]["round"])
    return rounds


def newest(directory: Path, at: int | None = None) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint in `directory`, or that of round `at`, and what it holds; None where there is none.

    It is `last.ckpt`, or, where that is damaged, which is said, `previous.ckpt`. No file is touched: of several
    processes each comes to the same one.

    Raises:
        UserError: there are checkpoints, and all of them are damaged, or one is of another version of this lab.
    """
    last, previous = directory / LAST, directory / PREVIOUS
    problem = None
    for path in filter(Path.exists, (last, previous)):
        try:
            checkpoint = PlainCheckpointIO().load_checkpoint(path)
            _check_rounds(path, checkpoint)
        except OtherFormat:
            raise
        except UserError as error:
            problem = problem or error
            continue
        if at is not None and checkpoint["game"]["round"] != at:
            continue
        if path == previous and at is None:
            reason = problem or f"{last}: is missing"
            warning = f"warning: {reason}; going on from {previous}, of round {checkpoint['global_step']}"
            rank_zero_only(print)(warning, file=sys.stderr)
        return path, checkpoint
    if problem is not None:
        raise problem
    return None


def _check_rounds(path: Path, checkpoint: Any) -> None:
    """Raise UserError unless the checkpoint says how many rounds a game has played, and is one in outline."""
    game = checkpoint.get("game") if isinstance(checkpoint, dict) else None
    rounds = (game.get("round"), checkpoint.get("global_step")) if isinstance(game, dict) else (None,)
    if not all(type(number) is int and number >= 0 for number in rounds):
        raise UserError(f"{path}: not a checkpoint of a run")
