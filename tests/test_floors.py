"""The house: imports point down only, only the top floor knows Hydra, and parts stand alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gan_lab"

# The floor of each room; a module's room is the longest entry that its name starts with.
FLOORS = {
    "types": 0,
    "errors": 0,
    "files": 0,
    "io": 0,
    "lock": 0,
    "allocator": 0,
    "imports": 0,
    "layout": 0,
    "seeds": 0,
    "ranges": 0,
    "processes": 0,
    "runtime": 0,
    "sampling": 0,
    "losses": 1,
    "terms": 1,
    "given": 1,
    "updates": 1,
    "latents": 1,
    "augment": 1,
    "optimizers": 1,
    "networks": 1,
    "densities": 1,
    "equilibrium": 1,
    "metrics": 1,
    "schedules": 1,
    "planning": 1,
    "plots": 1,
    "pictures": 1,
    "plain_checkpoint": 1,
    "generator_file": 1,
    "weights": 1,
    "history": 1,
    "average": 1,
    "parts": 1,
    "loss_scale": 1,
    "player": 2,
    "turn": 2,
    "gan": 2,
    "evaluation": 2,
    "comparison": 2,
    "data": 2,
    "replicas": 3,
    "loggers": 3,
    "callbacks": 3,
    "cluster": 4,
    "summary": 4,
    "introduction": 4,
    "dashboard": 4,
    "api": 4,
    "laws": 4,
    "cli": 4,
    "config": 4,
    "build": 4,
    "experiment": 4,
    "sweeps": 4,
    "run": 4,
    "ensemble": 4,
    "sample": 4,
    "evaluate": 4,
    "compare": 4,
    "sweep_status": 4,
}
PARTS = {
    "losses",
    "terms",
    "given",
    "updates",
    "latents",
    "augment",
    "networks",
    "densities",
    "equilibrium",
    "metrics",
    "schedules",
    "planning",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_imports_point_down_only() -> None:
    wrong = []
    for path in MODULES:
        here = room(name_of(path))
        for imported in imports(path):
            there = room(imported)
            if not here or (imported.startswith("gan_lab.") and there != here and not allowed(here, there)):
                wrong.append(f"{name_of(path)} imports {imported}")
    assert not wrong


def allowed(here: str, there: str) -> bool:
    """Whether one room may import from another: parts stand alone, on the ground."""
    return FLOORS[there] <= FLOORS[here] and (here not in PARTS or FLOORS[there] == 0)


def test_each_floor_knows_only_its_libraries() -> None:
    wrong = []
    for path in MODULES:
        here = room(name_of(path))
        for imported in imports(path):
            library = imported.split(".")[0]
            hydra = library in ("hydra", "omegaconf") and FLOORS[here] < 4
            lightning = library in ("pytorch_lightning", "lightning_fabric") and (here in PARTS or FLOORS[here] == 0)
            if hydra or lightning:
                wrong.append(f"{name_of(path)} imports {imported}")
    assert not wrong


def test_training_imports_nothing_heavy_at_its_top() -> None:
    tree = ast.parse((PACKAGE / "cli" / "train.py").read_text())
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(n.module or "") if isinstance(n, ast.ImportFrom) else n.names[0].name for n in top}
    assert not {name.split(".")[0] for name in names} & {"torch", "torchvision", "pytorch_lightning", "numpy", "wandb"}


def test_files_stay_short() -> None:
    long = {name_of(p): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400}
    assert not long
