"""Scoring runs from within a test."""

from importlib import import_module
from pathlib import Path

from helpers.configuration import NARROW, SMALL

compare, evaluate = import_module("gan_lab.cli.compare"), import_module("gan_lab.cli.evaluate")

QUICK = ["n=60", "features.steps=3"]
TINY = ["model=mlp", *NARROW["mlp"], *SMALL, "rounds=2", "directory=later"]
CALLBACK = ["callbacks=[default,evaluation]", "callbacks.evaluation.n=40", "callbacks.evaluation.every=2"]


def scores(directory: Path) -> dict[tuple[str, str], float]:
    return compare.read_run(directory).scores


def score(*arguments: str | Path) -> int:
    return evaluate.main([str(argument) for argument in arguments])
