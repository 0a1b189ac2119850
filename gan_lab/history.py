"""The last, lowest and highest value of every metric that a run has published."""

import math
from typing import Any


class History:
    """Fed with plain numbers; part of the checkpoint, so that a continued run remembers its extremes."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.lowest: dict[str, float] = {}
        self.highest: dict[str, float] = {}

    def add(self, metrics: dict[str, float]) -> None:
        self.last.update(metrics)
        for name, value in metrics.items():
            if math.isfinite(value):
                self.lowest[name] = min(value, self.lowest.get(name, math.inf))
                self.highest[name] = max(value, self.highest.get(name, -math.inf))

    def state_dict(self) -> dict[str, Any]:
        return {"last": dict(self.last), "lowest": dict(self.lowest), "highest": dict(self.highest)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last, self.lowest, self.highest = dict(state["last"]), dict(state["lowest"]), dict(state["highest"])
