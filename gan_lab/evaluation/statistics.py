"""Statistics of a set's features: mean and covariance, in the files that other evaluators write and read."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.io.reading import check_file

LARGEST = 2**30  # bytes of the arrays in such a file: 2,048 features take 32 MiB
MU, SIGMA, FEATURES, COUNT = "mu", "sigma", "features", "n"


class Statistics(NamedTuple):
    """A Gaussian in the space of features.

    Attributes:
        mean: (F,), float64.
        root: R (r, F) with R^T R the covariance.
        features: the identity of the features and their resizing; None: the file does not say.
        n: the number of samples behind it; None: the file does not say.
    """

    mean: Tensor
    root: Tensor
    features: str | None = None
    n: int | None = None


def is_statistics(path: Path) -> bool:
    """Whether it is an .npz file with the arrays mu and sigma."""
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as file:
            return {f"{MU}.npy", f"{SIGMA}.npy"} <= set(file.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def read_statistics(path: Path) -> Statistics:
    """Those in a file of this lab, of pytorch-fid or of clean-fid: an .npz with mu (F,) and sigma (F, F).

    Raises:
        UserError: the file is damaged, is no such, or asks for code to be run.
    """
    check_file(path)
    try:
        with zipfile.ZipFile(path) as file:
            if sum(entry.file_size for entry in file.infolist()) > LARGEST:
                raise UserError(f"{path}: is larger than {LARGEST // 2**20} MiB, and no statistics are")
        with np.load(path, allow_pickle=False) as arrays:
            mu, sigma = (np.asarray(arrays[name], dtype=np.float64) for name in (MU, SIGMA))
            features = str(arrays[FEATURES]) if FEATURES in arrays else None
            n = int(arrays[COUNT]) if COUNT in arrays else None
    except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not readable as statistics ({' '.join(str(error).split())})") from error
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise UserError(f"{path}: mu is {list(mu.shape)} and sigma {list(sigma.shape)}; must be [F] and [F, F]")
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise UserError(f"{path}: holds NaN or infinity")
    values, vectors = torch.linalg.eigh(torch.from_numpy((sigma + sigma.T) / 2))
    root = values.clamp_min(0).sqrt()[:, None] * vectors.T  # rounding leaves values just below 0
    return Statistics(torch.from_numpy(mu), root, features, n)


def write_statistics(path: Path, statistics: Statistics) -> None:
    """The file that `read_statistics` reads; pytorch-fid and clean-fid read it, too."""
    arrays = {
        MU: statistics.mean.numpy(),
        SIGMA: (statistics.root.T @ statistics.root).numpy(),
        FEATURES: np.array(statistics.features or ""),
        COUNT: np.array(statistics.n or 0),
    }

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # given a path, numpy would add an ending of its own
            np.savez(file, allow_pickle=False, **arrays)

    write_atomically(path, write)
