"""The players' networks in plain torch, as one writes them for one experiment."""

import torch
from torch import Tensor, nn


def mlp() -> tuple[nn.Module, nn.Module]:
    """Four hidden layers of 128 for points of the plane."""

    def stack(out: int, activation: nn.Module) -> nn.Sequential:
        layers: list[nn.Module] = []
        for width in (2, 128, 128, 128):
            layers += [nn.Linear(width, 128), activation]
        return nn.Sequential(*layers, nn.Linear(128, out))

    return nn.Sequential(stack(1, nn.LeakyReLU(0.2)), nn.Flatten(0)), stack(2, nn.ReLU())


class Maxout(nn.Module):
    """The largest of five affine maps, with dropout."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.linear = nn.Linear(a, 5 * b)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear(x).unflatten(-1, (-1, 5)).amax(-1))


class Scaled(nn.Module):
    """a x + b."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x + self.b


def mlp_2014() -> tuple[nn.Module, nn.Module]:
    """Goodfellow et al. 2014 on MNIST."""
    d = nn.Sequential(
        nn.Flatten(1), Scaled(0.5, 0.5), nn.Dropout(0.2), Maxout(784, 240), Maxout(240, 240), nn.Linear(240, 1),
        nn.Flatten(0),
    )  # fmt: skip
    g = nn.Sequential(
        nn.Linear(100, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 784), nn.Sigmoid(),
        Scaled(2.0, -1.0), nn.Unflatten(1, (1, 28, 28)),
    )  # fmt: skip
    for network, bound in ((d, 0.005), (g, 0.05)):
        for module in network.modules():
            if isinstance(module, nn.Linear):
                nn.init.uniform_(module.weight, -bound, bound)
                nn.init.zeros_(module.bias)
    return d, g


def dcgan(shape: tuple[int, int, int]) -> tuple[nn.Module, nn.Module]:
    """Radford et al. 2016: widths 64, 128, ... from the largest map to the smallest."""
    channels, side, _ = shape
    widths: list[int] = []
    while side >= 8:
        side //= 2
        widths.append(64 * 2 ** len(widths))
    down: list[nn.Module] = [nn.Conv2d(channels, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for a, b in zip(widths, widths[1:], strict=False):
        down += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, inplace=True)]
    up: list[nn.Module] = [nn.Unflatten(1, (100, 1, 1)), nn.ConvTranspose2d(100, widths[-1], side, bias=False)]
    for a, b in zip(widths[::-1], widths[-2::-1], strict=False):
        up += [nn.BatchNorm2d(a), nn.ReLU(inplace=True), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]
    up += [nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.ConvTranspose2d(64, channels, 4, 2, 1, bias=False), nn.Tanh()]
    d = nn.Sequential(*down, nn.Conv2d(widths[-1], 1, side, bias=False), nn.Flatten(0))
    g = nn.Sequential(*up)
    for module in (*d.modules(), *g.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return d.train(), g.train()


def penalty(x: Tensor, logits: Tensor) -> Tensor:
    """1/2 E ||grad_x D(x)||^2, to be differentiated again."""
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return slope.square().sum(1).mean() / 2
