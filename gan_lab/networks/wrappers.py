"""Wrappers of networks: each takes a finished network and returns one to be used in its place."""

from collections.abc import Callable, Sequence
from typing import ClassVar

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

    couples_samples: ClassVar[bool] = True  # what it says of one depends on the others of the batch

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
    """`D(x_i) + <w, o(x_i)>`, o how close its features are to the others' of the batch (Salimans et al. 2016, 3.2).

        o(x_i)_b = c_b + sum_(j != i) exp(-||M_ib - M_jb||_1),    M_ibk = e^(s_bk) <t_bk, phi(x_i)> / ||t_bk||

    for `kernels` b and k = 1 ... `dimension`. Directions t, log-lengths s and biases c are learnt, and o is as many
    inputs more of D's last layer, w their weights, 0 at first (in their code, openai/improved-gan, they are drawn with
    the others of a weight-normalised layer). As there, s and c start so that on real samples, here a batch of
    `references`, each kernel has its nearest neighbour at a distance of 2 on average, and o a mean of 0.

    Memory grows with N^2. Wants batches of real and of generated samples apart (gan.joint_batch=false).
    """

    couples_samples: ClassVar[bool] = True  # what it says of one depends on the others of the batch

    def __init__(
        self,
        discriminator: nn.Module,
        shape: Shape,
        kernels: PositiveInt = 50,
        dimension: PositiveInt = 5,
        references: PositiveInt = 64,
    ) -> None:
        super().__init__()
        self.references = references
        self.discriminator = discriminator
        self.direction = nn.Parameter(0.05 * torch.randn(width_of(discriminator, shape), kernels, dimension))
        self.log_length = nn.Parameter(torch.zeros(kernels, dimension))
        self.bias = nn.Parameter(-torch.ones(kernels))
        self.weight = nn.Parameter(torch.zeros(kernels))

    @torch.no_grad()
    def refer_to(self, inputs: Callable[[int], tuple[Tensor, Tensor | None]]) -> None:
        """Set lengths and biases on real samples: `inputs(n)` gives n of them, and their conditions or None."""
        x, y = inputs(self.references)
        if len(x) < 2:
            return
        features = features_of(self.discriminator(x, y))
        own = torch.eye(len(x)).fill_diagonal_(torch.inf)[:, :, None]
        nearest = (self._distances(features) + own).amin(1).mean(0)
        self.log_length.sub_((nearest / 2).clamp_min(1e-6).log()[:, None])  # equal samples have no distance
        self.bias.copy_(-(self._closeness(features).mean(0) - self.bias))

    def _distances(self, features: Tensor) -> Tensor:
        """||M_ib - M_jb||_1 of any two samples: (N, N, kernels)."""
        lengths = self.log_length.exp() / self.direction.norm(dim=0)
        m = torch.einsum("nf,fkd->nkd", features, self.direction) * lengths
        return (m[:, None] - m[None]).abs().sum(-1)  # cdist would have no second derivative

    def _closeness(self, features: Tensor) -> Tensor:
        """o: (N, kernels). A sample's own distance is 0, and counts 1 in the sum."""
        return torch.exp(-self._distances(features)).sum(1) - 1 + self.bias

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.discriminator(x, y)
        return output._replace(logits=output.logits + self._closeness(features_of(output)) @ self.weight)


class NoAdversary(nn.Module):
    """0 D(x): a D without an opinion. It does not learn, and G is moved by its terms alone, such as a pixel loss."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output = self.discriminator(x, y)
        if not isinstance(output, DiscriminatorOutput):
            raise UserError(f"no_adversary: is for discriminators, which {type(self.discriminator).__name__} is not")
        return output._replace(logits=0 * output.logits, scales=tuple(0 * logits for logits in output.scales))


class CodePosterior(nn.Module):
    """D whose class logits (N, sum categorical + continuous) parametrise Q(c | x) (InfoGAN, Chen et al. 2016).

    Logits of each categorical code, then a mean of each continuous one: an affine map of a hidden layer (`width` units,
    batch-normalised, leaky ReLU of slope .01) on D's last features. Weights start at N(0, .02^2), scales at
    N(1, .02^2), as in the code of openai/InfoGAN. What makes the players care is the term `MutualInformation`.

    Raises:
        UserError: D has class logits of its own.
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
        features, size = width_of(discriminator, shape), sum(categorical) + continuous
        self.discriminator = discriminator
        hidden, norm, last = nn.Linear(features, width, bias=False), nn.BatchNorm1d(width), nn.Linear(width, size)
        for layer, centre in ((hidden, 0.0), (norm, 1.0), (last, 0.0)):
            nn.init.normal_(layer.weight, centre, 0.02)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(hidden, norm, nn.LeakyReLU(), last)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.discriminator(x, y)
        if output.class_logits is not None:
            raise UserError(
                "latent=codes: D has class logits already; take a model and a conditioning without (model=mlp "
                "conditioning=none), or another latent"
            )
        return output._replace(class_logits=self.head(features_of(output)))
