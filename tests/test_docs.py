"""Documentation: the table of options is the one that conf/ gives, links lead somewhere, and the site has all pages.

`make docs` builds the site itself, and fails on any warning.
`python tests/test_docs.py` writes docs/options.md anew.
"""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import ROOT
from helpers.configuration import CONF, options
from hydra.utils import get_object
from omegaconf import OmegaConf

PACKAGE = ROOT / "gan_lab"
PAGE = ROOT / "docs" / "options.md"
GROUPS = {  # what each group of the configuration is
    "model": "A generator and a discriminator; shapes follow from `data`.",
    "conditioning": "How the players learn the class, for data with labels, or (`vector`) the data's numbers.",
    "wrapper": "Put around a network: `wrapper@d_wrappers=[...]`, `wrapper@g_wrappers=[...]`.",
    "data": "What is to be learnt.",
    "degradation": "What both players are given of each image in place of its class; the rest is to be generated.",
    "latent": "The noise.",
    "loss": "What each player minimises.",
    "update": "Which player moves when.",
    "term": "Penalties, further aims and constraints of a player: `term@d_terms=[...]`, `term@g_terms=[...]`.",
    "optimizer": "How a player moves.",
    "schedule": "Learning rates over rounds.",
    "ema": "How the average of G's weights follows them; further averages by names of yours: `+ema@averages.NAME=...`.",
    "sampling": "How samples are drawn of trained players ([sampling](sampling.md)).",
    "calibration": "How `sampling=mh` calibrates D: `calibration@sampling.calibration=...`.",
    "callbacks": "What is logged, drawn, saved and measured: `callbacks=[default,parzen]`.",
    "metric": "What samples are scored by ([measures](measures.md)): `metric=[...]` of `python -m gan_lab.evaluate`, "
    "`metric@callbacks.evaluation.metrics=[...]`.",
    "features": "Where a metric compares samples.",
    "resizer": "The filter that brings pictures to the features' network: `resizer@features.resizer=...`.",
    "protocol": "A published procedure of evaluation ([who uses which](evaluation.md#protocols)): `protocol=...`.",
    "logger": "Where a run is recorded: `logger=[csv,wandb]`.",
    "trainer": "Lightning's Trainer, and how many processes take part.",
    "experiment": "A whole published setting on one page.",
    "debug": "Does it run, where is the NaN, where goes the time?",
}


def page() -> str:
    made = "Every group of the configuration with its options; made from `conf/` by `python tests/test_docs.py`."
    parts = [f"# Options\n\n{made}\n"]
    for group, meaning in GROUPS.items():
        rows = [f"| `{name}` | {described(CONF / group / f'{name}.yaml')} |" for name in options(group)]
        parts.append("\n".join([f"## `{group}`\n", meaning, "\n| option | |\n|---|---|", *rows, ""]))
    return "\n".join(parts)


def described(path: Path) -> str:
    """The first sentence of the page's comment, or else of what its first part says of itself."""
    lines = [line for line in path.read_text().splitlines() if "@package" not in line]
    comment = []
    for line in lines:
        if not line.startswith("# ") or line.startswith("#   "):
            break
        comment.append(line.removeprefix("# "))
    text = " ".join(comment)
    if not text:
        text = next((inspect.getdoc(get_object(target)) or "" for target in targets(OmegaConf.load(path))), "")
        text = text.split("\n\n")[0].replace("\n", " ")
    sentence = re.match(r".*?(?:(?<!et al)(?<!\beq)\.(?= [A-Z`]|$)|$)", text)
    return (sentence[0] if sentence else text).rstrip(".:").replace("|", "\\|")


def targets(config: Any) -> list[str]:
    plain = OmegaConf.to_container(config, resolve=False)
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("_target_"), str) and "$" not in node["_target_"]:
                found.append(node["_target_"])
            for value in node.values():
                walk(value)

    walk(plain)
    return found


def test_the_page_of_options_is_what_conf_gives() -> None:
    assert {*GROUPS} == {path.name for path in CONF.iterdir() if path.is_dir() and path.name != "hydra"}
    assert PAGE.read_text() == page(), "python tests/test_docs.py"


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        assert link.startswith("http") or (path.parent / link).exists(), link


def test_the_site_lists_each_page_and_each_room() -> None:
    listed = re.findall(r"([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    modules = {path.stem for path in PACKAGE.glob("*.py") if "__main__" not in path.read_text()}
    rooms = modules - {"__init__", "version"} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert sorted(listed) == sorted(
        {"contributing.md", "changelog.md", *pages, *(f"reference/{room}.md" for room in rooms)}
    )


if __name__ == "__main__":
    PAGE.write_text(page())
