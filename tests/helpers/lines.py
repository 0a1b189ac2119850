"""The line that densities are integrated along, and seeded noise."""

import torch

from gan_lab.equilibrium.quadrature import Box

LINE = Box(-12.0, 12.0, 4096, d=1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
