"""Canvas of a figure: its size, its colours, and its pixels."""

from typing import Any

import torch
from torch import Tensor

INK, GREY, REAL, FAKE = "#222222", "#9a9a9a", "#2166ac", "#e08214"


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure of so many inches, and its canvas; pyplot, which keeps all figures, is not involved."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110)
    return figure, FigureCanvasAgg(figure)


def pixels_of(canvas: Any) -> Tensor:
    """What is drawn, as an RGB picture (3, H, W), uint8."""
    canvas.draw()
    pixels = torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8)
    width, height = canvas.get_width_height()
    return pixels.view(height, width, 4)[..., :3].permute(2, 0, 1)


def tidy(axes: Any, grid: bool = True) -> None:
    """Axes without a frame at the top and at the right, in small type, on a faint grid."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(which="both", labelsize=8, color=GREY, labelcolor=INK)
    if grid:
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
