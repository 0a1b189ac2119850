"""Analyses against what is known in closed form."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_lab.analysis import spectrum
from gan_lab.analysis.directions import factorised, weight_on
from gan_lab.analysis.embedding import tsne
from gan_lab.analysis.interpolation import path
from gan_lab.analysis.inversion import invert
from gan_lab.analysis.space import Noise, Styles, line, slerp, space_of
from gan_lab.analysis.spectrum import radial_power
from gan_lab.analysis.truncation import PSIS, curve, truncated
from gan_lab.errors import UserError
from gan_lab.latents import Normal, Uniform
from gan_lab.networks.dcgan import DCGANGenerator
from gan_lab.networks.stylegan2 import StyleGAN2Generator
from gan_lab.plots.rows import Row, labelled_rows
from gan_lab.sampling import Trained, sampled

SHAPE = (1, 4, 4)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Linear(nn.Module):
    """G(z) = A z + b, as a picture; the class, where there is one, is a brightness."""

    def __init__(self, dim: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(dim, math.prod(SHAPE))
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(math.prod(SHAPE), dim, generator=draws(1)))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        x = self.layer(z).unflatten(1, SHAPE)
        return x if y is None else x + 9 * y.view(-1, 1, 1, 1)


def styled() -> StyleGAN2Generator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = StyleGAN2Generator(4, (1, 8, 8), None, width=4, max_width=8, dim=8, mapping=2)
    return network.eval()


def trained(network: nn.Module, latent: Any = None) -> Trained:
    return Trained(network.eval(), latent or Normal(3))


def test_a_label_of_one_long_word_is_cut_and_not_lost() -> None:
    image = torch.zeros(1, 1, 4, 4)
    one, other = (labelled_rows("", ("",), [Row(letter * 100, (image,))]) for letter in "ab")
    assert 150 < one.shape[2] < 400 and not one.equal(other)


def test_the_spectrum_of_white_noise_is_flat() -> None:
    found = radial_power(2 * torch.randn(400, 3, 16, 12, generator=draws()))
    assert found.frequencies.tolist() == pytest.approx([j / 12 for j in range(7)])
    assert found.power.mean(0).numpy() == pytest.approx(4, rel=0.15)  # a ring of one frequency errs by 4 %
    assert found.power.shape == (400, 7)


def test_the_spectrum_does_not_depend_on_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.randn(7, 1, 8, 8, generator=draws())
    whole = radial_power(images).power
    monkeypatch.setattr(spectrum, "AT_ONCE", 3)
    assert torch.allclose(radial_power(images).power, whole, rtol=1e-12)


def test_the_spectrum_of_a_wave_lies_at_its_frequency_and_equals_a_direct_sum() -> None:
    """A cos(2 pi f x) has power A^2 H W / 4 at +-f, that is over the two of the ring's frequencies."""
    side, amplitude = 16, 0.5
    wave = amplitude * torch.cos(2 * math.pi * 3 / side * torch.arange(side)).expand(1, 1, side, side)
    power = radial_power(wave).power[0]
    assert power.argmax() == 3
    assert power.sum() - power[3] < 1e-9
    x, f = torch.arange(side).double(), torch.fft.fftfreq(side).double()
    basis = torch.exp(-2j * math.pi * f[:, None] * x)
    direct = (basis @ wave[0, 0].to(basis.dtype) @ basis.T).abs().square() / side**2
    rings = (side * torch.hypot(f[:, None], f[None])).round()
    assert power[3].item() == pytest.approx(direct[rings == 3].mean().item(), rel=1e-5)
    assert power[3].item() == pytest.approx(2 * amplitude**2 * side**2 / 4 / int((rings == 3).sum()), rel=1e-5)


def test_paths_end_at_their_ends() -> None:
    a, b = torch.randn(2, 5, 3, generator=draws()).unbind()
    for network, latent in ((Linear(), Normal(3)), (Linear(), Uniform(3))):
        space = space_of(trained(network, latent))
        found = path(space, a, b, None, 4)
        assert found.shape == (5, 4, *SHAPE)
        for end, z in ((0, a), (-1, b)):
            assert torch.allclose(found[:, end], network(z), atol=1e-4)
    straight = space_of(trained(Linear(), Uniform(3))).between(a, b, torch.tensor([0.5]))
    assert torch.allclose(straight[:, 0], (a + b) / 2)


def test_paths_of_styles_are_straight_in_w() -> None:
    network = styled()
    space = space_of(trained(network, Normal(4)))
    assert isinstance(space, Styles)
    z = torch.randn(6, 4, generator=draws())
    a, b = space.codes(z[:3], None), space.codes(z[3:], None)
    found = path(space, a, b, None, 3)
    for end, noise in ((0, z[:3]), (-1, z[3:])):
        assert torch.allclose(found[:, end], network(noise), atol=1e-5)
    assert torch.allclose(found[:, 1], network.synthesise((a + b) / 2), atol=1e-5)


def test_a_great_circle_keeps_lengths_and_goes_at_one_speed() -> None:
    a, b = nn.functional.normalize(torch.randn(2, 4, 7, generator=draws()), dim=2).unbind()
    arc = slerp(a, b, torch.linspace(0, 1, 5))
    assert torch.allclose(arc.norm(dim=2), torch.ones(4, 5), atol=1e-5)
    steps = torch.cosine_similarity(arc[:, 1:], arc[:, :-1], dim=2)
    assert torch.allclose(steps, steps[:, :1].expand_as(steps), atol=1e-5)
    assert torch.allclose(slerp(a, a, torch.tensor([0.3])), line(a, a, torch.tensor([0.3])))


def test_directions_of_a_linear_generator_are_its_singular_vectors() -> None:
    network, z = Linear(), torch.randn(1, 3, generator=draws())
    weight = weight_on(network, lambda: network(z), z)
    assert torch.allclose(weight, network.layer.weight, atol=1e-5)
    expected = torch.linalg.svd(network.layer.weight.detach()).Vh
    assert torch.allclose((factorised(weight) * expected).sum(1).abs(), torch.ones(3), atol=1e-5)


def test_layers_that_read_the_code_are_found() -> None:
    z = torch.randn(1, 4, generator=draws())
    dcgan = DCGANGenerator(4, (1, 8, 8), width=4).eval()
    found = weight_on(dcgan, lambda: dcgan(z), z)
    assert torch.allclose(found, dcgan.net[0].weight.flatten(1).T, atol=1e-6)  # type: ignore[union-attr, operator]
    network = styled()
    w = network.styles(z)
    layers = weight_on(network, lambda: network.synthesise(w), w[:, 0])
    affine = [
        m for name, m in network.named_modules() if type(m).__name__ == "EqualisedLinear" and "mapping" not in name
    ]
    assert torch.allclose(layers[: affine[0].weight.shape[0]], affine[0].gain * affine[0].weight, atol=1e-6)  # type: ignore[index, union-attr, operator]
    assert len(layers) == sum(len(layer.weight) for layer in affine)  # type: ignore[arg-type]

    class Normalising(Linear):
        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return super().forward(nn.functional.normalize(z))

    normalising = Normalising(4)
    with pytest.raises(UserError, match="a linear layer reads the code as it is"):
        weight_on(normalising, lambda: normalising(z), z)


def test_inversion_of_a_linear_generator_is_least_squares() -> None:
    network = Linear().requires_grad_(False)
    targets = torch.randn(4, *SHAPE, generator=draws(2))
    found = invert(Noise(trained(network)), targets, torch.randn(50, 3, generator=draws(3)))
    a, b = network.layer.weight, network.layer.bias
    x = targets.flatten(1) - b
    solution = torch.linalg.lstsq(a, x.T).solution
    best = (a @ solution - x.T).square().mean(0).sqrt()
    assert found.errors.numpy() == pytest.approx(best.numpy(), rel=1e-4)
    assert torch.allclose(found.codes, solution.T, atol=1e-2)
    own = invert(Noise(trained(network)), network(targets[:, 0, 0, :3]), torch.randn(50, 3, generator=draws(3)))
    assert own.errors.max() < 1e-3


def test_inversion_chooses_the_class() -> None:
    network, space = Linear().requires_grad_(False), Noise(trained(Linear()))
    z, y = torch.randn(60, 3, generator=draws(3)), torch.arange(60) % 3
    targets = network(torch.randn(5, 3, generator=draws(4)), torch.tensor([0, 1, 2, 0, 1]))
    space = Noise(trained(network))
    found = invert(space, targets, z, y, steps=1)
    assert found.y is not None and found.y.tolist() == [0, 1, 2, 0, 1]
    told = invert(space, targets, z, y, torch.full((5,), 2), steps=1)
    assert told.y is not None and told.y.tolist() == [2] * 5


def test_without_truncation_samples_are_the_plain_ones() -> None:
    for network, latent in ((Linear(), Normal(3)), (styled(), Normal(4))):
        players = trained(network, latent)
        z = latent.sample(4, draws())
        plain = sampled(players.generate, z, None, 0)
        assert torch.allclose(truncated(players, 1.0)(z, None, 0), plain, atol=1e-5)
        assert not torch.allclose(truncated(players, 0.5)(z, None, 0), plain, atol=1e-2)


def test_a_truncation_curve_says_what_is_lost() -> None:
    real, fake = torch.randn(2, 300, 3, generator=draws()).unbind()
    points = curve(real, lambda psi: psi * fake)
    assert [point.psi for point in points] == list(PSIS)
    assert points[0].recall < 0.5 < points[-1].recall
    assert points[0].precision >= points[-1].precision - 0.05
    assert min(points, key=lambda point: point.frechet) is points[-1]


def test_an_embedding_keeps_neighbours_and_follows_from_its_seed() -> None:
    points = torch.cat([torch.randn(20, 5, generator=draws()), 50 + torch.randn(20, 5, generator=draws(1))])
    found = tsne(points, 3)
    assert found.shape == (40, 2)
    nearest = np.asarray(torch.cdist(found, found).fill_diagonal_(math.inf).argmin(1))
    assert ((nearest < 20) == (np.arange(40) < 20)).all()
    assert torch.equal(found, tsne(points, 3))
