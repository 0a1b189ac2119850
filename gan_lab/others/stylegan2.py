"""Weights of StyleGAN2 and StyleGAN2-ADA (NVlabs/stylegan2-ada-pytorch, NVlabs/stylegan3)."""

import re
from typing import Any

import torch

from gan_lab.io.torch_files import Network
from gan_lab.networks.resampling import FILTER
from gan_lab.others.imported import Imported, Unfit, demand, renamed, with_classes

MARK = "synthesis.b4.const"  # a name by which its generator is known
MAPPING = {
    r"mapping\.embed\.(\w+)": r"mapping.embedding.\1",
    r"mapping\.fc(\d+)\.(\w+)": r"mapping.layers.\1.\2",
    r"mapping\.w_avg": "mean",
}


def imported(network: Network) -> Imported:
    """The generator here. Noise is drawn in training, and else that which the file holds.

    Raises:
        Unfit: it is built otherwise than this lab's.
    """
    state, settings = network
    demand(settings, architecture="skip", activation=("lrelu", "linear"), conv_clamp=(None, 256))
    demand({k: v for k, v in settings.items() if re.fullmatch(r"mapping\.fc\d+\.bias_gain", k)}, bias_gain=0.01)
    _check_filters(network)
    blocks = sorted(int(m[1]) for m in (re.fullmatch(r"synthesis\.b(\d+)\.torgb\.bias", name) for name in state) if m)
    names = dict(MAPPING)
    names[r"synthesis\.b4\.const"] = "constant"
    for i, side in enumerate(blocks):
        for conv in ("conv0", "conv1"):
            here, there = rf"synthesis\.b{side}\.{conv}", f"convs.{2 * i - (conv == 'conv0')}"
            names[rf"{here}\.affine\.(\w+)"] = rf"{there}.conv.affine.\1"
            names[rf"{here}\.weight"] = f"{there}.conv.weight"
            names[rf"{here}\.bias"] = f"{there}.bias"
            names[rf"{here}\.noise_strength"] = f"{there}.strength"
            names[rf"{here}\.noise_const"] = f"{there}.noise"
        names[rf"synthesis\.b{side}\.torgb\.bias"] = f"biases.{i}"
        names[rf"synthesis\.b{side}\.torgb\.(.+)"] = rf"pictures.{i}.\1"
    found = renamed(state, names, dropped=r".*\.resample_filter")
    recipe = {
        "generator": {
            "_target_": "gan_lab.networks.stylegan2.StyleGAN2Generator",
            **common(network),
            "shape": [len(found["biases.0"]), blocks[-1], blocks[-1]],
            "width": found[f"pictures.{len(blocks) - 1}.weight"].shape[1],
            "max_width": len(found["constant"]),
        },
        "latent": latent(network),
    }
    return Imported(with_classes(recipe, classes(network)), found)


def common(network: Network) -> dict[str, Any]:
    """What StyleGAN2's and StyleGAN3's recipes have alike."""
    layers = [name for name in network.state if re.fullmatch(r"mapping\.fc\d+\.weight", name)]
    return {
        "latent_dim": network.settings["z_dim"],
        "num_classes": classes(network),
        "dim": len(network.state["mapping.w_avg"]),
        "mapping": len(layers),
    }


def classes(network: Network) -> int | None:
    """The number of classes; None where it takes none."""
    return network.settings["c_dim"] or None


def latent(network: Network) -> dict[str, Any]:
    """The distribution of the noise."""
    return {"_target_": "gan_lab.latents.Normal", "dim": network.settings["z_dim"]}


def _check_filters(network: Network) -> None:
    side = torch.tensor(FILTER) / sum(FILTER)
    for name, value in network.state.items():
        if name.endswith(".resample_filter") and not torch.equal(value, torch.outer(side, side)):
            raise Unfit(f"{name}: this lab's network has [1, 3, 3, 1]")
