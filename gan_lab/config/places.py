"""Paths in a configuration, made absolute."""

from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from gan_lab.config.arguments import at_home
from gan_lab.config.tree import leaves
from gan_lab.config.words import dotted
from gan_lab.data.sources.huggingface import HUB
from gan_lab.data.sources.labels import is_list


def settle(config: DictConfig) -> None:
    """`~/...` becomes a path in the user's home wherever it stands, and `data.root` an absolute path.

    So does a list in `data.labels`, unless it lies in `data.root`, with which it may move. A name, hf://NAME, stays.
    """
    raw = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    for path, leaf in leaves(raw):
        if isinstance(leaf, str) and at_home(leaf) != leaf:
            OmegaConf.update(config, dotted(path), at_home(leaf))
    root = (raw.get("data") or {}).get("root")
    if isinstance(root, str) and root != "???" and "${" not in root and not root.startswith(HUB):
        # an interpolation is kept, not what it says
        config.data.root = str(Path(at_home(root)).absolute())
    labels = at_home(str((raw.get("data") or {}).get("labels")))
    if is_list(labels) and "${" not in labels:
        root = OmegaConf.select(config, "data.root")
        config.data.labels = labels if Path(str(root), labels).is_file() else str(Path(labels).absolute())
