"""Figures: curves over rounds, and the plane with samples, a density and D's logits."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_lab.io.files import write_atomically
from gan_lab.plots.canvas import FAKE, GREY, INK, REAL, new_figure, pixels_of, tidy

COLOURS = (REAL, FAKE, "#1b7837", "#762a83", GREY)


class Panel(NamedTuple):
    """One set of axes: named curves in `unit`, levels to compare them with, and whether its scale is logarithmic.

    The curves are over rounds, unless `x` gives each of them values of its own, in `x_unit`.
    """

    title: str
    curves: Mapping[str, Sequence[float]]
    levels: Mapping[str, float] = {}
    unit: str = ""
    logarithmic: bool = False
    x: Mapping[str, Sequence[float]] = {}
    x_unit: str = "round"


def curves(rounds: Sequence[float], panels: Sequence[Panel], title: str) -> Tensor:
    """Panels in two columns, as an RGB picture (3, H, W), uint8."""
    rows = math.ceil(len(panels) / 2)
    figure, canvas = new_figure(9.6, 3.2 * rows)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, color=INK)
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(rows, 2, number + 1)
        tidy(axes)
        axes.set_title(panel.title, loc="left", fontsize=10, color=INK)
        for (name, values), colour in zip(panel.curves.items(), COLOURS, strict=False):
            pairs = zip(panel.x.get(name, rounds), values, strict=True)
            known = [(at, value) for at, value in pairs if math.isfinite(value)]
            axes.plot(*zip(*known, strict=True), color=colour, linewidth=1.1, label=name)
        for name, level in panel.levels.items():
            axes.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=name)
        if panel.logarithmic:
            axes.set_yscale("log")
        axes.margins(x=0.01)
        text: dict[str, Any] = {"fontsize": 8, "frameon": False, "labelcolor": INK, "handlelength": 1.2}
        if panel.x:  # shares against shares
            axes.axline((0, 0), slope=1, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="undecided")
            axes.legend(loc="lower right", **text)
        else:
            axes.legend(loc="lower right", bbox_to_anchor=(1.01, 0.985), ncols=5, columnspacing=1.0, **text)
        axes.set_xlabel(panel.x_unit, fontsize=8, color=INK)
        axes.set_ylabel(panel.unit, fontsize=8, color=INK)
    figure.subplots_adjust(0.08, 0.16 / rows, 0.985, 1 - 0.25 / rows, wspace=0.2, hspace=0.42)
    return pixels_of(canvas)


def field(fake: Tensor, logits: Tensor, discs: tuple[Tensor, float] | None, box: Sequence[float], title: str) -> Tensor:
    """The plane in `box` = (left, right, bottom, top) as an RGB picture (3, H, W), uint8.

    D's logits (n, n) [row = y] as filled contours, blue where it believes "real"; `discs`, centres (K, 2) and a
    radius, as circles; the generated points (N, 2) on top.
    """
    figure, canvas = new_figure(5.6, 4.8)
    axes = figure.add_axes((0.085, 0.07, 0.76, 0.86))
    left, right, bottom, top = box
    xs, ys = torch.linspace(left, right, logits.shape[1]).numpy(), torch.linspace(bottom, top, len(logits)).numpy()
    limit = max(logits.abs().quantile(0.98).item(), 1e-3)
    clipped = logits.clamp(-limit, limit).numpy()
    filled = axes.contourf(xs, ys, clipped, levels=torch.linspace(-limit, limit, 22).tolist(), cmap="RdBu", alpha=0.85)
    if discs is not None:
        from matplotlib.collections import EllipseCollection

        size = [2 * discs[1]] * len(discs[0])
        rims = EllipseCollection(
            size, size, [0] * len(size), units="xy", offsets=discs[0].numpy(), offset_transform=axes.transData,
            facecolors="none", edgecolors=INK, linewidths=0.8,
        )  # fmt: skip
        axes.add_collection(rims)
    axes.scatter(*fake.T.numpy(), s=5, color="black", alpha=0.55, linewidths=0)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    tidy(axes, grid=False)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    bar = figure.colorbar(filled, cax=figure.add_axes((0.875, 0.07, 0.025, 0.86)), ticks=[-limit, 0, limit])
    bar.ax.set_yticklabels([f"{-limit:.2g}", "0", f"{limit:.2g}"], fontsize=8)
    bar.outline.set_visible(False)
    bar.ax.set_title("logit", fontsize=8, color=INK)
    return pixels_of(canvas)


def animate(frames: Sequence[Path], path: Path, milliseconds: int = 200) -> None:
    """One endless GIF of pictures of one size; it stays on the last one for a while."""
    from PIL import Image

    # In the folder of a run that is gone on with there may be other formats, some of which Pillow opens by programs.
    opened = (Image.open(frame, formats=("PNG",)) for frame in frames)
    images = [frame.convert("RGB").quantize(128, dither=Image.Dither.NONE) for frame in opened]
    durations = [milliseconds] * (len(images) - 1) + [10 * milliseconds]
    film: dict[str, Any] = {"append_images": images[1:], "duration": durations, "loop": 0, "optimize": False}
    write_atomically(path, lambda temporary: images[0].save(temporary, format="GIF", save_all=True, **film))
