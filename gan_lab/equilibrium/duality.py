"""Duality gap: how much either player would gain if the other stood still."""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import nn

Value = Callable[[Any, Any, Any], torch.Tensor]  # (D, G, batch) -> M, which D would have high and G low
Step = Callable[[Any], None]  # batch: one step of a player towards its best response, in place
Respond = Callable[[Any, Any], Step]  # (D, G), copies: how one of them is to be trained against the other


class DualityGap(NamedTuple):
    """`gap` = `d_gain` + `g_gain`, in the units of M (nats for V), with standard errors over the held-out batches.

    d_gain: M(d', g) - M(d, g) of D's best response d'. g_gain: M(d, g) - M(d, g') of G's.
    """

    gap: float
    error: float
    value: float
    d_gain: float
    d_error: float
    g_gain: float
    g_error: float


def duality_gap(
    d: nn.Module,
    g: nn.Module,
    value: Value,
    d_response: Respond,
    g_response: Respond,
    batches: Callable[[], Iterable[Any]],
    steps: int,
    held_out: int = 8,
    perturbation: float = 0.0,
    seed: int = 0,
) -> DualityGap:
    """DG(d, g) = max_d' M(d', g) - min_g' M(d, g') (Grnarova et al. 2019): 0 at an equilibrium, else more.

    Each best response is sought by training a copy for `steps` steps while the opponent's copy stands still, and is
    judged on the first `held_out` of `batches()` (the same ones for all), which no step sees. So the gap is a lower
    bound, and how close it comes depends on `steps`: gaps of unequal steps say nothing about each other. A response
    that loses to standing still is not taken: no gain is negative.

    With `perturbation` s, the copies set out from w + s rms(w) eps, eps standard normal, for each weight tensor w, so
    that a plateau is not taken for an equilibrium (Sidheekh et al. 2021).

    Neither player, nor any random state outside, is changed.
    """
    devices = {p.device for p in d.parameters() if p.device.type == "cuda"}

    def judge(pair: tuple[nn.Module, nn.Module]) -> torch.Tensor:
        d, g = deepcopy(pair)  # judging may move running statistics
        torch.manual_seed(seed)
        with torch.no_grad():
            values = [value(d, g, batch).double().cpu() for batch in islice(batches(), held_out)]
        return torch.stack(values)

    def response(respond: Respond, mover: int) -> torch.Tensor:
        pair = deepcopy((d, g))
        torch.manual_seed(seed + 1)
        with torch.no_grad():
            for weight in pair[mover].parameters():
                weight.add_(torch.randn_like(weight) * weight.square().mean().sqrt(), alpha=perturbation)
        step = respond(*pair)
        for batch in islice(batches(), held_out, held_out + steps):
            step(batch)
        return judge(pair)

    def error(values: torch.Tensor) -> float:
        return values.std().item() / math.sqrt(held_out) if held_out > 1 else math.nan

    with torch.random.fork_rng(devices=list(devices)):
        now = judge((d, g))
        d_gains, g_gains = response(d_response, 0) - now, now - response(g_response, 1)
    kept = [gains if gains.mean() > 0 else torch.zeros_like(gains) for gains in (d_gains, g_gains)]
    d_gain, g_gain = (gains.mean().item() for gains in kept)
    return DualityGap(
        d_gain + g_gain, error(kept[0] + kept[1]), now.mean().item(), d_gain, error(d_gains), g_gain, error(g_gains)
    )
