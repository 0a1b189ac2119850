"""Degradations y = A x of an image, the conditions of games in which x is to be generated.

Each part is a function of images x (N, C, H, W) in [-1, 1] to images y (N, C, h, w) in [-1, 1]. It treats all alike, is
linear and differentiable, and so can be asked of generated images, too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.ranges import OpenUnitInterval, PositiveInt


@dataclass(frozen=True)
class Upper:
    """y is x above, and 0 (grey) below: of H rows the first `share` H are given, rounded, at least one and not all.

    There is no plane for the mask, since it is the same for every image.
    """

    share: OpenUnitInterval = 0.5

    def rows(self, height: int) -> int:
        """How many rows are given."""
        return min(max(round(self.share * height), 1), height - 1)

    def __call__(self, x: Tensor) -> Tensor:
        rows = self.rows(x.shape[2])
        return torch.cat([x[:, :, :rows], torch.zeros_like(x[:, :, rows:])], 2)


@dataclass(frozen=True)
class LowResolution:
    """y is x at 1 / `factor` of its size: each pixel the mean of factor x factor pixels, which lets nothing alias.

    Raises:
        UserError: the factor does not divide the size.
    """

    factor: PositiveInt = 4

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[2] % self.factor or x.shape[3] % self.factor:
            raise UserError(
                f"degradation.factor={self.factor}: must divide the images' size, {x.shape[2]} x {x.shape[3]}"
            )
        return F.avg_pool2d(x, self.factor)
