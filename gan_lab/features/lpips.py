"""Features of LPIPS, the learned perceptual distance of images."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.features.classifier import digest as digest_of
from gan_lab.features.extractors import check_images
from gan_lab.features.pretrained import IMAGENET, VGG16
from gan_lab.features.protocol import Lessons
from gan_lab.features.weights import check_digest, read_tensors

LAYERS = (3, 8, 15, 22, 29)  # of VGG-16's `features`: the last ReLU before each pooling
SMALLEST = 16  # pixels of a side that are left of after four poolings
TINY = 1e-10  # which LPIPS adds to the norm of a pixel's features


class LPIPS:
    """Points whose squared Euclidean distance is LPIPS by VGG-16, version 0.1 (Zhang et al. 2018, eq. 1).

        d(x, y) = sum_l 1 / (H_l W_l) sum_hw sum_c w_lc (f_lchw(x) - f_lchw(y))^2

    f_l are the features of layer l, each pixel's divided by their norm, and w_l the published linear weights, which the
    package `lpips` carries; so the coordinates are sqrt(w_lc / (H_l W_l)) f_lchw. Images keep their size and are not
    rounded, as the perceptual path length wants. There are many coordinates: 2 MB for an image of 64 x 64 pixels.

    VGG-16's weights are downloaded at first use, or read from the file `weights`, as torchvision publishes it
    (vgg16-397923af.pth), whose SHA-256 begins with `digest`.
    """

    resize = "none"
    identity = "lpips"
    learns: ClassVar[bool] = False
    only_for: ClassVar[str] = "ppl"  # which sees two images at a time

    def __init__(self, weights: str | None = None, digest: str | None = None) -> None:
        self.weights, self.digest = weights, digest
        if weights is not None:
            check_digest(Path(weights), digest)

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None:
        from torchvision.models.vgg import cfgs, make_layers

        check_images("lpips", shape, (1, 3))
        if min(shape[1:]) < SMALLEST:
            raise UserError(f"features=lpips: takes images of {SMALLEST} pixels or more, not {list(shape)}")
        scales = [weights.sqrt() for weights in linear_weights()]
        path = VGG16.fetched("lpips") if self.weights is None else Path(self.weights)
        state = read_tensors(path, self.digest)
        with torch.device("meta"):
            layers = make_layers(cfgs["D"])
        own = {name.removeprefix("features."): value for name, value in state.items() if name.startswith("features.")}
        try:
            layers.load_state_dict(own, assign=True)
        except RuntimeError as error:
            raise UserError(f"features.weights={path}: not the weights of VGG-16") from error
        self.network, self.scales = layers.eval().requires_grad_(False), scales
        self.identity = f"lpips {digest_of([*own.values(), *scales])[:8]}"

    def __call__(self, x: Tensor) -> Tensor:
        mean, deviation = (x.new_tensor(side).view(3, 1, 1) for side in IMAGENET)
        x = ((x.expand(-1, 3, -1, -1) + 1) / 2 - mean) / deviation
        found: list[Tensor] = []
        for i, layer in enumerate(self.network.to(x.device)):
            x = layer(x)
            if i in LAYERS:
                scale = self.scales[len(found)].to(x) / (x.shape[2] * x.shape[3]) ** 0.5
                found.append((scale * x / (x.norm(dim=1, keepdim=True) + TINY)).flatten(1))
                if i == LAYERS[-1]:
                    break
        return torch.cat(found, dim=1)


def linear_weights() -> list[Tensor]:
    """Those of the five layers, (1, C, 1, 1) each, none negative.

    Raises:
        UserError: the package that carries them is not installed.
    """
    found = find_spec("lpips")
    if found is None or found.origin is None:
        raise UserError("features=lpips: its linear weights are not installed; pip install gan_lab[features]")
    weights = read_tensors(Path(found.origin).parent / "weights/v0.1/vgg.pth")
    return [weights[f"lin{i}.model.1.weight"] for i in range(len(LAYERS))]
