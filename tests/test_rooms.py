"""Rooms of the package: imports point down only and make no circle, and only the top rows know Hydra."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from helpers.commands import ROOT

PACKAGE = ROOT / "gan_lab"

# The parts of a game.
PARTS = {
    "losses", "latents", "schedules", "averages", "densities", "terms", "updates", "networks", "augment", "optimizers",
    "sampling", "planning",
}  # fmt: skip

# From the ground up. A room imports from rows below its own, and from its own row where that makes no circle.
ROWS = [
    {"types", "errors", "ranges", "seeding", "version"},
    {"io", "distributed"},
    PARTS,
    {"equilibrium", "features", "metrics", "plots"},
    {"game", "data"},
    {"evaluation", "analysis"},
    {"callbacks", "loggers"},
    {"runtime", "config"},
    {"experiment", "sweeps", "ensemble", "others", "export"},
    {"laws", "report", "tournament"},
    {"cli", "sample", "evaluate", "compare", "dashboard", "sweep_status"},
    {"api"},
    {""},  # the package itself, whose names are those of api
]  # fmt: skip
ROW = {room: number for number, row in enumerate(ROWS) for room in row}
HYDRA = ROW["config"]  # the lowest row that knows it
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@cache
def imports(path: Path) -> list[str]:
    """Every module that a file imports, wherever in the file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if name in NAMES else node.module for name in names]
    return found


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path): path for path in MODULES}


def test_imports_point_down_only() -> None:
    below: dict[str, set[str]] = {}
    wrong = []
    for path in MODULES:
        here = room(name_of(path))
        for imported in imports(path):
            there = room(imported)
            if not imported.startswith("gan_lab") or there == here:
                continue
            below.setdefault(here, set()).add(there)
            if ROW[there] > ROW[here]:
                wrong.append(f"{name_of(path)} imports {imported}")
    assert not wrong
    TopologicalSorter(below).prepare()  # raises CycleError where rooms of a row import each other


def test_modules_make_no_circle() -> None:
    TopologicalSorter({name: NAMES.keys() & {*imports(path)} for name, path in NAMES.items()}).prepare()


def test_parts_stand_alone() -> None:
    """No part of a game imports another kind of part."""
    wrong = []
    for path in MODULES:
        here = room(name_of(path))
        for imported in imports(path):
            there = room(imported)
            if here in PARTS and imported.startswith("gan_lab.") and there in PARTS - {here}:
                wrong.append(f"{name_of(path)} imports {imported}")
    assert not wrong


def test_each_row_knows_only_its_libraries() -> None:
    wrong = []
    for path in MODULES:
        here = room(name_of(path))
        for imported in imports(path):
            library = imported.split(".")[0]
            hydra = library in ("hydra", "omegaconf") and ROW[here] < HYDRA
            lightning = library in ("pytorch_lightning", "lightning_fabric") and here in PARTS
            if hydra or lightning:
                wrong.append(f"{name_of(path)} imports {imported}")
    assert not wrong


def test_training_imports_nothing_heavy_at_its_top() -> None:
    tree = ast.parse((PACKAGE / "cli" / "train.py").read_text())
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(n.module or "") if isinstance(n, ast.ImportFrom) else n.names[0].name for n in top}
    assert not {name.split(".")[0] for name in names} & {"torch", "torchvision", "pytorch_lightning", "numpy", "wandb"}


def test_what_tests_share_is_in_helpers() -> None:
    """A test module that imports another one could not be run by itself."""
    for path in (ROOT / "tests").rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0].startswith(("test_", "conftest"))], path
