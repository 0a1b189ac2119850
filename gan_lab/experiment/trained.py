"""Trained players of a run, read back to draw samples from."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from gan_lab.config.recipe import built_on_meta, check_networks
from gan_lab.config.signature import declares
from gan_lab.config.stored import parts_of
from gan_lab.config.tree import parts
from gan_lab.config.words import one_line
from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.experiment.build import network_of
from gan_lab.io.ownership import is_own
from gan_lab.io.reading import read_yaml
from gan_lab.io.run_file import read_facts
from gan_lab.io.weights import Weights, find_weights, read_weights
from gan_lab.sampling import Plain, Sampling, Trained
from gan_lab.types import Latent


def sampling_of(recipe: Mapping[str, Any], chosen: Mapping[str, Any] | None = None) -> Sampling:
    """The sampling that was `chosen` (a part), or else that of a checked recipe, or else the plain one."""
    part = chosen or recipe.get("sampling")
    sampling: Sampling = instantiate(part) if part else Plain()
    return sampling


def settings_of(sampling: Sampling, part: Any) -> str | None:
    """A sampling and its settings in a line, by the part that it was built from; None for the plain one."""
    if isinstance(sampling, Plain):
        return None
    return OmegaConf.to_yaml(part, sort_keys=True).strip().replace("\n", ", ")


def trained_of(
    found: Weights,
    generator: nn.Module,
    latent: Latent,
    sampling: Sampling,
    trust: str = "",
    root: str | None = None,
    device: torch.device | str = "cpu",
) -> Trained:
    """The players of which `found` are the weights, as far as the sampling needs them.

    `generator` and `latent` are rebuilt from it; D is that of the checkpoint of the same round, and real samples are of
    what the run has learnt from, which lies in the folder `root` where that has moved.

    Raises:
        UserError: D or the data are needed, and cannot be had.
    """
    run = found.path.parent.parent if found.path.parent.name == "checkpoints" else found.path.parent
    if "ratio" in sampling.needs:
        warn_of_other_logits(run)
    discriminator = discriminator_of(run, found, trust).to(device) if "discriminator" in sampling.needs else None
    unseen = data_of(run, trust, root).unseen if "unseen" in sampling.needs else None
    conditional = "num_classes" in found.recipe or "degradation" in found.recipe
    return Trained(generator, latent, conditional, found.recipe.get("num_classes"), discriminator, unseen, device)


def warn_of_other_logits(run: Path) -> None:
    """Say so where the best logit under the run's loss is not log p_data / p_g, as far as the loss tells."""
    path = run / "config.yaml"
    loss = read_yaml(path).get("loss") if path.is_file() else None
    if isinstance(loss, dict) and not any(declares(str(part["_target_"]), "log_ratio") for _, part in parts(loss)):
        name = str(loss.get("_target_")).rpartition(".")[2]
        warning = f"{name}: its logits do not estimate log p_data / p_g, which this sampling takes them for"
        print(f"warning: {one_line(warning)}; sampling=mh calibrates them", file=sys.stderr)


def data_of(run: Path, trust: str, root: str | None) -> GameData:
    """The data that the run in a directory has learnt from.

    Raises:
        UserError: its configuration is missing, or trusts other code than ours.
    """
    read_facts(run)
    data: GameData = instantiate(parts_of(run / "config.yaml", root, trust)["data"])
    return data


def discriminator_of(run: Path, found: Weights, trust: str) -> nn.Module:
    """D as it was in the round of these weights, in evaluation mode.

    A generator file holds G alone: the run's configuration says what D is, and a checkpoint of that round holds it.

    Raises:
        UserError: it is missing, does not fit, or is a stranger's and asks for other code than ours.
    """
    path = run / "config.yaml"
    if not path.is_file():
        raise UserError(
            f"{found.path}: holds no discriminator, which this sampling needs; give the run's directory, with its "
            "config.yaml and checkpoints"
        )
    state = found.networks.get("d") or _of_the_same_round(run, found)
    networks = {name: read_yaml(path).get(name) for name in ("model", "conditioning", "d_wrappers")}
    trusted = [*filter(None, trust.split(","))]
    own = is_own(path)
    try:
        if not own:
            check_networks(networks, trusted)
        network = network_of(OmegaConf.create(networks), "discriminator")
        if not own and not trusted:
            built_on_meta(network, state)
        discriminator: nn.Module = instantiate(network)
        discriminator.load_state_dict(state)
    except Exception as error:  # whatever a constructor makes of values that no run would give it
        raise UserError(one_line(f"{path}: its discriminator does not fit {found.path} ({error})")) from error
    return discriminator.eval()


def _of_the_same_round(run: Path, found: Weights) -> dict[str, Tensor]:
    try:
        kept = read_weights(find_weights(run, str(found.round)))
    except UserError as error:
        raise UserError(
            f"{found.path}: holds no discriminator, which this sampling needs, and no checkpoint is of its round "
            f"{found.round}; take checkpoint=last"
        ) from error
    if "d" not in kept.networks or kept.generator().digest != found.generator().digest:
        raise UserError(f"{kept.path}: holds another generator than {found.path}")
    return kept.networks["d"]
