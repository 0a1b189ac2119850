"""Convolutions between a whole map and one pixel, computed as matrix products.

Parameters, their names and their start are those of torch's own convolutions. A CPU takes a third of the time: its
convolutions are made for kernels that move.
"""

from torch import Tensor, channels_last, nn

from gan_lab.ranges import PositiveInt


class MapToPixel(nn.Conv2d):
    """(N, a, height, width) -> (N, b, 1, 1): a convolution whose kernel is as large as the map; no bias."""

    def __init__(self, a: PositiveInt, b: PositiveInt, sides: tuple[int, int]) -> None:
        super().__init__(a, b, sides, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.weight.flatten(1).t())[:, :, None, None]


class PixelToMap(nn.ConvTranspose2d):
    """(N, a, 1, 1) -> (N, b, height, width): a transposed convolution of one pixel; no bias."""

    def __init__(self, a: PositiveInt, b: PositiveInt, sides: tuple[int, int]) -> None:
        super().__init__(a, b, sides, bias=False)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        out = (x.flatten(1) @ self.weight.flatten(1)).view(x.shape[0], -1, *self.weight.shape[2:])
        last = self.weight.is_contiguous(memory_format=channels_last)  # as torch's convolutions choose their layout
        return out.contiguous(memory_format=channels_last) if last else out
