"""Advice for a run that cannot be resumed as asked: a new run from its weights."""

from pathlib import Path


def anew(directory: Path) -> str:
    """`begin a new run with its weights: start_from=DIR`, where it has saved some."""
    return f"begin a new run with its weights: start_from={directory}" if is_saved(directory) else "begin a new run"


def is_saved(directory: Path) -> bool:
    """Whether the run has a checkpoint."""
    return any((directory / "checkpoints").glob("[!.]*.ckpt"))
