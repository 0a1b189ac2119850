"""InfoGAN's networks for MNIST (Chen et al. 2016, appendix C.1, and the code of openai/InfoGAN).

Weights start at N(0, .02^2), those of D's convolutions cut off at two standard deviations, batch-norm scales at
N(1, .02^2), biases at 0. Biases that a batch normalisation would take out are left out. The paper's data and samples
lie in [0, 1]; these networks map from and to [-1, 1].
"""

from torch import Tensor, nn

from gan_lab.networks.layers import SymmetricSigmoid, UnitInput
from gan_lab.ranges import PositiveInt, QuarteringRectangle
from gan_lab.types import DiscriminatorOutput


def initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
        elif isinstance(module, nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


class InfoGANGenerator(nn.Module):
    """z (N, latent_dim) -> (N, C, H, W) in [-1, 1].

    affine to `dense` units, affine to 2 `width` maps of H/4 x W/4; batch norm of each unit, ReLU
    up-convolution 4 x 4 to `width` maps of H/2 x W/2, batch norm, ReLU; up-convolution 4 x 4, sigmoid
    """

    def __init__(
        self, latent_dim: PositiveInt, shape: QuarteringRectangle, width: PositiveInt = 64, dense: PositiveInt = 1024
    ) -> None:
        super().__init__()
        channels, height, columns = shape
        units = 2 * width * (height // 4) * (columns // 4)
        self.net = nn.Sequential(
            nn.Linear(latent_dim, dense, bias=False),
            nn.BatchNorm1d(dense),
            nn.ReLU(inplace=True),
            nn.Linear(dense, units, bias=False),
            nn.BatchNorm1d(units),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (2 * width, height // 4, columns // 4)),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
            SymmetricSigmoid(),
        )
        initialise(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(z)


class InfoGANDiscriminator(nn.Module):
    """x (N, C, H, W) in [-1, 1] -> logits (N,). Leaky ReLUs have slope .01; its features are the `dense` units.

    convolution 4 x 4 of stride 2 to `width` maps; to 2 `width` maps, batch norm
    affine to `dense` units, batch norm; affine to the logit
    """

    def __init__(self, shape: QuarteringRectangle, width: PositiveInt = 64, dense: PositiveInt = 1024) -> None:
        super().__init__()
        channels, height, columns = shape
        self.trunk = nn.Sequential(
            UnitInput(),
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.01),
            nn.Flatten(),
            nn.Linear(2 * width * (height // 4) * (columns // 4), dense, bias=False),
            nn.BatchNorm1d(dense),
            nn.LeakyReLU(0.01),
        )
        self.head = nn.Linear(dense, 1)
        initialise(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.trunk(x)
        return DiscriminatorOutput(self.head(features).squeeze(1), features=(features,))
