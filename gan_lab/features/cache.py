"""Cache of tensors on the disk."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan_lab.features.classifier import digest
from gan_lab.io.files import write_atomically


def remembered(path: Path, make: Callable[[], Tensor]) -> Tensor:
    """The tensor in the file `path`, made and written where there is none or it is damaged.

    Of several processes that want the same one, one makes it and the others wait for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        found = _read(path)
        if found is None:
            found = make().detach().cpu().contiguous()
            metadata = {"digest": digest([found])}
            write_atomically(path, lambda temporary: save_file({"tensor": found}, temporary, metadata))
        return found


def _read(path: Path) -> Tensor | None:
    """None where there is no such file, or it is not what was written: the format would not notice a wrong bit."""
    try:
        with safe_open(path, framework="pt") as file:
            tensor: Tensor = file.get_tensor("tensor")
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError):
        return None
    return tensor if metadata.get("digest") == digest([tensor]) else None
