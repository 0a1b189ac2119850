"""Conditioning of any networks on labels y (N,), int64, or on vectors y (N, c).

Each part is given `make`, which builds the network that it makes conditional. One that reads y has `conditional` true.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.networks.batch_norm import BatchNorm, replace_batch_norms
from gan_lab.networks.features import features_of, width_of
from gan_lab.ranges import NonNegativeFloat, PositiveInt, Shape
from gan_lab.types import DiscriminatorOutput

Make = Callable[..., nn.Module]


def _widened(make: Make, name: str, size: object) -> nn.Module:
    """The network with another size of its input.

    Raises:
        UserError: its size is not to be chosen.
    """
    if name not in inspect.signature(make).parameters:
        network = getattr(make, "func", make)  # a functools.partial hides the name
        raise UserError(f"conditioning: {network.__name__} has no {name} to make room for y; take model=mlp or dcgan")
    return make(**{name: size})


class VectorGenerator(nn.Module):
    """G(z, y) = G([z, y]), y (N, condition_dim) (Mirza & Osindero 2014, section 3.2)."""

    conditional = True

    def __init__(self, make: Make, latent_dim: PositiveInt, condition_dim: PositiveInt) -> None:
        super().__init__()
        self.network = _widened(make, "latent_dim", latent_dim + condition_dim)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.network(torch.cat([z, y.to(z.dtype)], 1))


class VectorDiscriminator(nn.Module):
    """D(x, y) = D([x, y]), y beside the first axis of x: `condition_dim` more coordinates, or planes of an image.

    Each plane has one value. (Mirza & Osindero 2014, section 3.2, for vectors.)
    """

    conditional = True

    def __init__(self, make: Make, shape: Shape, condition_dim: PositiveInt) -> None:
        super().__init__()
        self.network = _widened(make, "shape", (shape[0] + condition_dim, *shape[1:]))

    def forward(self, x: Tensor, y: Tensor) -> DiscriminatorOutput:
        planes = y.to(x.dtype).view(*y.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        return self.network(torch.cat([x, planes], 1))


class ConcatGenerator(VectorGenerator):
    """G(z, y) = G([z, e_y]), e_y the unit vector of class y."""

    def __init__(self, make: Make, latent_dim: PositiveInt, num_classes: PositiveInt) -> None:
        super().__init__(make, latent_dim, num_classes)
        self.num_classes = num_classes

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return super().forward(z, F.one_hot(y, self.num_classes))


class ConcatDiscriminator(VectorDiscriminator):
    """D(x, y) = D([x, e_y]), e_y the unit vector of class y: of an image's planes that of class y is 1, others 0."""

    def __init__(self, make: Make, shape: Shape, num_classes: PositiveInt) -> None:
        super().__init__(make, shape, num_classes)
        self.num_classes = num_classes

    def forward(self, x: Tensor, y: Tensor) -> DiscriminatorOutput:
        return super().forward(x, F.one_hot(y, self.num_classes))


class ConditionalBatchNorm(nn.Module):
    """gamma_y x^ + beta_y, x^ being x (N, C, ...) normalised over the batch (Dumoulin et al. 2017, eq. 5).

    Scales start at N(1, spread^2) and shifts at N(0, spread^2), so that with `spread` 0 all classes start alike, as in
    the code of Miyato & Koyama 2018. Statistics are shared by the classes.
    """

    conditional = True

    def __init__(self, norm: BatchNorm, num_classes: PositiveInt, spread: NonNegativeFloat = 0.0) -> None:
        super().__init__()
        self.norm = type(norm)(norm.num_features, norm.eps, norm.momentum, affine=False)
        self.scale, self.shift = (
            nn.Parameter(start + spread * torch.randn(num_classes, norm.num_features)) for start in (1.0, 0.0)
        )
        self.y: Tensor | None = None  # of the batch that is coming

    def forward(self, x: Tensor) -> Tensor:
        axes = x.shape[:2] + (1,) * (x.ndim - 2)
        return self.scale[self.y].view(axes) * self.norm(x) + self.shift[self.y].view(axes)


class BatchNormGenerator(nn.Module):
    """G(z, y): every batch normalisation of G becomes a conditional one, but for a `SharedBatchNorm`.

    A scale moves by no more than Adam's rate in a round, so that classes that start alike take thousands of rounds to
    part at a rate of 2e-4; a `spread` of 1 parts them at the start, and is not the paper's.

    Raises:
        UserError: G has none.
    """

    conditional = True

    def __init__(self, make: Make, num_classes: PositiveInt, spread: NonNegativeFloat = 0.0) -> None:
        super().__init__()
        self.network = make()
        conditional = partial(ConditionalBatchNorm, num_classes=num_classes, spread=spread)
        if not replace_batch_norms(self.network, conditional, shared=False):
            raise UserError(
                f"conditioning=batch_norm: {type(self.network).__name__} has no batch normalisation; take model=dcgan, "
                "or another conditioning"
            )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        norms = [module for module in self.modules() if isinstance(module, ConditionalBatchNorm)]
        for norm in norms:
            norm.y = y  # a G passes its layers nothing but x
        samples: Tensor = self.network(z)
        for norm in norms:
            norm.y = None
        return samples


class ProjectionDiscriminator(nn.Module):
    """`D(x, y) = D(x) + <v_y, phi(x)>`, phi D's last features, v_y learnt (Miyato & Koyama 2018, eq. 3).

    The optimal logit log p(y|x) / q(y|x) + log p(x) / q(x), p of real and q of generated samples, has this form where
    p(y|x) and q(y|x) are log-linear in phi.

    Raises:
        UserError: D shows no features.
    """

    conditional = True

    def __init__(self, make: Make, shape: Shape, num_classes: PositiveInt) -> None:
        super().__init__()
        self.network = make()
        self.directions = nn.Embedding(num_classes, width_of(self.network, shape))
        nn.init.xavier_uniform_(self.directions.weight)

    def forward(self, x: Tensor, y: Tensor) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.network(x, y)
        projection = (self.directions(y) * features_of(output)).sum(1)
        return output._replace(logits=output.logits + projection)


class AuxiliaryDiscriminator(nn.Module):
    """D with class logits (N, num_classes), affine in its last features (Odena et al. 2017); it does not read y.

    What makes the players care is the term `AuxiliaryClassifier`.

    Raises:
        UserError: D shows no features.
    """

    def __init__(self, make: Make, shape: Shape, num_classes: PositiveInt) -> None:
        super().__init__()
        self.network = make()
        self.classifier = nn.Linear(width_of(self.network, shape), num_classes)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.network(x, y)
        return output._replace(class_logits=self.classifier(features_of(output)))


class TwinDiscriminator(AuxiliaryDiscriminator):
    """D with two auxiliary classifiers: class logits (N, 2 num_classes), those of the one before those of the other.

    What they learn is said by a term: `TwinAuxiliaryClassifier` (TAC-GAN) or `DiscriminativeClassifier` (ADC-GAN).
    """

    def __init__(self, make: Make, shape: Shape, num_classes: PositiveInt) -> None:
        super().__init__(make, shape, 2 * num_classes)


class MultiHingeDiscriminator(AuxiliaryDiscriminator):
    """D of K + 1 classes, the last of them "fake" (Kavalerov, Czaja & Chellappa 2021); it does not read y.

    Of affine functions c_k of D's last features, its class logits are c_k - c_fake, (N, num_classes), and its logit is
    the largest of them: D(x) > 0 where x is more of some class than it is fake. D's own logit is not used.
    What makes the players care is `loss=multi_hinge`.
    """

    needs_output_loss: ClassVar[bool] = True  # one of logits alone does not ask which class is the largest

    def __init__(self, make: Make, shape: Shape, num_classes: PositiveInt) -> None:
        super().__init__(make, shape, num_classes + 1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output = super().forward(x, y)
        assert output.class_logits is not None
        classes = output.class_logits[:, :-1] - output.class_logits[:, -1:]
        return output._replace(logits=classes.amax(1), class_logits=classes, scales=())


class ProxyDiscriminator(nn.Module):
    """D with an embedding e(x), affine in its last features, and a learnt proxy v_k of each class; it does not read y.

    Its class logits are cosines, cos(e(x), v_k), (N, num_classes), and its last features are e(x), (N, embedding_dim)
    (ContraGAN, Kang & Park 2020, section 3.2). What makes the players care is a term: `ConditionalContrastive` or
    `DataToDataCrossEntropy`.

    Raises:
        UserError: D shows no features.
    """

    def __init__(self, make: Make, shape: Shape, num_classes: PositiveInt, embedding_dim: PositiveInt = 512) -> None:
        super().__init__()
        self.network = make()
        self.embedding = nn.Linear(width_of(self.network, shape), embedding_dim)
        self.proxies = nn.Embedding(num_classes, embedding_dim)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.network(x, y)
        embedding = self.embedding(features_of(output))
        cosines = F.normalize(embedding) @ F.normalize(self.proxies.weight).T
        return output._replace(class_logits=cosines, features=(*output.features, embedding))
