"""Memory, processes and folders that are not to be had: one line, what to do."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab.cli import compare, dashboard, sample
from gan_lab.cli import status as sweep_status
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.features.classifier import check_cache

HUGE = 2**50  # bytes, which no machine has


def raised(act: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        act()
    return caught.value


@pytest.mark.parametrize(
    "act",
    [
        lambda: torch.empty(HUGE),
        lambda: np.empty(HUGE, np.uint8),
        lambda: bytearray(HUGE),
        lambda: instantiate(
            OmegaConf.create({"_target_": "torch.nn.Linear", "in_features": 2**24, "out_features": 2**24})
        ),
    ],
    ids=["torch", "numpy", "python", "part"],
)
def test_a_cpu_out_of_memory(act: Callable[[], Any]) -> None:
    line = explain(raised(act), [])
    assert line is not None
    assert line.startswith("this machine is out of memory")
    assert line.endswith("lower data.batch_size or the networks' width, or play each batch in parts (gan.accumulate=N)")


def test_a_gpu_out_of_memory() -> None:
    error = torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB"
    )
    assert (
        explain(error, [], smaller="lower n") or ""
    ) == "the GPU is out of memory (2.00 GiB more were asked for); lower n"


COMMANDS = {"compare": compare, "dashboard": dashboard, "sample": sample, "sweep_status": sweep_status}
FIRST_CALLS = {"compare": "find_runs", "dashboard": "workspace", "sample": "sample", "sweep_status": "status"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_so_in_a_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(COMMANDS[name], FIRST_CALLS[name], lambda *_: bytearray(HUGE))
    assert COMMANDS[name].main(["a/b"]) == 2
    assert capsys.readouterr().err.startswith("error: this machine is out of memory; ")


class Killed(torch.utils.data.Dataset[int]):
    """Its worker is killed as the kernel does it."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), 9)
        return index


def test_a_data_worker_that_the_kernel_kills() -> None:
    error = raised(lambda: next(iter(torch.utils.data.DataLoader(Killed(), num_workers=1))))
    line = explain(error, [])
    assert line is not None
    assert line.startswith(
        "a process that reads data was killed (Killed), most often for want of memory; lower data.workers"
    )


def test_other_errors_of_torch_are_bugs() -> None:
    assert explain(RuntimeError("mat1 and mat2 shapes cannot be multiplied"), []) is None
    assert isinstance(raised(lambda: instantiate({"_target_": "math.sqrt"})), InstantiationException)


@pytest.mark.parametrize("trouble", ["a file", "no home"])
def test_a_cache_that_cannot_be_written_to_is_told_at_the_start(
    composed: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / ".cache").touch()
    monkeypatch.setenv("HOME", str(tmp_path) if trouble == "a file" else "/dev/null/nowhere")
    with pytest.raises(UserError, match=r"cannot be written to \(.*\); set XDG_CACHE_HOME to a folder that can"):
        check_cache()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    check_cache()
