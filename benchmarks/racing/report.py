"""The table: Markdown for people, JSON for whoever compares two of them."""

from typing import Any

from racing.race import Ratio, Times


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join([row(*head), row(*["---"] * len(head)), *(row(*cells) for cells in rows)])


def of_race(times: dict[str, Times], ratios: dict[str, Ratio], flops: dict[str, float], peak: float) -> str:
    """A row for each contestant: its time, how the lab's pace compares, its FLOPs and how near it is to the peak."""
    head = ["", "ms a round: median", "least", "lab's rounds per second over its", "of minima", "quartiles"]
    rows = []
    for name, spent in times.items():
        r = ratios.get(name)
        compared = (
            ["", "", ""] if r is None else [f"{r.medians:.2f}", f"{r.minima:.2f}", f"{r.low:.2f} to {r.high:.2f}"]
        )
        work = flops[name]
        share = f"{work / spent.median / peak:.0%}"
        rows.append(
            [name, f"{1e3 * spent.median:.2f}", f"{1e3 * spent.least:.2f}", *compared, f"{work / 1e9:.2f}", share]
        )
    return table([*head, "GFLOP a round", "of the machine's peak"], rows)


def of_folder(times: dict[str, Times], batch: int, ratio: Ratio) -> str:
    rows = [[name, f"{batch / spent.median:.0f}", f"{batch / spent.least:.0f}"] for name, spent in times.items()]
    pace = f"lab over torchvision: {ratio.medians:.2f} (quartiles {ratio.low:.2f} to {ratio.high:.2f})"
    return table(["", "pictures a second of one core: median", "most"], rows) + f"\n\n{pace}"


def of_startup(found: dict[str, Any]) -> str:
    rows = [[f"`{name}`", f"{spent.cpu:.2f}", f"{spent.wall:.2f}"] for name, spent in found.items()]
    return table(["", "s of the processor", "s by the clock"], rows)


def of_growth(found: dict[int, float]) -> str:
    return table(
        ["after rounds of the ring", "MiB"], [[f"{rounds:,}", f"{size:.1f}"] for rounds, size in found.items()]
    )


def of_memory(found: dict[str, dict[str, float]]) -> str:
    rows = [
        [name, f"{peaks['lab']:.0f}", f"{peaks['bare']:.0f}", f"{peaks['lab'] / peaks['bare']:.2f}"]
        for name, peaks in found.items()
    ]
    return table(["", "lab: MiB at most", "bare", "lab / bare"], rows)
