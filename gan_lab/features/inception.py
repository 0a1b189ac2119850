"""Inception-v3 as ported from TensorFlow: the network of the FID, and of the sFID."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan_lab.errors import UserError
from gan_lab.features.extractors import ENLARGED, check_images, to_rgb_bytes
from gan_lab.features.protocol import Lessons
from gan_lab.features.resizers import Resizer
from gan_lab.features.weights import check_stated, downloaded, read_tensors
from gan_lab.ranges import PositiveFloat

PUBLISHED = "6726825d"  # the first digits of the SHA-256 of its weights
URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
SIZE = 299


class OfInception:
    """What features of the Inception-v3 that the FID is defined by (Heusel et al. 2017) share; by torch-fidelity.

    Its weights are downloaded at first use, or read from the file `weights`, as torch-fidelity and pytorch-fid publish
    it (pt_inception-2015-12-05-6726825d.pth), whose SHA-256 begins with `digest`. Images are rounded to bytes, brought
    to 299 x 299 by `resizer`, and enter as x / `half_range` - 1: 128, but in pytorch-fid 127.5.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = False

    def __init__(
        self,
        resizer: Resizer,
        weights: str | None = None,
        digest: str = PUBLISHED,
        half_range: PositiveFloat = 128.0,
    ) -> None:
        check_stated(weights, digest, PUBLISHED)
        self.resizer, self.weights, self.digest, self.half_range = resizer, weights, digest, half_range
        self.resize = f"{resizer.name}, to {SIZE} x {SIZE}"
        self.identity = f"{self.name} {digest}" + ("" if half_range == 128 else f", pixels / {half_range:g} - 1")
        if weights is not None:
            read_tensors(Path(weights), digest)

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None:
        check_images(self.name, shape, (1, 3))
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d, FeatureExtractorInceptionV3
        except ImportError as error:
            raise UserError(f"features={self.name}: not installed; pip install gan_lab[inception]") from error
        path = downloaded(URL, self.name, PUBLISHED) if self.weights is None else Path(self.weights)
        read_tensors(path, self.digest)  # torch-fidelity would run what the file holds
        try:
            with torch.random.fork_rng(devices=[]):
                network: Any = FeatureExtractorInceptionV3("inception", ["2048"], str(path))
        except RuntimeError as error:
            why = " ".join(str(error).split())[:200]
            raise UserError(f"features.weights={path}: not the weights of this network ({why})") from error
        for block in network.modules():
            if isinstance(block, BasicConv2d):
                block.conv, block.bn = fuse_conv_bn_eval(block.conv, block.bn), nn.Identity()
        self.network = network.to(memory_format=torch.channels_last)  # half of the time on a CPU

    def __call__(self, x: Tensor) -> Tensor:
        network = self.network.to(x.device)
        return torch.cat([self._see(network, self._entering(part)) for part in to_rgb_bytes(x).split(ENLARGED)])

    def _entering(self, pixels: Tensor) -> Tensor:
        x = self.resizer(pixels, SIZE) / self.half_range - 1
        return x.contiguous(memory_format=torch.channels_last)

    def _see(self, network: Any, x: Tensor) -> Tensor:
        """Features (N, F) of what enters the network."""
        raise NotImplementedError


class Inception(OfInception):
    """The 2,048 features of its last pooling: those of the FID and the KID."""

    name: ClassVar[str] = "inception"

    def _see(self, network: Any, x: Tensor) -> Tensor:
        """Its own `forward` would resize, so that its layers are called, which are all before `fc`."""
        *layers, _ = network.children()
        return nn.Sequential(*layers)(x).flatten(1)

    def probabilities(self, features: Tensor) -> Tensor:
        """Of its 1,008 outputs, without their biases, as in the Inception Score's customary code."""
        return (features @ self.network.to(features.device).fc.weight.T).softmax(1)


class InceptionSpatial(OfInception):
    """The 7 x 17 x 17 spatial features of the sFID (Nash et al. 2021): where things are, which averages do not know.

    The first seven channels of the 1 x 1 branch in the third block of 17 x 17, "mixed_6/conv" of the TensorFlow graph
    (openai/guided-diffusion, evaluator.py).
    """

    name: ClassVar[str] = "inception_spatial"

    def _see(self, network: Any, x: Tensor) -> Tensor:
        for name, layer in network.named_children():
            if name == "Mixed_6d":
                return layer.branch1x1(x)[:, :7].flatten(1)
            x = layer(x)
        raise AssertionError("the network has no such block")
