"""Discriminator of K + 1 classes for semi-supervised learning."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.layers import GaussianNoise, WeightNormLinear
from gan_lab.ranges import NonNegativeFloat, PositiveInt, Shape
from gan_lab.types import DiscriminatorOutput


class NoisyClassifier(nn.Module):
    """x (N, *shape) in [-1, 1] -> class logits l (N, K) and logits log sum_k exp l_k (N,) (Salimans et al. 2016).

    K + 1 classes of which the last one, "generated", has the logit 0: P(k | x) = exp l_k / (Z + 1), Z = sum_k exp l_k,
    so that D(x) = Z / (Z + 1) = sigmoid(log Z) (section 5). A stack of weight-normalised affine maps and ReLU on
    (x + 1) / 2, with Gaussian noise before each map, `input_noise` before the first. Lengths and biases standardise
    the units on real samples at first, and only the last map learns its lengths (code of openai/improved-gan). Its
    features are the last hidden layer, before the noise.
    """

    def __init__(
        self,
        shape: Shape,
        num_classes: PositiveInt,
        hidden: Sequence[PositiveInt],
        input_noise: NonNegativeFloat = 0.0,
        noise: NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__()
        widths = [math.prod(shape), *hidden]
        self.maps = nn.ModuleList(WeightNormLinear(a, b, learn_length=False) for a, b in pairwise(widths))
        self.head = WeightNormLinear(widths[-1], num_classes)
        self.noises = nn.ModuleList([GaussianNoise(input_noise), *(GaussianNoise(noise) for _ in hidden)])
        for layer in (*self.maps, self.head):
            nn.init.normal_(layer.weight, std=0.1)

    @torch.no_grad()
    def initialise_from(self, real: Callable[[int], Tensor]) -> None:
        """Standardise the units, layer by layer, on 500 samples or a few more; `real(n)` gives n real samples.

        Raises:
            UserError: it needs y beside them.
        """
        x = (real(500).flatten(1) + 1) / 2
        if x.shape[1] != self.maps[0].in_features:
            raise UserError("NoisyClassifier: sees samples alone, and has no room for y; take another conditioning")
        for noise, layer in zip(self.noises, (*self.maps, self.head), strict=True):
            x = noise(x)
            layer.standardise(x)
            x = layer(x).relu()

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = (x.flatten(1) + 1) / 2
        *before, last = self.noises
        for noise, layer in zip(before, self.maps, strict=True):
            features = layer(noise(features)).relu()
        class_logits = self.head(last(features)).float()
        return DiscriminatorOutput(class_logits.logsumexp(1), class_logits, (features,))
