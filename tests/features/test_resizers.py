"""Resizers, each beside the code whose filter it is, on pictures that grow, shrink, and are no squares."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from helpers.configuration import CONF, options
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional as F

SHAPES = [(32, 32), (20, 16), (310, 400)]


def pictures(shape: tuple[int, int]) -> Tensor:
    return torch.randint(256, (2, 3, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def resizer(name: str) -> Any:
    return instantiate(OmegaConf.load(CONF / "resizer" / f"{name}.yaml"))


def by_clean_fid(library: str, quantised: bool, kind: str) -> Callable[[Tensor, int], Tensor]:
    make = pytest.importorskip("cleanfid.resize", reason="clean-fid is not installed (extra: dev)").make_resizer

    def resize(x: Tensor, size: int) -> Tensor:
        one = make(library, quantised, kind, (size, size))
        found = [np.asarray(one(picture)) for picture in x.permute(0, 2, 3, 1).contiguous().numpy()]
        return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float()

    return resize


def by_torch_fidelity() -> Callable[[Tensor, int], Tensor]:
    theirs = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow", reason="extra: inception")
    resize = theirs.interpolate_bilinear_2d_like_tensorflow1x
    return lambda x, size: resize(x.float(), size=(size, size), align_corners=False)


ORIGINALS: dict[str, Callable[[], Callable[[Tensor, int], Tensor]]] = {
    "tensorflow": by_torch_fidelity,
    "clean_fid": lambda: by_clean_fid("PIL", False, "bicubic"),
    "pillow": lambda: by_clean_fid("PIL", True, "bicubic"),
    "bilinear": lambda: by_clean_fid("PyTorch", False, "bilinear"),
    "bilinear_antialiased": lambda: (
        lambda x, size: F.interpolate(x.float(), (size, size), mode="bilinear", antialias=True)
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", options("resizer"))
def test_it_is_its_original(name: str, shape: tuple[int, int]) -> None:
    x, original = pictures(shape), ORIGINALS[name]()
    for size in (299, 28):
        torch.testing.assert_close(resizer(name)(x, size), original(x, size), rtol=0, atol=3e-5)


@pytest.mark.parametrize("name", options("resizer"))
def test_it_looks_at_one_picture_at_a_time_and_leaves_a_grey_one_grey(name: str) -> None:
    resize, x = resizer(name), pictures((20, 16))
    whole = resize(x, 24)
    assert whole.dtype is torch.float32 and whole.shape == (2, 3, 24, 24) and whole.min() >= 0 and whole.max() <= 255
    assert torch.equal(torch.cat([resize(part, 24) for part in x.split(1)]), whole)
    torch.testing.assert_close(resize(torch.full_like(x, 77), 24), torch.full_like(whole, 77.0))


def test_their_names_tell_them_apart() -> None:
    names = [resizer(name).name for name in options("resizer")]
    assert len(set(names)) == len(names)
    found = [resizer(name)(pictures((310, 400)), 28) for name in options("resizer")]
    assert all(not torch.allclose(x, y, atol=0.2) for i, x in enumerate(found) for y in found[:i])
