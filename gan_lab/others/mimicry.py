"""Weights of mimicry's residual generators: SNGAN, cGAN-PD, SAGAN, and others with these networks (kwotsin/mimicry)."""

import re
from math import isqrt
from typing import Any

import torch

from gan_lab.io.torch_files import Network
from gan_lab.others.imported import Imported, State, Unfit, renamed, with_classes

MARK = "l1.bias"
_SPECTRAL = {  # torch's first spectral normalisation, and the one of today
    "weight_orig": "parametrizations.weight.original",
    "weight_u": "parametrizations.weight.0._u",
    "weight_v": "parametrizations.weight.0._v",
}
_ATTENTION = {"theta": "g", "phi": "f", "g": "h", "o": "v"}
_ATTENDED = {3: 2, 5: 3}  # behind how many blocks of so many their self-attention stands: a map of 16, of 32 pixels


def imported(network: Network) -> Imported:
    """The generator here, with their bilinear enlargement. One of classes has `conditioning=batch_norm`.

    Raises:
        Unfit: it is built otherwise than this lab's.
    """
    state = network.state
    blocks = sorted(int(m[1]) for m in (re.fullmatch(r"block(\d+)\.c1\.bias", name) for name in state) if m)
    attended = _ATTENDED.get(len(blocks)) if "attn_block.gamma" in state else None
    if "attn_block.gamma" in state and attended is None:
        raise Unfit(f"attn_block: where it stands among {len(blocks)} blocks is not known")
    names = {r"l1\.(.+)": r"affine.\1"}
    for i, block in enumerate(blocks):
        place = i + (attended is not None and i >= attended)
        for theirs, ours in (("c1", "conv1"), ("c2", "conv2"), ("c_sc", "skip"), ("b1", "norm1"), ("b2", "norm2")):
            names[rf"block{block}\.{theirs}\.bn\.(.+)"] = rf"blocks.{place}.{ours}.norm.\1"
            names[rf"block{block}\.{theirs}\.(.+)"] = rf"blocks.{place}.{ours}.\1"
    for theirs, ours in _ATTENTION.items():
        names[rf"attn_block\.{theirs}\.(.+)"] = rf"blocks.{attended}.{ours}.\1"
    names[r"attn_block\.gamma"] = f"blocks.{attended}.gamma"
    last = blocks[-1] + 1
    names |= {rf"b{last}\.(.+)": r"norm.\1", rf"c{last}\.(.+)": r"last.\1"}
    found = _conditional(_spectral(renamed(state, names)))
    spectral = any("parametrizations" in name for name in found)
    weight = "parametrizations.weight.original" if spectral else "weight"
    width, max_width = len(found["norm.weight"]), len(found["blocks.0.conv1.bias"])
    channels = found[f"blocks.0.conv1.{weight}"].shape[1]
    bottom = isqrt(len(found["affine.bias"]) // channels)
    latent_dim, shape = found[f"affine.{weight}"].shape[1], [len(found["last.bias"]), *[bottom << len(blocks)] * 2]
    generator: dict[str, Any] = {
        "_target_": "gan_lab.networks.resnet.ResNetGenerator",
        "latent_dim": latent_dim,
        "shape": shape,
        "width": width,
        "max_width": max(max_width, channels),
        "attention": 0 if attended is None else bottom << attended,
        "epsilon": 1e-5,
        "bilinear": True,
    }
    classes = next((len(value) for name, value in found.items() if name.endswith("norm1.scale")), None)
    if classes is not None:
        found = {f"network.{name}": value for name, value in found.items()}
        generator = {
            "_target_": "gan_lab.networks.conditioning.BatchNormGenerator",
            "num_classes": classes,
            "_args_": [{**generator, "_partial_": True}],
        }
    if spectral:
        generator = {"_target_": "gan_lab.networks.wrappers.spectral_norm", "_args_": [generator]}
    recipe = {"generator": generator, "latent": {"_target_": "gan_lab.latents.Normal", "dim": latent_dim}}
    return Imported(with_classes(recipe, classes), found)


def _spectral(state: State) -> State:
    """With the weights of spectral normalisation under today's names."""
    found = {}
    for name, value in state.items():
        layer, _, kind = name.rpartition(".")
        found[f"{layer}.{_SPECTRAL[kind]}" if kind in _SPECTRAL else name] = value
    return found


def _conditional(state: State) -> State:
    """With the scales and shifts of conditional batch normalisation, which they keep as halves of an embedding."""
    found: State = {}
    for name, value in state.items():
        layer = name.removesuffix(".embed.weight")
        if layer == name:
            found[name] = value
        else:
            found[f"{layer}.scale"], found[f"{layer}.shift"] = (half.contiguous() for half in torch.chunk(value, 2, 1))
    return found
