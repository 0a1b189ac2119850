"""StudioGAN (github.com/POSTECH-CVLab/PyTorch-StudioGAN): its worker's steps with its SNGAN, and the lab with the same.

Its loader wants CUDA, and its worker modules that are for its analyses alone: what is around the steps is here.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import torch
import yaml
from packaging import version
from racing.gate import Gate
from torch import Tensor, nn

from gan_lab.types import DiscriminatorOutput
from peers.lab import by_lab, images

UNUSED = ("kornia", "kornia.filters", "seaborn", "wandb")  # of pictures, logs and augmentations
PAGE = {  # configs/CIFAR10/SNGAN.yaml without its classes; the rest are their defaults: 5 steps of D, width 64
    "DATA": {"name": "CIFAR10", "img_size": 32, "num_classes": 10},
    "MODEL": {"apply_d_sn": True},
    "LOSS": {"adv_loss": "hinge"},
}
PLAIN = {"freezeD": -1, **dict.fromkeys(
    ("mixed_precision", "distributed_data_parallel", "synchronized_bn", "batch_statistics", "empty_cache",
     "langevin_sampling"), False,
), "train": True}  # fmt: skip


def reach(checkout: str) -> None:
    """Make its modules importable; new versions of setuptools lack one that these ask for."""
    sys.path.insert(0, f"{checkout}/src")
    sys.modules.setdefault("pkg_resources", cast(ModuleType, SimpleNamespace(parse_version=version.parse)))
    for name in UNUSED:
        sys.modules.setdefault(name, MagicMock())


def configured(batch: int) -> Any:
    """Its configuration of this game."""
    from config import Configurations  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as place:
        page = Path(place, "page.yaml")
        page.write_text(yaml.safe_dump(PAGE | {"OPTIMIZATION": {"batch_size": batch}}))
        found = Configurations(str(page))
    vars(found.RUN).update(PLAIN)
    return found


def networks(config: Any) -> tuple[nn.Module, nn.Module]:
    """Its generator and discriminator."""
    from models.model import load_generator_discriminator  # type: ignore[import-not-found]

    made = load_generator_discriminator(
        DATA=config.DATA, OPTIMIZATION=config.OPTIMIZATION, MODEL=config.MODEL, STYLEGAN=config.STYLEGAN,
        MODULES=config.MODULES, RUN=config.RUN, device="cpu", logger=None,
    )  # fmt: skip
    return made[0], made[3]


class Generator(nn.Module):
    """Theirs, as the lab calls one."""

    def __init__(self) -> None:
        super().__init__()
        self.network, _ = networks(configured(1))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Any:
        return self.network(z, None)


class Discriminator(nn.Module):
    """Theirs, as the lab calls one."""

    def __init__(self) -> None:
        super().__init__()
        _, self.network = networks(configured(1))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.network(x, None)["adv_output"])


class Loader:
    """In place of a DataLoader: a round's batches out of memory, in one piece, as its worker asks for them."""

    def __init__(self, batch: int, batches: int) -> None:
        self.batch, self.batches = batch, batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        drawn, labels = images((3, 32, 32), self.batch), torch.zeros(self.batch * self.batches, dtype=torch.long)
        while True:
            yield torch.cat([next(drawn) for _ in range(self.batches)]), labels


def theirs(gate: Gate, _: str, checkout: str, batch: str) -> None:
    """The loop of its loader.py, without logs and pictures."""
    reach(checkout)
    config = configured(int(batch))
    from worker import WORKER  # type: ignore[import-not-found]

    g, d = networks(config)
    config.define_optimizer(g, d)
    nothing = dict.fromkeys(
        ("run_name", "Gen_mapping", "Gen_synthesis", "Gen_ema", "Gen_ema_mapping", "Gen_ema_synthesis", "ema",
         "eval_model", "eval_dataloader", "mu", "sigma", "real_feats", "logger", "aa_p", "best_step", "best_fid",
         "best_ckpt_path", "lecam_emas", "num_eval", "loss_list_dict", "metric_dict_during_train")
    )  # fmt: skip
    worker = WORKER(
        cfgs=config, Gen=g, Dis=d, train_dataloader=Loader(int(batch), config.OPTIMIZATION.d_updates_per_step),
        global_rank=1, local_rank="cpu", **nothing,
    )  # fmt: skip
    worker.prepare_train_iter(epoch_counter=0)
    for step in range(config.OPTIMIZATION.total_steps):
        worker.train_discriminator(current_step=step)
        worker.train_generator(current_step=step)
        gate()


def ours(gate: Gate, directory: str, checkout: str, batch: str, *overrides: str) -> None:
    """The same game: as there, without an average."""
    reach(checkout)
    theirs = configured(int(batch)).OPTIMIZATION
    parts = {role: {"_target_": f"{__name__}.{role.title()}"} for role in ("generator", "discriminator")}
    by_lab(
        parts, int(batch), directory, gate, "loss=hinge", "ema=none", f"update.d_steps={theirs.d_updates_per_step}",
        "latent.dim=128", f"optimizer.lr={theirs.g_lr}", f"optimizer.betas=[{theirs.beta1},{theirs.beta2}]", *overrides,
    )  # fmt: skip
