"""The duality gap: how much either player would gain if the other stood still."""

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
    """`gap` = `best_d` - `best_g`, with the `value` M(d, g) between them; in the units of M (nats for V)."""

    gap: float
    value: float
    best_d: float
    best_g: float


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

    Each best response is sought by training a copy for `steps` steps while the opponent's copy stands still, which
    makes the gap a lower bound, and is judged on the first `held_out` of `batches()` (the same ones for all), which
    no step sees. A response that loses to standing still is not taken: the gap is never negative.

    With `perturbation` s, the copies set out from w + s rms(w) eps, eps standard normal, for each weight tensor w, so
    that a plateau is not taken for an equilibrium (Sidheekh et al. 2021).

    Neither player, nor any random state outside, is changed.
    """
    devices = {p.device for p in d.parameters() if p.device.type == "cuda"}

    def judge(pair: tuple[nn.Module, nn.Module]) -> float:
        d, g = deepcopy(pair)  # judging may move running statistics
        torch.manual_seed(seed)
        with torch.no_grad():
            return sum(value(d, g, batch).item() for batch in islice(batches(), held_out)) / held_out

    def response(respond: Respond, mover: int) -> float:
        pair = deepcopy((d, g))
        torch.manual_seed(seed + 1)
        with torch.no_grad():
            for weight in pair[mover].parameters():
                weight.add_(torch.randn_like(weight) * weight.square().mean().sqrt(), alpha=perturbation)
        step = respond(*pair)
        for batch in islice(batches(), held_out, held_out + steps):
            step(batch)
        return judge(pair)

    with torch.random.fork_rng(devices=list(devices)):
        now = judge((d, g))
        best_d, best_g = max(now, response(d_response, 0)), min(now, response(g_response, 1))
    return DualityGap(best_d - best_g, now, best_d, best_g)
