"""Folder of a generator for a model hub: weights, configuration, samples and a model card."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_lab.config.words import one_line
from gan_lab.errors import UserError
from gan_lab.export.graph import Source
from gan_lab.io.files import write_atomically
from gan_lab.io.generator import save_generator
from gan_lab.io.weights import GENERATOR
from gan_lab.version import __version__

CARD, CONFIG, SAMPLES = "README.md", "config.json", "samples.png"
USE = """
## Use

```python
import gan_lab

run = gan_lab.load("FOLDER")  # this folder, downloaded
samples = run.samples(64, seed=0)
```

Samples are tensors; images are in [-1, 1]. The weights are in the safetensors format, which holds no code.
"""
MEASURED = "\nMeasured by `gan-lab evaluate`. A figure is comparable with those of the same procedure only.\n"
UNMEASURED = "## Figures\n\nNone were measured.\n"
INTENDED = """## Intended use

Research on generative adversarial networks, and teaching. Samples repeat what the training data showed, with its
biases, and may resemble single training images. Do not take them for facts, or for pictures of real people or things.
"""


class Figures(NamedTuple):
    """What was measured of a generator: of each figure its name, its value and how it was obtained; and whether the
    generator copies training data, which may be why they are good."""

    found: Sequence[tuple[str, float, str]] = ()
    copies: str = "not tested"


def export_hub(source: Source, folder: Path, with_samples: bool, figures: Figures, licence: str) -> None:
    """Write what `gan_lab.load(folder)` reads, and a card that shows samples or not."""
    folder.mkdir(parents=True, exist_ok=True)
    save_generator(folder / GENERATOR, source.recipe, {"raw": source.generator})
    config = json.dumps(
        {"library": "gan_lab", "version": __version__, "weights": source.weights, **source.recipe}, indent=2
    )
    write_atomically(folder / CONFIG, lambda temporary: temporary.write_text(f"{config}\n"))
    card = model_card(source, with_samples, figures, licence)
    write_atomically(folder / CARD, lambda temporary: temporary.write_text(card, encoding="utf-8"))


def model_card(source: Source, with_samples: bool, figures: Figures, licence: str) -> str:
    """The page that a hub shows, in Markdown."""
    network, recipe = source.generator, source.recipe
    parameters = sum(parameter.numel() for parameter in network.parameters())
    rows = [
        ("network", f"{plain(_target(recipe['generator']))}, {parameters:,} parameters"),
        ("weights", f"{plain(source.weights)}, after round {plain(str(recipe.get('round', 'unknown')))}"),
        ("noise", f"{source.latent.dim} numbers, {plain(str(recipe['latent']['_target_']))}"),
        ("classes", _classes(recipe)),
    ]
    scores = [f"| {plain(name)} | {value:.4g} | {plain(how)} |" for name, value, how in figures.found]
    copies = f"\nCopies of training data: {plain(figures.copies)}.\n"
    return "\n".join(
        [
            f"---\nlibrary_name: gan_lab\nlicense: {licence}\ntags:\n- gan\n---\n",
            "# A generator of gan_lab\n",
            *([f"![Samples]({SAMPLES})\n"] if with_samples else []),
            "| | |\n|---|---|",
            *(f"| {name} | {text} |" for name, text in rows),
            USE,
            *(
                ["## Figures\n\n| figure | value | procedure |\n|---|---|---|", *scores, MEASURED]
                if scores
                else [UNMEASURED]
            ),
            copies,
            INTENDED,
            "## Licence\n",
            "Not stated." if licence == "unknown" else f"`{licence}`",
            "",
        ]
    )


def plain(text: str) -> str:
    """Text as Markdown shows it letter by letter: no link, no image, no markup, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|&~])", r"\\\1", " ".join(text.split()))


def push(folder: Path, repository: str) -> str:
    """Upload the folder to the Hugging Face Hub, to a private repository where there is none yet; its address.

    Raises:
        UserError: the extra is missing, or the hub refuses.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise UserError("push_to_hub: huggingface_hub is not installed; pip install 'gan_lab[export]'") from error
    try:
        api = HfApi()
        api.create_repo(repository, private=True, exist_ok=True)
        files = [GENERATOR, CONFIG, SAMPLES, CARD]
        done = api.upload_folder(folder_path=folder, repo_id=repository, allow_patterns=files)
    except Exception as error:  # of the network, of the login, of the hub
        raise UserError(f"push_to_hub={repository}: {one_line(str(error)) or type(error).__name__}") from error
    return str(done)


def _classes(recipe: Mapping[str, Any]) -> str:
    if "degradation" in recipe:
        return "none; it is given an image"
    if not recipe.get("num_classes"):
        return "none"
    names = recipe.get("classes") or []
    named = f": {plain(', '.join(map(str, names[:20])))}{', ...' * (len(names) > 20)}" if names else ""
    return f"{recipe['num_classes']}{named}"


def _target(part: Mapping[str, Any]) -> str:
    """Of the network itself, whatever stands around it."""
    inner = part.get("_args_")
    return _target(inner[0]) if inner else str(part["_target_"]).rpartition(".")[2]
