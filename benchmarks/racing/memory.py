"""Resident memory, each contestant in a process that imports only what it needs itself."""

from racing.race import Runner

ROUNDS = {"ring": 600, "mnist_2014": 50, "dcgan_28": 5, "dcgan_64": 2}
TINY = ("model.hidden=[16]", "data.batch_size=8")  # what grows from round to round does so whatever their size


def peaks(name: str, root: str, core: int) -> dict[str, float]:
    """MiB at most, in some rounds of a workload."""
    found = {}
    for who in ("lab", "bare"):
        with Runner(who, name, root, core=core, start="spawn") as runner:
            found[who] = runner.ask(ROUNDS[name])["peak"]
    return found


def growth(root: str, core: int, at: tuple[int, ...] = (2000, 6000, 10_000)) -> dict[int, float]:
    """The lab's MiB after so many rounds of the ring."""
    found, played = {}, 1
    with Runner("lab", "ring", root, *TINY, core=core, start="spawn") as runner:
        for rounds in at:
            found[rounds] = runner.ask(rounds - played)["rss"]
            played = rounds
    return found
