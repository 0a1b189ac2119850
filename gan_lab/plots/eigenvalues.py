"""Figure of eigenvalues: the game's Jacobian, and rounds of updates beside the unit circle."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from gan_lab.equilibrium.jacobian import Eigenvalues
from gan_lab.plots.canvas import GREY, INK, new_figure, pixels_of, tidy
from gan_lab.plots.figures import COLOURS

MARKS = ("o", "s", "D")


def eigenvalues(field: Eigenvalues, updates: Mapping[str, Eigenvalues], title: str, sentence: str) -> Tensor:
    """The complex plane twice, as an RGB picture (3, H, W), uint8; those that have not converged are hollow.

    On the left those of v', on the right those of the linear map of a round of each update, with the unit circle,
    outside of which distances grow.
    """
    figure, canvas = new_figure(9.6, 5.0)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, color=INK)
    left, right = figure.subplots(1, 2)
    _points(left, field, "o", COLOURS[0], None)
    left.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    left.axhline(0, color=GREY, linewidth=0.6)
    _label(left, "Jacobian v' of the game (left of the line repels)")
    for (name, of), mark, colour in zip(updates.items(), MARKS, COLOURS, strict=False):
        _points(right, of, mark, colour, name)
    angle = np.linspace(0, 2 * np.pi, 2001)
    limits = right.axis()
    right.plot(np.cos(angle), np.sin(angle), color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="unit circle")
    _zoom(right, limits)
    right.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper left")
    _label(right, "a round of an update (outside of the circle grows)")
    figure.text(
        0.02,
        0.02,
        "\n".join(textwrap.wrap(f"{sentence} (Hollow: has not converged.)", 150)),
        fontsize=8.5,
        color=INK,
        va="bottom",
    )
    figure.subplots_adjust(0.085, 0.21, 0.985, 0.86, wspace=0.24)
    return pixels_of(canvas)


def _points(axes: Any, of: Eigenvalues, mark: str, colour: str, label: str | None) -> None:
    axes.scatter(of.sure.real, of.sure.imag, s=22, marker=mark, color=colour, alpha=0.75, linewidths=0, label=label)
    rest = of.values[~of.converged]
    axes.scatter(rest.real, rest.imag, s=22, marker=mark, facecolors="none", edgecolors=colour, linewidths=0.7)


def _zoom(axes: Any, limits: tuple[float, float, float, float]) -> None:
    """What is shown: the points and the real axis near 1, with a margin, whatever of the circle is there."""
    x_low, x_high, y_low, y_high = limits
    reach = max(abs(y_low), abs(y_high), (x_high - x_low) / 4, 1e-6)
    axes.set_xlim(min(x_low, 1 - 0.2 * reach), max(x_high, 1 + 0.2 * reach))
    axes.set_ylim(-1.1 * reach, 1.1 * reach)


def _label(axes: Any, title: str) -> None:
    tidy(axes)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel("real part", fontsize=8, color=INK)
    axes.set_ylabel("imaginary part", fontsize=8, color=INK)
