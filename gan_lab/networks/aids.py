"""Aids put around a finished network: each takes it as its first argument and gives one to be used in its place."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from gan_lab.errors import UserError
from gan_lab.networks.features import features_of, width_of
from gan_lab.networks.layers import WeightNormLinear
from gan_lab.ranges import NonNegativeInt, PositiveInt, Shape
from gan_lab.types import DiscriminatorOutput

_LINEAR = nn.Linear | nn.Embedding | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d


def spectral_norm(network: nn.Module, power_iterations: PositiveInt = 1) -> nn.Module:
    """W / sigma(W) in place of the weights W of all affine, convolutional and embedding layers (Miyato et al. 2018).

    sigma, the largest singular value, is followed by so many steps of the power iteration at each use in training mode;
    a convolution's W is taken as the matrix (out, in x kernel). Layers with weight normalisation have lengths of their
    own, which it would not change, and are left out.

    Raises:
        UserError: the network has no such layer.
    """
    layers = [m for m in network.modules() if isinstance(m, _LINEAR) and not isinstance(m, WeightNormLinear)]
    if not layers:
        raise UserError(f"spectral_norm: {type(network).__name__} has no affine or convolutional layers to normalise")
    for layer in layers:
        transposed = isinstance(layer, nn.ConvTranspose2d | nn.ConvTranspose3d)
        parametrizations.spectral_norm(layer, n_power_iterations=power_iterations, dim=1 if transposed else 0)
    return network


class MinibatchStd(nn.Module):
    """D(x) + w s, s the standard deviation over the minibatch, averaged over D's last features (Karras et al. 2018).

        s = mean_k sqrt(var_i phi_k(x_i) + 1e-8)            (section 3)

    It is one more input of D's last layer, w its weight, 0 at first. The paper puts it before the last convolution.
    Wants batches of real and of generated samples apart (gan.joint_batch=false).
    """

    def __init__(self, discriminator: nn.Module, shape: Shape) -> None:
        super().__init__()
        width_of(discriminator, shape)  # refuses what has no features
        self.discriminator = discriminator
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.discriminator(x, y)
        s = (features_of(output).var(0, unbiased=False) + 1e-8).sqrt().mean()
        return output._replace(logits=output.logits + self.weight * s)


class MinibatchDiscrimination(nn.Module):
    """D(x_i) + <w, o(x_i)>, o how close a sample's features are to those of its batch (Salimans et al. 2016, 3.2).

        o(x_i)_b = sum_j exp(-||M_ib - M_jb||_1),    M_i = phi(x_i) T in R^(kernels x dimension)

    o is as many inputs more of D's last layer, w their weights, 0 at first. Memory grows with N^2. Wants batches of
    real and of generated samples apart (gan.joint_batch=false).
    """

    def __init__(
        self, discriminator: nn.Module, shape: Shape, kernels: PositiveInt = 50, dimension: PositiveInt = 5
    ) -> None:
        super().__init__()
        width = width_of(discriminator, shape)
        self.discriminator = discriminator
        self.tensor = nn.Parameter(torch.randn(width, kernels, dimension) / width**0.5)
        self.weight = nn.Parameter(torch.zeros(kernels))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.discriminator(x, y)
        m = torch.einsum("nf,fkd->nkd", features_of(output), self.tensor)
        distance = (m[:, None] - m[None]).abs().sum(-1)  # (N, N, kernels); cdist would have no second derivative
        closeness = torch.exp(-distance).sum(1) @ self.weight
        return output._replace(logits=output.logits + closeness)


class Mute(nn.Module):
    """0 D(x): a D without an opinion. It does not learn, and G is moved by its terms alone, such as a pixel loss."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output = self.discriminator(x, y)
        if not isinstance(output, DiscriminatorOutput):
            raise UserError(f"mute: is for discriminators, which {type(self.discriminator).__name__} is not")
        return output._replace(logits=0 * output.logits)


class CodePosterior(nn.Module):
    """D whose class logits (N, sum categorical + continuous) parametrise Q(c | x) (InfoGAN, Chen et al. 2016).

    Logits of each categorical code, then a mean of each continuous one: an affine map of a hidden layer (`width` units,
    batch-normalised, leaky ReLU) on D's last features. What makes the players care is the term `MutualInformation`.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        shape: Shape,
        categorical: Sequence[PositiveInt],
        continuous: NonNegativeInt,
        width: PositiveInt = 128,
    ) -> None:
        super().__init__()
        features = width_of(discriminator, shape)
        self.discriminator = discriminator
        self.head = nn.Sequential(
            nn.Linear(features, width, bias=False),
            nn.BatchNorm1d(width),
            nn.LeakyReLU(),
            nn.Linear(width, sum(categorical) + continuous),
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.discriminator(x, y)
        return output._replace(class_logits=self.head(features_of(output)))
