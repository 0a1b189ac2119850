"""Series of figures of any length in bounded memory."""

import math
from typing import Any

import torch


class Series:
    """Rows of named numbers, evenly thinned: when `capacity` are held, every second goes, and from then on of the rows
    that are offered only every second (fourth, ...) is kept. So what is held depends on what was offered alone.
    """

    def __init__(self, capacity: int = 256) -> None:
        self.capacity = capacity
        self.rows: list[dict[str, float]] = []
        self._offered, self._stride = 0, 1

    def add(self, row: dict[str, float]) -> None:
        if self._offered % self._stride == 0:
            self.rows.append(row)
        self._offered += 1
        if len(self.rows) == self.capacity:
            self.rows = self.rows[::2]
            self._stride *= 2

    def column(self, name: str) -> list[float]:
        """One name's values, NaN where a row has none."""
        return [row.get(name, math.nan) for row in self.rows]

    def state_dict(self) -> dict[str, Any]:
        names = sorted({name for row in self.rows for name in row})
        table = torch.tensor([self.column(name) for name in names], dtype=torch.float64)
        return {"offered": self._offered, "stride": self._stride, "names": names, "table": table}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._offered, self._stride = state["offered"], state["stride"]
        columns = state["table"].T.tolist()
        self.rows = [
            {name: value for name, value in zip(state["names"], row, strict=True) if not math.isnan(value)}
            for row in columns
        ]
