"""Self-attention among the places of a map (Zhang et al. 2019, section 3)."""

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from gan_lab.errors import UserError
from gan_lab.ranges import PositiveInt


class SelfAttention(nn.Module):
    """x + gamma v(o) with o_j = sum_i b_ji h(x)_i and b_ji = softmax_i <f(x)_i, g(x)_j>: (N, C, H, W) to the same.

    f, g, h and v are 1 x 1 convolutions without biases: f and g to C / 8 channels, h to C / 2, v back to C. f and h are
    halved in height and width by the largest of 2 x 2, so that each place j attends to a quarter as many places i.
    gamma is learnt and starts at 0, where the layer is the identity.

    The paper's h has C / 8 channels and nothing is halved there; this is the authors' code,
    brain-research/self-attention-gan.
    """

    def __init__(self, channels: PositiveInt) -> None:
        super().__init__()
        narrow, half = max(channels // 8, 1), max(channels // 2, 1)
        self.f, self.g, self.h = (nn.Conv2d(channels, c, 1, bias=False) for c in (narrow, narrow, half))
        self.v = nn.Conv2d(half, channels, 1, bias=False)
        for layer in (self.f, self.g, self.h, self.v):
            nn.init.xavier_uniform_(layer.weight)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        keys, values = (max_pool2d(layer(x), 2).flatten(2) for layer in (self.f, self.h))
        weights = (self.g(x).flatten(2).transpose(1, 2) @ keys).softmax(-1)  # (N, places, a quarter of them)
        attended = (values @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        out: Tensor = x + self.gamma * self.v(attended)
        return out


def attention_at(height: int, channels: int, attention: int) -> list[nn.Module]:
    """What follows the block whose map has this height: self-attention, if `attention` is it, or nothing."""
    return [SelfAttention(channels)] if height == attention else []


def check_attention(attention: int, heights: Collection[int]) -> None:
    """Raise a UserError where `attention` is neither 0 (nowhere) nor the height of one of the blocks' maps."""
    if attention and (attention not in heights or attention < 2):
        listed = ", ".join(str(height) for height in dict.fromkeys(heights))
        raise UserError(f"attention={attention}: the blocks' maps are {listed} pixels high; 0: no attention")
