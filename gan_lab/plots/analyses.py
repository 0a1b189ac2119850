"""Figures of analyses: truncation curves, power spectra, and points of two kinds in the plane."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gan_lab.plots.canvas import FAKE, GREY, INK, REAL, new_figure, pixels_of, tidy

BAND = (0.1, 0.9)  # quantiles between which a band lies
Z95 = 1.959964
WIDE = 4.0  # a ratio from which on an axis is logarithmic


def trade_off(
    psi: Sequence[float], frechet: Sequence[float], precision: Sequence[float], recall: Sequence[float], where: str
) -> Tensor:
    """Precision against recall, a point for each psi, and the Frechet distance over psi; (3, H, W), uint8."""
    figure, canvas = new_figure(9.6, 4.2)
    shares, distance = figure.subplots(1, 2)
    shares.plot(recall, precision, "o-", color=FAKE, linewidth=1.1, markersize=4)
    for name, *place in zip(psi, recall, precision, strict=True):
        shares.annotate(f"{name:g}", place, (5, 5), textcoords="offset points", fontsize=7, color=INK)
    shares.margins(0.12)
    _label(
        shares,
        f"truncation in {where}: each point is one psi",
        "recall (share of real samples)",
        "precision (share of samples)",
    )
    distance.plot(psi, frechet, "o-", color=FAKE, linewidth=1.1, markersize=4)
    distance.set_yscale("log")
    _plain_ticks(distance)
    _label(distance, "distance from the data", "psi", "Frechet distance, of squared features")
    figure.tight_layout(w_pad=2.5)
    return pixels_of(canvas)


def spectra(frequencies: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """Mean power (N, K) over frequencies (K,) > 0, a band over images, and the ratio of means; (3, H, W), uint8."""
    figure, canvas = new_figure(9.6, 4.2)
    power, ratio = figure.subplots(1, 2)
    x, real, fake = frequencies[1:].numpy(), real[:, 1:].double(), fake[:, 1:].double()
    for name, values, colour in (("real", real, REAL), ("generated", fake, FAKE)):
        low, high = (values.quantile(q, 0).numpy() for q in BAND)
        power.plot(x, values.mean(0).numpy(), color=colour, linewidth=1.3, label=f"{name}: mean")
        power.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0, label=f"{name}: middle 80 % of images")
    power.set_yscale("log")
    power.legend(fontsize=8, frameon=False, labelcolor=INK)
    _label(power, "power spectrum", "frequency (cycles per pixel)", "power (squared grey levels, of [-1, 1])")
    shares = fake.mean(0) / real.mean(0)
    error = sum(v.var(0) / (len(v) * v.mean(0).square()) for v in (real, fake)) ** 0.5  # of its logarithm
    edges = [(shares * torch.exp(sign * Z95 * error)).numpy() for sign in (-1, 1)]
    ratio.plot(x, shares.numpy(), color=FAKE, linewidth=1.3)
    ratio.fill_between(x, *edges, color=FAKE, alpha=0.25, linewidth=0)
    ratio.axhline(1, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    if edges[1].max() > WIDE * edges[0].min():
        ratio.set_yscale("log")
        _plain_ticks(ratio)
    _label(ratio, "generated over real", "frequency (cycles per pixel)", "ratio of mean powers")
    figure.tight_layout(w_pad=2.5)
    return pixels_of(canvas)


def scatter(real: Tensor, fake: Tensor) -> Tensor:
    """Points (N, 2) of both kinds, each kind in front of the other once; (3, H, W), uint8."""
    figure, canvas = new_figure(9.6, 5.0)
    kinds = ("real", real, REAL), ("generated", fake, FAKE)
    for axes, ((front, shown, colour), (back, behind, _)) in zip(
        figure.subplots(1, 2), (kinds, kinds[::-1]), strict=True
    ):
        axes.scatter(*behind.T.numpy(), s=6, color=GREY, alpha=0.35, linewidths=0)
        axes.scatter(*shown.T.numpy(), s=8, color=colour, alpha=0.8, linewidths=0)
        axes.set(xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="datalim")
        _label(axes, f"{front} samples, in front of {back} ones (grey)", "t-SNE 1 (no unit)", "t-SNE 2 (no unit)")
    figure.tight_layout(w_pad=2.5)
    return pixels_of(canvas)


def _label(axes: Any, title: str, x: str, y: str) -> None:
    tidy(axes)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(x, fontsize=8, color=INK)
    axes.set_ylabel(y, fontsize=8, color=INK)


def _plain_ticks(axes: Any) -> None:
    """Numbers such as 0.5 and 2 on a logarithmic axis, in place of powers of ten."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator

    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(LogLocator(subs=()))
