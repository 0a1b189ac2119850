"""Instance noise: the same noise level on real and generated samples."""

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat
from gan_lab.types import DiscriminatorOutput


class InstanceNoise(nn.Module):
    """D(x + sigma eps), eps ~ N(0, 1) afresh for each coordinate of each sample (Sonderby et al. 2017; Arjovsky &
    Bottou 2017). In training mode only.

    The two distributions that D has to tell apart are then smooth and overlap. `sigma` in the units of x; 0 is none.
    """

    def __init__(self, discriminator: nn.Module, sigma: NonNegativeFloat) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.sigma = sigma

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        if self.training and self.sigma > 0:
            x = x + self.sigma * torch.randn_like(x)
        output = self.discriminator(x, y)
        if not isinstance(output, DiscriminatorOutput):
            raise UserError(f"instance_noise: is for discriminators, which {type(self.discriminator).__name__} is not")
        return output
