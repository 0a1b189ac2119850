"""Weights of StyleGAN3-T and StyleGAN3-R (NVlabs/stylegan3)."""

import re

import torch

from gan_lab.config.recipe import check_recipe
from gan_lab.io.torch_files import Network
from gan_lab.networks.stylegan3 import MARGIN, SCALE, StyleGAN3Generator
from gan_lab.others.imported import Imported, State, Unfit, demand, renamed, with_classes
from gan_lab.others.stylegan2 import MAPPING, classes, common, latent

MARK = "synthesis.input.freqs"


def imported(network: Network) -> Imported:
    """The generator here.

    Raises:
        Unfit: it is built otherwise than this lab's, or its image is turned or moved.
        UserError: its sizes are not those of its weights.
    """
    state, settings = network
    demand(settings, margin_size=MARGIN, output_scale=SCALE, conv_clamp=256, activation=("lrelu", "linear"))
    if not torch.equal(state["synthesis.input.transform"], torch.eye(3)):
        raise Unfit("synthesis.input.transform: the images are turned or moved, which this lab's network does not do")
    layers = sorted(_number(name) for name in state if re.fullmatch(r"synthesis\.L\d+_\d+_\d+\.bias", name))
    names = {
        **MAPPING,
        r"synthesis\.input\.freqs": "features.frequencies",
        r"synthesis\.input\.(phases|weight|affine\.\w+)": r"features.\1",
        r"synthesis\.L(\d+)_\d+_\d+\.magnitude_ema": r"layers.\1.magnitude",
        r"synthesis\.L(\d+)_\d+_\d+\.(weight|bias|affine\.\w+)": r"layers.\1.\2",
    }
    found = renamed(state, names, dropped=r"synthesis\.(input\.transform|L.+\.(up|down)_filter)")
    last = f"layers.{layers[-1]}.weight"
    generator = {
        **common(network),
        "shape": [len(found[last]), settings["img_resolution"], settings["img_resolution"]],
        "width": found[last].shape[1],
        "max_width": len(found["features.weight"]),
        "layers": layers[-1],
        "rotation": found["layers.0.weight"].shape[-1] == 1,
    }
    recipe = {
        "generator": {"_target_": "gan_lab.networks.stylegan3.StyleGAN3Generator", **generator},
        "latent": latent(network),
    }
    recipe = with_classes(recipe, classes(network))
    check_recipe(recipe, found)  # before a network of the file's sizes is built
    _check_filters(StyleGAN3Generator(**generator), state)
    return Imported(recipe, found)


def _check_filters(network: StyleGAN3Generator, state: State) -> None:
    """Raise Unfit unless theirs are this network's: they follow from cutoffs, which have no other trace."""
    for name, value in state.items():
        kind = re.fullmatch(r"synthesis\.L\d+_\d+_\d+\.(up|down)_filter", name)
        if kind:
            own = getattr(network.layers[_number(name)].nonlinear, {"up": "rise", "down": "fall"}[kind[1]])
            if own.shape != value.shape or not torch.allclose(own, value, atol=1e-6):
                raise Unfit(f"{name}: its cutoffs are not those of this lab's network")


def _number(name: str) -> int:
    return int(name.split(".")[1].split("_")[0][1:])
