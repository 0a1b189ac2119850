"""A project of one's own, such as `gan-lab new mine`: a folder with parts, their options and an experiment.

NAME/
  NAME/losses.py networks.py data.py   a loss, a generator and a discriminator, a data set
  conf/                                their options, and a page that makes an experiment of them
  tests/test_parts.py                  the lab's laws on each of them
  train.py                             trains with conf/ beside the lab's own options

In there, `python train.py experiment=NAME` trains, and so does `gan-lab train --config-dir conf experiment=NAME`;
`gan-lab check-part NAME.losses.Tempered` holds a part to the lab's laws.
"""

import sys
from pathlib import Path

from gan_lab.config.entry import entry
from gan_lab.config.options import help_page, print_help
from gan_lab.errors import UserError

USAGE = "gan-lab new NAME"
FILES = {
    "NAME/__init__.py": '"""Parts for gan_lab."""\n',
    "NAME/losses.py": '''"""Adversarial losses."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class Tempered:
    """The non-saturating loss at temperature T, s = softplus: J_D = T (E s(-r/T) + E s(f/T)),  J_G = T E s(-f/T)."""

    temperature: float = 2.0

    generator_sees_real: ClassVar[bool] = False  # generator() does not read the real logits
    boundary: ClassVar[float | None] = 0.0  # the logit at which an optimal D is undecided

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        t = self.temperature
        return t * (softplus(-real / t).mean() + softplus(fake / t).mean())

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        t = self.temperature
        return t * softplus(-fake / t).mean()
''',
    "NAME/networks.py": '''"""A generator and a discriminator."""

import math

from torch import Tensor, nn

from gan_lab.types import DiscriminatorOutput


class Generator(nn.Module):
    """Noise (N, latent_dim) to samples (N, *shape)."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...], output: nn.Module, width: int = 64) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.body = nn.Sequential(nn.Linear(latent_dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.last, self.output = nn.Linear(width, math.prod(shape)), output

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.output(self.last(self.body(z)).unflatten(1, self.shape))


class Discriminator(nn.Module):
    """Samples (N, *shape) to logits (N,), and what its last layer sees of them."""

    def __init__(self, shape: tuple[int, ...], width: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(math.prod(shape), width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.last = nn.Linear(width, 1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.body(x.flatten(1))
        return DiscriminatorOutput(self.last(features).squeeze(1), features=(features,))
''',
    "NAME/data.py": '''"""A data set."""

from collections.abc import Iterator
from itertools import count

import torch

from gan_lab.data.module import GameData
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch


class Moons(GameData):
    """Points on two half circles, (N, 2). Each batch follows from the seed and its number, so that a run can go on."""

    def __init__(self, shape: tuple[int, ...], batch_size: int, seed: int, noise: float = 0.05) -> None:
        super().__init__(shape, None, batch_size, seed)
        self.noise = noise

    def batches(self, start: int) -> Iterator[Batch]:
        rank, world = self.rank_and_world  # of several processes, each has its share
        share = self.batch_size // world
        for number in count(start):
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "moons", number))
            angle = torch.pi * torch.rand(self.batch_size, generator=generator)
            upper = torch.rand(self.batch_size, generator=generator) < 0.5
            x = torch.stack([angle.cos() - 0.5 + (~upper).float(), angle.sin() * (2 * upper.float() - 1)], 1)
            x = x + self.noise * torch.randn(x.shape, generator=generator)
            yield Batch(x[rank * share : (rank + 1) * share])
''',
    "conf/loss/tempered.yaml": "_target_: NAME.losses.Tempered\ntemperature: 2.0\n",
    "conf/model/NAME.yaml": """\
width: 64
generator:
  _target_: NAME.networks.Generator
  latent_dim: ${latent.dim}
  shape: ${data.shape}
  output: ${data.output}
  width: ${..width}
discriminator:
  _target_: NAME.networks.Discriminator
  shape: ${data.shape}
  width: ${..width}
""",
    "conf/data/moons.yaml": """\
batch_size: 128
shape: [2]
output: {_target_: torch.nn.Identity}  # G's last layer: onto the range of the data
module:
  _target_: NAME.data.Moons
  shape: ${..shape}
  batch_size: ${..batch_size}
  seed: ${seed}
""",
    "conf/experiment/NAME.yaml": """\
# @package _global_
# Two moons. python train.py experiment=NAME
defaults:
  - override /data: moons
  - override /model: NAME
  - override /loss: tempered
  - override /term@d_terms: [r1]
latent:
  dim: 4
d_terms:
  r1: {weight: 0.1}
rounds: 3000
""",
    "tests/test_parts.py": '''"""The lab's laws on the parts of this project."""

import pytest

from gan_lab.laws.check import check_part


@pytest.mark.parametrize("part", ["losses.Tempered", "networks.Generator", "networks.Discriminator", "data.Moons"])
def test_a_part_obeys_the_laws_of_its_kind(part: str) -> None:
    assert not [finding for finding in check_part(f"NAME.{part}") if finding.problem]
''',
    "train.py": '''"""`python train.py experiment=NAME`: training, with the options in conf/ beside the lab's own."""

import sys
from pathlib import Path

from gan_lab.cli.train import main

if __name__ == "__main__":
    sys.argv.insert(1, f"--config-dir={Path(__file__).parent / 'conf'}")
    main()
''',
    "pyproject.toml": """\
[project]
name = "NAME"
version = "0.1.0"
dependencies = ["gan_lab"]

[tool.setuptools]
packages = ["NAME"]

[tool.pytest.ini_options]
pythonpath = ["."]
""",
}


@entry(smaller="try again when other programs have ended")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or ""))
    if code is not None:
        return code
    folder = write_project(" ".join(arguments))
    print(f"{folder}: cd {folder}, then python train.py experiment={folder.name}")
    return 0


def write_project(name: str) -> Path:
    """The files of a project in a new folder of this name, in the working directory.

    Raises:
        UserError: it is no name of a package, or there is something of that name.
    """
    if not (name.isidentifier() and name.isascii() and name.islower()) or name == "gan_lab":
        raise UserError(f"{name}: must be a name of a Python package: small letters, digits and _, a letter first")
    folder = Path(name)
    if folder.exists():
        raise UserError(f"{name}: is there already; give another name")
    for path, text in FILES.items():
        file = folder / path.replace("NAME", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("NAME", name))
    return folder


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
