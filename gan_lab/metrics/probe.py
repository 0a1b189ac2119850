"""Probe: a small classifier of points, trained to its optimum."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.seeding import derive_seed


def fit_probe(
    points: Tensor, labels: Tensor, num_classes: int, hidden: int = 0, decay: float = 1e-3, seed: int = 0
) -> Callable[[Tensor], Tensor]:
    """A classifier of points (N, ...) by labels (N,) in 0..K-1; it maps points (M, ...) to classes (M,).

        minimises  mean cross entropy + decay / 2 ||W||^2

    by at most 100 iterations of L-BFGS on all points, in float64: multinomial logistic regression where `hidden` is 0,
    else a perceptron with so many hidden ReLUs. The former is convex: its optimum knows neither the order of the points
    nor the seed. Points are centred, and each coordinate is divided by its standard deviation, or by a tenth of their
    root mean square where that is more, as for pixels that hardly ever change.

    Raises:
        UserError: there is no label for each point, or labels out of range.
    """
    if labels.shape != points.shape[:1] or not len(labels) or labels.min() < 0 or labels.max() >= num_classes:
        raise UserError(
            f"{tuple(points.shape)} points need a label each in 0..{num_classes - 1}, (N,): not {tuple(labels.shape)}"
        )
    x = points.flatten(1).double()
    mean, deviation = x.mean(dim=0), x.std(dim=0, correction=0)
    scale = deviation.clamp(min=deviation.square().mean().sqrt() / 10)
    scale = scale.where(scale > 0, 1)
    x = (x - mean) / scale
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "probe"))
        layers = [nn.Linear(x.shape[1], hidden), nn.ReLU()] if hidden else []
        network = nn.Sequential(*layers, nn.Linear(hidden or x.shape[1], num_classes)).to(x)
    matrices = [p for p in network.parameters() if p.ndim == 2]
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=100, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(network(x), labels) + decay / 2 * sum(w.square().sum() for w in matrices)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(objective)
    return lambda others: network((others.flatten(1).double() - mean) / scale).argmax(dim=1)
