"""Weights of R3GAN (brownvc/R3GAN)."""

import re
from typing import Any

import torch

from gan_lab.io.torch_files import Network
from gan_lab.others.imported import Imported, Unfit, renamed, with_classes

MARK = "Model.MainLayers.0.Layers.0.Basis"
_STAGE = r"Model\.MainLayers\.{}\.Layers"


def imported(network: Network) -> Imported:
    """The generator here; its embedding of classes goes into the linear form of `conditioning=concat`.

        M [z, E e_y] = [M_1, M_2 E] [z, e_y]

    Raises:
        Unfit: it is built otherwise than this lab's.
    """
    state = dict(network.state)
    _check_filters(network)
    embedding = state.pop("Model.EmbeddingLayer.weight", None)
    blocks = _blocks(network)
    names = {
        r"Model\.MainLayers\.0\.Layers\.0\.Basis": "basis",
        r"Model\.MainLayers\.0\.Layers\.0\.LinearLayer\.weight": "modulation.weight",
    }
    position = 0
    for stage, count in enumerate(blocks):
        here = _STAGE.format(stage)
        if stage > 0:
            projection = f"Model.MainLayers.{stage}.Layers.0.LinearLayer.Layer.weight"
            names[re.escape(projection)] = f"net.{position}.weight"
            position += 2 if projection in state else 1
        for block in range(1, count + 1):
            for number, place in ((1, 0), (2, 2), (3, 4)):
                branch = f"net.{position}.branch.{place}"
                names[rf"{here}\.{block}\.LinearLayer{number}\.Layer\.weight"] = f"{branch}.weight"
                names[rf"{here}\.{block}\.NonLinearity{number}\.Bias"] = f"{branch}.bias"
            position += 1
    names[r"Model\.AggregationLayer\.Layer\.weight"] = f"net.{position}.weight"
    found = renamed(state, names, dropped=r".*\.Resampler\.Kernel")
    wide, width = found["net.0.branch.0.weight"].shape[:2]
    latent_dim = found["modulation.weight"].shape[1] - (0 if embedding is None else len(embedding))
    generator: dict[str, Any] = {
        "_target_": "gan_lab.networks.r3gan.R3GANGenerator",
        "latent_dim": latent_dim,
        "shape": [len(found[f"net.{position}.weight"]), *[4 << (len(blocks) - 1)] * 2],
        "width": found[f"net.{position}.weight"].shape[1],
        "max_width": width,
        "blocks": blocks[0],
        "expansion": wide // width,
        "group_width": found["net.0.branch.2.weight"].shape[1],
    }
    classes = None
    if embedding is not None:
        classes = embedding.shape[1]
        of_z, of_y = found["modulation.weight"].split([latent_dim, len(embedding)], 1)
        found["modulation.weight"] = torch.cat([of_z, of_y @ embedding], 1)
        found = {f"network.{name}": value for name, value in found.items()}
        generator = {
            "_target_": "gan_lab.networks.conditioning.ConcatGenerator",
            "latent_dim": latent_dim,
            "num_classes": classes,
            "_args_": [{**generator, "_partial_": True}],
        }
    recipe = {"generator": generator, "latent": {"_target_": "gan_lab.latents.Normal", "dim": latent_dim}}
    return Imported(with_classes(recipe, classes), found)


def _blocks(network: Network) -> list[int]:
    """Of each stage, from the smallest map on."""
    pattern = re.compile(r"Model\.MainLayers\.(\d+)\.Layers\.(\d+)\.LinearLayer1\.Layer\.weight")
    found = [match for match in map(pattern.fullmatch, network.state) if match]
    stages = sorted({int(match[1]) for match in found})
    blocks = [sum(int(match[1]) == stage for match in found) for stage in stages]
    if len(set(blocks)) != 1:
        raise Unfit(f"its stages have {blocks} blocks, and this lab's as many each")
    return blocks


def _check_filters(network: Network) -> None:
    side = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    for name, value in network.state.items():
        if name.endswith(".Resampler.Kernel") and not torch.allclose(value, torch.outer(side, side)):
            raise Unfit(f"{name}: this lab's network has [1, 3, 3, 1]")
