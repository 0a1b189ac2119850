"""Layers that torch.nn lacks."""

from collections.abc import Callable

from torch import Tensor, nn

from gan_lab.ranges import PositiveInt


class Maxout(nn.Module):
    """max_j (W_j x + b_j) over `pieces` affine maps, for each of `out_features` units (Goodfellow et al. 2013, eq. 3).

    (N, in_features) -> (N, out_features).
    """

    def __init__(self, in_features: PositiveInt, out_features: PositiveInt, pieces: PositiveInt = 5) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(in_features, out_features * pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(-1, (-1, self.pieces)).amax(-1)


class Dense(nn.Sequential):
    """An affine map and a nonlinearity: (N, in_features) -> (N, out_features)."""

    def __init__(
        self, in_features: PositiveInt, out_features: PositiveInt, activation: Callable[[], nn.Module]
    ) -> None:
        super().__init__(nn.Linear(in_features, out_features), activation())
