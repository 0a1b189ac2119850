"""Last, lowest and highest value of each published figure."""

import math
from typing import Any, Literal

KEPT: dict[str, type[float] | type[int]] = {"last": float, "lowest": float, "highest": float, "since": int}


def better(value: float, than: float | None, mode: Literal["min", "max"], by: float = 0.0) -> bool:
    """Whether a metric has become lower ("min") or higher ("max") `than` its best, by more than `by`. NaN never is."""
    if than is None:
        return not math.isnan(value)
    return value < than - by if mode == "min" else value > than + by


class History:
    """Fed with plain numbers; part of the checkpoint, so that a continued run remembers its extremes.

    `since` says at which round each metric was published last.
    """

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.lowest: dict[str, float] = {}
        self.highest: dict[str, float] = {}
        self.since: dict[str, int] = {}

    def add(self, metrics: dict[str, float], at_round: int) -> None:
        self.last.update(metrics)
        self.since.update(dict.fromkeys(metrics, at_round))
        for name, value in metrics.items():
            if math.isfinite(value):
                self.lowest[name] = min(value, self.lowest.get(name, math.inf))
                self.highest[name] = max(value, self.highest.get(name, -math.inf))

    def state_dict(self) -> dict[str, Any]:
        return {name: dict(getattr(self, name)) for name in KEPT}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in KEPT:
            # Numbers stay as they are, whole ones too: a resumed run ends with the bits of one that was never stopped.
            kept = {m: v if isinstance(v, int | float) else KEPT[name](v) for m, v in state[name].items()}
            setattr(self, name, kept)
