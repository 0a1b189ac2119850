"""The configuration as the tests see it: options of groups, small sizes, and complaints."""

from collections.abc import Sequence
from inspect import Parameter, signature
from itertools import combinations, product
from typing import Any

import pytest
from helpers.commands import ROOT
from hydra import compose, initialize_config_dir
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.check import check
from gan_lab.config.signature import declared
from gan_lab.errors import UserError

CONF = ROOT / "conf"
SMALL = [  # networks and intervals that suit a test
    "callbacks.metrics.every=1",
    "callbacks.samples.every=1000",
    "callbacks.checkpoint.every=1000",
    "callbacks.progress=null",
    "callbacks.report=null",
    "data.batch_size=8",
    "latent.dim=4",
]
_NARROW = [f"model.{player}.width=4" for player in ("generator", "discriminator")]
NARROW = {
    "biggan": [*_NARROW, "model.generator.shared=4"],
    "biggan_deep": [*_NARROW, "model.generator.shared=4"],
    "dcgan": ["model.width=4"],
    "fastgan": ["model.generator.width=1", "model.discriminator.width=4"],
    "infogan": ["model.width=4", "model.dense=16"],
    "dcgan_dense": ["model.width=4", "model.dense=8"],
    "mlp": ["model.hidden=[16]"],
    "mlp_2014": ["model.generator.hidden=[16,16]", "model.discriminator.hidden=[8,8]"],
    "mlp_2016": ["model.generator.hidden=[16,16]", "model.discriminator.hidden=[8,8]"],
    "mlp_2018": ["model.generator.hidden=[16,16]", "model.discriminator.hidden=[8,8]"],
    "pix2pix": ["model.width=4", "degradation=half"],
    "projected": [
        "model.generator.width=1",
        "model.discriminator.width=2",
        "model.discriminator.resolution=128",
    ],
    "r3gan": ["model.width=4", "model.group_width=4"],
    "sagan": [*_NARROW, "model.generator.attention=8", "model.discriminator.attention=4"],
    "sn_resnet": _NARROW,
    "stylegan2": ["model.width=4", "model.max_width=8", "model.generator.dim=8", "model.generator.mapping=2"],
    "stylegan3": [*_NARROW, "model.generator.dim=8", "model.generator.max_width=8", "model.generator.layers=4"],
    "srgan": ["model.width=4", "model.generator.blocks=1", "degradation=low_resolution"],
    "unet_d": [*_NARROW, "model.generator.shared=4"],
}
# CIFAR-10's files are known by their hashes, and cannot be made up; ImageNet's are too many.
_COLOURED = ["data=digits", "data.image_size=32", "model.generator.width=8", "model.discriminator.width=8"]
_IMAGENET = [*_COLOURED, "data.num_classes=10", "model.generator.attention=16", "model.discriminator.attention=16"]
_STYLED = [
    "data=digits",
    "data.image_size=32",
    "latent.dim=8",
    "model.width=8",
    "model.max_width=8",
    "model.generator.dim=8",
]
QUICK = {  # what makes each experiment small; the tests' MNIST has 12 pictures
    **dict.fromkeys(["biggan_cifar10", "r3gan_cifar10", "reacgan_cifar10", "sngan_cifar10"], _COLOURED),
    **dict.fromkeys(["biggan_imagenet128", "sagan_imagenet128"], _IMAGENET),
    "stylegan2_cifar10": _STYLED,
    "stylegan2_ada_cifar10": _STYLED,
    "stylegan3_afhqv2": [
        "data=digits",
        "data.image_size=32",
        "~data.flip",
        "latent.dim=8",
        *(f"model.{player}.{width}=8" for player in ("generator", "discriminator") for width in ("width", "max_width")),
        "model.generator.dim=8",
        "model.generator.layers=4",
    ],
    "projected_church256": [
        *_COLOURED,
        "~data.flip",
        "latent.dim=8",
        "model.generator.width=2",
        "model.discriminator.width=2",
        "model.discriminator.resolution=128",
    ],
    "goodfellow2014_mnist": ["data.subset=8", "callbacks.parzen.held_out=4"],
    "infogan_views_mnist": ["data=digits"],
    "mnist_500": ["data.subset=8", "callbacks.overfitting.n=4"],
    "semi_supervised_mnist": ["data.labels=10"],
    "cartpole_world": ["data.transitions=100"],
}
# Terms that need parts beside them, tested in files of their own.
PARTNERED = {
    "cutmix", "supervised", "consistency", "reconstruction", "path_length", "rotations", "invariant_information",
}  # fmt: skip


def options(group: str) -> list[str]:
    """Every option of a config group: a part that joins the folder joins the tests."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def features_page(name: str) -> DictConfig:
    """The settings of features, those of their resizer among them."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        found: DictConfig = compose("evaluate", [f"features={name}"]).features
    return found


def unlike_their_classes(group: str) -> list[str]:
    """Values in a group's YAML that are not the defaults of the classes which they are handed to."""
    found = []

    def look(node: Any, where: str) -> None:
        if not isinstance(node, dict):
            return
        known = signature(get_object(node["_target_"])).parameters if "_target_" in node else {}
        for name, value in node.items():
            look(value, where)
            default = known[name].default if name in known else Parameter.empty
            plain = list(default) if isinstance(default, tuple) else default
            if isinstance(value, int | float | list) and default is not Parameter.empty and plain != value:
                found.append(f"{where}: {name}={value}, {default} in the class")

    for path in sorted((CONF / group).glob("*.yaml")):
        look(OmegaConf.to_container(OmegaConf.load(path), resolve=False), path.stem)
    return found


def pairwise(*groups: Sequence[str]) -> list[tuple[str, ...]]:
    """Choices of one option of each group, in which any two options of different groups meet.

    A fault that needs three options at once is rare, and all choices of three groups are many.
    """
    choices = {choice: {*combinations(enumerate(choice), 2)} for choice in product(*groups)}
    left = set().union(*choices.values())
    found = []
    while left:
        found.append(max(choices, key=lambda choice: len(choices[choice] & left)))
        left -= choices[found[-1]]
    return found


def schedules() -> list[list[str]]:
    """Every schedule, with an optimiser that it can move."""
    momentum = {"goodfellow2014"}
    return [[f"schedule={o}", *(["optimizer=sgd"] if o in momentum else [])] for o in options("schedule")]


def terms() -> list[str]:
    """Every term that plays with any model and data."""
    return [name for name in options("term") if name not in PARTNERED]


def terms_of(player: str) -> list[str]:
    acting = [name for name in terms() if player in acts_on(name)]
    return [f"term@{player}_terms=[{name}]" for name in acting]


def losses() -> dict[str, Any]:
    """Every loss by the name of its option."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return {name: instantiate(compose("config", [f"loss={name}", "directory=."]).loss) for name in options("loss")}


def acts_on(term: str) -> tuple[str, ...]:
    (part,) = OmegaConf.load(CONF / "term" / f"{term}.yaml").values()
    return declared(part["_target_"], "acts_on")


def complaint_about(cfg: Any) -> str:
    with pytest.raises(UserError) as caught:
        check(cfg)
    text = str(caught.value)
    assert "\n" not in text
    return text
