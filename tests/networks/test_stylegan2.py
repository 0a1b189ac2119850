"""Laws of StyleGAN2: sizes, styles and their centre, mixing, noise, groups of D, other precisions and devices."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gan_lab.errors import UserError
from gan_lab.game.player import Player
from gan_lab.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator, deviation
from gan_lab.terms import PathLength
from gan_lab.types import Styled, View

Y = torch.tensor([0, 2, 1, 2])


def generator(shape: tuple[int, int, int] = (1, 16, 16), classes: int | None = 3, mixing: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return StyleGAN2Generator(5, shape, classes, width=4, max_width=8, dim=6, mapping=2, mixing=mixing)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (3, 32, 64)])
@pytest.mark.parametrize("classes", [None, 3])
def test_sizes_and_the_second_derivative(shape: tuple[int, int, int], classes: int | None) -> None:
    g, z = generator(shape, classes), torch.randn(4, 5)
    d = StyleGAN2Discriminator(shape, classes, width=4, max_width=8)
    y = None if classes is None else Y
    x = g(z, y)
    assert x.shape == (4, *shape)
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(d(x, y).logits.sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in d.start.parameters() if p.ndim > 1)


def test_it_is_styled_and_is_its_two_parts() -> None:
    g, z = generator().eval(), torch.randn(4, 5)
    assert isinstance(g, Styled) and not isinstance(nn.Linear(2, 2), Styled)
    w = g.styles(z, Y)
    assert w.shape == (4, g.layers, 6) == (4, 6, 6)
    torch.testing.assert_close(g.synthesise(w), g(z, Y))
    assert not torch.allclose(g(z, Y), g(z, Y.flip(0)))


@pytest.mark.parametrize("layer", range(6))
def test_each_layer_of_w_reaches_the_samples(layer: int) -> None:
    g = generator().eval()
    w = g.styles(torch.randn(4, 5), Y)
    other = w.clone()
    other[:, layer] += 1
    assert not torch.allclose(g.synthesise(w), g.synthesise(other))


def test_the_centre_follows_w_in_training_alone_and_not_where_buffers_are_preserved() -> None:
    g, z = generator(), torch.randn(4, 5)
    g.eval()(z, Y)
    g.train().styles(z, Y)
    with Player("g", g, torch.optim.Adam).preserve_buffers():
        g(z, Y)
    assert (g.centre == 0).all()
    g(z, Y)
    torch.testing.assert_close(g.centre, 0.005 * g.mapping(z, Y).mean(0))


def test_mixing_changes_the_last_layers_in_training_alone() -> None:
    g, z = generator(mixing=1.0), torch.randn(4, 5)
    own, firsts = g.mapping(z, Y), set()
    for _ in range(60):
        same = (g.styles(z, Y) == own[:, None]).all(2)
        first = int(same[0].sum())
        assert same[:, :first].all() and not same[:, first:].any()  # at one layer for the whole batch
        firsts.add(first)
    assert firsts == {1, 2, 3, 4, 5}
    assert (g.eval().styles(z, Y) == own[:, None]).all()


def test_noise_is_drawn_in_training_and_constant_in_evaluation() -> None:
    g, z = generator(), torch.randn(4, 5)
    assert torch.equal(g(z, Y), g(z, Y))  # its strength is 0 at first
    for layer in g.convs:
        nn.init.ones_(layer.strength)
    assert not torch.equal(g(z, Y), g(z, Y))
    assert torch.equal(g.eval()(z, Y), g(z, Y))


def test_the_deviation_is_that_of_each_group() -> None:
    x = torch.randn(6, 2, 4, 4)
    found = deviation(x, 3)
    assert found.shape == (6, 1, 4, 4)
    for first in (0, 1):  # samples 0, 2, 4 and 1, 3, 5
        expected = x[first::2].std(0, correction=0).mean()
        torch.testing.assert_close(found[first::2], expected.expand(3, 1, 4, 4))
    torch.testing.assert_close(deviation(x, 32), deviation(x, 6))
    torch.testing.assert_close(deviation(x, 4), found)  # 3 is the most that divides them
    assert (deviation(x[:1], 4) < 2e-4).all()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_computes_the_same_in_either_layout_and_in_half_precision(layout: torch.memory_format) -> None:
    g, z = generator().eval(), torch.randn(4, 5)
    expected = g(z, Y)
    g.to(memory_format=layout)
    torch.testing.assert_close(g(z, Y), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert (g(z, Y) - expected).abs().max() < 0.05 * expected.abs().max()


def test_path_length_is_that_of_a_linear_generator() -> None:
    """G(w) = A w: E |A' n| of noise n, from a mean length of 0."""

    class Linear(nn.Module):
        centre = torch.zeros(2)

        def styles(self, z: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
            return z[:, None].clone()

        def synthesise(self, w: torch.Tensor) -> torch.Tensor:
            return (3 * w[:, 0, :, None, None]).expand(-1, 2, 4, 4)

    torch.manual_seed(0)
    term = PathLength(every=1, decay=1.0, shrink=1)
    z = torch.randn(20_000, 2, requires_grad=True)
    value = term.value(SimpleNamespace(g=View(Linear(), {}), z=z, condition=None))
    # A' n = 3 (sum of 16 pixels of N(0, 1/16), for each of two channels): 3 times a Rayleigh variable
    assert term.length.item() == pytest.approx(3 * (torch.pi / 2) ** 0.5, rel=0.02)
    assert value.item() == pytest.approx(9 * (2 - torch.pi / 2), rel=0.05)


def test_path_length_of_a_generator_without_styles_is_refused() -> None:
    context = SimpleNamespace(g=View(nn.Linear(2, 2), {}), z=torch.randn(2, 2), condition=None)
    with pytest.raises(UserError, match=r"g_terms\.path_length: Linear has no styles; take model=stylegan2"):
        PathLength().value(context)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_players_play_on_the_device_alone(device: str) -> None:
    """No tensor is left on the CPU, and none is looked at: a step of G with mixing and path length, and one of D."""
    with torch.device(device):
        g = generator(mixing=0.9)
        d = StyleGAN2Discriminator((1, 16, 16), 3, width=4, max_width=8, residual=False)
        z, y = torch.randn(4, 5), torch.zeros(4, dtype=torch.long)
        context = SimpleNamespace(g=View(g, {}), z=z, condition=y)
        value = PathLength().to(device).value(context) + d(g(z, y), y).logits.mean()
    slopes = torch.autograd.grad(value, [*g.parameters(), *d.parameters()])
    assert all(slope.device.type == device for slope in slopes)
    assert device == "meta" or all(slope.isfinite().all() for slope in slopes)
