"""Who races: each imports what it needs itself, so that its memory is its own."""

import os
from importlib import import_module
from multiprocessing.connection import Connection

from racing.gate import Gate


def enter(who: str, orders: Connection, directory: str, workload: str, root: str, *overrides: str) -> None:
    """Play the workload as one of the contestants, until the orders end."""
    gate = Gate(orders)
    if who != "Lightning":  # which sets this as it is imported; it slows down Adam
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    if who == "lab":
        from racing.lab import lab

        lab(workload, root, directory, gate, *overrides)
    elif who == "bare":
        from racing.bare import bare

        bare(workload, root, gate)
    elif who == "textbook":
        from racing.textbook import textbook

        textbook(workload, root, gate)
    elif who == "Lightning":
        from racing.lightning import lightning

        lightning(workload, root, directory, gate)
    elif who == "sgemm":
        from racing.machine import sgemm

        sgemm(gate)
    elif "." in who:  # a function of another package, such as a peer's
        module, _, name = who.rpartition(".")
        getattr(import_module(module), name)(gate, directory, workload, root, *overrides)
    else:
        from racing.folder import by_lab, by_torchvision

        (by_lab if who == "lab's folder" else by_torchvision)(root, gate)
