"""Several processes that find one another as those of a cluster do."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

import torch


def together(act: Callable[[int], Any], world: int = 2) -> None:
    """`act(rank)` in so many processes, which find one another as those of a cluster do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")

    def process(rank: int) -> None:
        os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": str(world)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        torch.set_num_threads(1)
        act(rank)

    started = [context.Process(target=process, args=(rank,)) for rank in range(world)]
    for one in started:
        one.start()
    for one in started:
        one.join(100)
        one.kill()
        one.join()
    assert [one.exitcode for one in started] == [0] * world


def connected(act: Callable[[int], Any], world: int = 2) -> None:
    def play_alone(rank: int) -> None:
        torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
        act(rank)
        torch.distributed.destroy_process_group()

    together(play_alone, world)
