"""Run directories that were never played: files as a run leaves them, with made-up figures."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from gan_lab.io.ownership import write_own
from gan_lab.io.run_file import note
from gan_lab.report.configuration import defaults

FIGURES = ("d/loss", "g/loss", "equilibrium/auc", "equilibrium/energy", "equilibrium/d_grad_norm", "mine/other")
SUMMARY: Mapping[str, Any] = {
    "finished": True,
    "budget": 500,
    "images": 32_000,
    "seconds": 12.5,
    "images_per_second": 2560.0,
    "git_commit": "0123abc",
    "version/torch": "2.9",
    "version/gan_lab": "0.2.0",
    "equilibrium/verdict": "discriminator leads",
    "equilibrium/advice": "a larger G (model.generator)",
    "audit/auc": 0.75,
    "audit/auc/low": 0.7,
    "audit/auc/high": 0.8,
    "generator": "feedc0de",
}


def write_run(
    directory: Path,
    overrides: Sequence[str] = ("loss=hinge",),
    seed: int = 0,
    own: bool = True,
    classes: Sequence[str] = ("cat", "dog"),
    columns: Sequence[str] = FIGURES,
    pictures: int = 5,
    rows: int = 20,
    **summary: Any,
) -> Path:
    """A finished run of `rows` reports; `summary` adds to its summary, with `__` for `/`."""
    rng = np.random.default_rng(seed)
    directory.mkdir(parents=True, exist_ok=True)
    config = defaults() | {"seed": seed, "rounds": 500, "directory": str(directory)}
    note(
        directory,
        data={"samples": 40, "classes": [[name, 20] for name in classes], "digest": "c0ffee", "digest_of": "content"},
        start={"program": ["gan-lab", "train"], "flags": []},
        parameters={"d": 100, "g": 200},
        code={"gan_lab": {"version": "0.2.0", "commit": "0123abc"}},
    )
    files = {"config.yaml": config, "overrides.yaml": [*overrides, f"seed={seed}"]}
    for name, content in files.items():
        text = yaml.safe_dump(content)
        if own:
            write_own(directory / name, text)
        else:
            (directory / name).write_text(text)
    if not own:
        (directory / ".signatures").unlink(missing_ok=True)
    with (directory / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["round", "images", "seconds", *columns])
        for n in range(rows):
            figures = [math.exp(-n / rows) * (1 + 0.1 * rng.random()) for _ in columns]
            writer.writerow([1 + 500 * n // rows, 64 * n, 0.1 * n, *figures])
    (directory / "samples").mkdir(exist_ok=True)
    for n in range(pictures):
        pixels = rng.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(directory / "samples" / f"round_{100 * (n + 1):06d}.png")
    own_figures = {"equilibrium/energy": 0.01 + 0.01 * rng.random(), "equilibrium/diversity": 0.9 + 0.1 * rng.random()}
    given = {name.replace("__", "/"): value for name, value in summary.items()}
    whole = SUMMARY | own_figures | {"seed": seed, "rounds": 500} | given
    (directory / "summary.json").write_text(json.dumps(whole))
    return directory


def write_sweep(root: Path, losses: Sequence[str] = ("hinge", "minimax"), seeds: int = 3, **options: Any) -> Path:
    """A sweep over losses, learning rates and seeds, of which one job has failed and one has not begun."""
    jobs = []
    for loss in losses:
        for rate in ("0.001", "0.0002"):
            for seed in range(seeds):
                jobs.append(f"loss={loss},optimizer.lr={rate},seed={seed}")
                write_run(root / jobs[-1], (f"loss={loss}", f"optimizer.lr={rate}"), seed, **options)
    failed = root / "loss=hinge,seed=99"
    failed.mkdir()
    (failed / "failure.txt").write_text("error: loss=hinge: the game diverged\n")
    (root / "sweep.yaml").write_text(yaml.safe_dump({"jobs": [*jobs, failed.name, "loss=minimax,seed=99"]}))
    return root
