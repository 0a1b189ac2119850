"""Weights of pretrained networks: files of tensors alone, checked by their digest."""

import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.io.files import patience

SAFE = ".safetensors"


def read_tensors(path: Path, digest: str | None = None) -> Mapping[str, Tensor]:
    """The tensors in a file of safetensors or of torch.save, of which nothing is executed.

    Raises:
        UserError: there is no such file, its SHA-256 does not begin with `digest`, it is damaged, or it holds more than
            tensors.
    """
    check_digest(path, digest)
    try:
        if path.suffix == SAFE:
            return load_file(path)
        in_members = zipfile.is_zipfile(path)  # not so in files that torch wrote before version 1.6
        found = torch.load(path, weights_only=True, map_location="cpu", mmap=in_members)
    except pickle.UnpicklingError as error:
        raise UserError(f"features.weights={path}: is no file of weights alone, and could run code") from error
    except Exception as error:  # whatever torch makes of bytes that are no weights
        raise UserError(f"features.weights={path}: is damaged, or no file of weights") from error
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"features.weights={path}: is no file of weights by their names (a state dict)")
    return found


def check_digest(path: Path, digest: str | None) -> None:
    """Raises UserError unless there is such a file and its SHA-256 begins so; None: whatever it begins with."""
    if not path.is_file():
        raise UserError(f"features.weights={path}: no such file")
    if digest is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest or not found.startswith(digest):
        raise UserError(
            f"features.weights={path}: its SHA-256 begins with {found[: max(8, len(digest))]}, not with {digest}; "
            "take the published file, or say which one is meant, features.digest=..."
        )


def of_hub(repository: str, name: str, features: str) -> Path:
    """A file of the Hugging Face hub: at the commit that is its newest when it is first used."""
    url = f"https://huggingface.co/{repository}/resolve/main/{name}"
    return downloaded(url, features, keep_as=f"{repository.replace('/', '--')}--{name}")


def downloaded(url: str, features: str, digest: str | None = None, keep_as: str | None = None) -> Path:
    """The file at a URL, in torch's cache of such files; fetched at first use, and checked against a digest.

    Raises:
        UserError: it cannot be fetched.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / (keep_as or url.rpartition("/")[2])
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with patience(seconds=10):
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digest)
    except RuntimeError as error:
        raise UserError(
            f"features={features}: {url} is not the file whose SHA-256 begins with {digest}; of another features.model "
            "state its own, features.digest=..., or null"
        ) from error
    except OSError as error:
        why = " ".join(str(error).split())[:200]
        raise UserError(
            f"features={features}: its weights are not there and could not be downloaded ({why}); "
            "features.weights=FILE reads them from a file, and features=efficientnet_lite0 needs no network"
        ) from error
    return path


def check_stated(weights: str | None, digest: str | None, published: str | None) -> None:
    """Raises UserError where a digest is stated without a file that it is of."""
    if weights is None and digest != published:
        raise UserError(f"features.digest={digest}: is of a file; name it, features.weights=FILE")
