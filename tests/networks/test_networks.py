"""Laws of the networks: shapes for all sizes that they promise, initial weights, layers against formulas."""

import pytest
import torch
from helpers.configuration import NARROW, options
from hydra import compose, initialize_config_dir
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.nn.utils.parametrize import ParametrizationList

from gan_lab.config.explain import CONF
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_lab.networks.layers import Dense, Maxout, SymmetricSigmoid, UnitInput
from gan_lab.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_lab.networks.stylegan3 import StyleGAN3Generator
from gan_lab.networks.whole_map import MapToPixel, PixelToMap
from gan_lab.types import Batch

POWERS = [8, 16, 32, 64, 128]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [*POWERS, 28, 12, 40])
def test_dcgan_makes_and_judges_every_size(size: int, channels: int) -> None:
    shape = (channels, size, size)
    generator, discriminator = DCGANGenerator(7, shape, width=2), DCGANDiscriminator(shape, width=2)
    x = generator(torch.randn(3, 7))
    assert x.shape == (3, *shape)
    assert x.abs().max() <= 1
    output = discriminator(x)
    assert output.logits.shape == (3,)
    pooling = nn.MaxPool2d | nn.AvgPool2d
    assert not any(isinstance(m, pooling) for m in [*generator.modules(), *discriminator.modules()])


def test_without_batch_norm_d_judges_each_sample_by_itself() -> None:
    x = torch.randn(6, 1, 28, 28)
    for dense in (0, 16):
        plain = DCGANDiscriminator((1, 28, 28), width=2, dense=dense, batch_norm=False)
        torch.testing.assert_close(plain(x).logits, torch.cat([plain(one[None]).logits for one in x]))
        assert not any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
        normed = DCGANDiscriminator((1, 28, 28), width=2, dense=dense)
        assert not torch.allclose(normed(x).logits[:2], normed(x[:2]).logits)
    with pytest.raises(UserError, match=r"batch_norm=false: on samples of \(1, 8, 8\) this D has none; leave it out"):
        DCGANDiscriminator((1, 8, 8), batch_norm=False)


def test_a_dense_layer_gives_the_networks_of_infogan() -> None:
    """Appendix C.1: G FC 1024, FC 7 x 7 x 128, up 64, up 1; D down 64, down 128, FC 1024, FC 1."""
    generator, discriminator = DCGANGenerator(74, (1, 28, 28), dense=1024), DCGANDiscriminator((1, 28, 28), dense=1024)
    shapes = [
        [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        for network in (generator, discriminator)
    ]
    assert shapes[0] == [(74, 1024, 1, 1), (1024, 128, 7, 7), (128, 64, 4, 4), (64, 1, 4, 4)]
    assert shapes[1] == [(64, 1, 4, 4), (128, 64, 4, 4), (1024, 128, 7, 7), (1, 1024, 1, 1)]
    output = discriminator(generator(torch.randn(3, 74)))
    assert output.logits.shape == (3,) and output.features[0].shape == (3, 1024)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_convolutions_of_whole_maps_are_torch_s(memory_format: torch.memory_format) -> None:
    """Values, and first and second derivatives; the same random numbers make the same weights."""
    pairs = (
        (MapToPixel, nn.Conv2d, torch.randn(5, 3, 4, 6, dtype=torch.float64)),
        (PixelToMap, nn.ConvTranspose2d, torch.randn(5, 3, 1, 1, dtype=torch.float64)),
    )
    for ours, theirs, x in pairs:
        found = []
        for make in (lambda: ours(3, 2, (4, 6)), lambda: theirs(3, 2, (4, 6), bias=False)):  # noqa: B023
            torch.manual_seed(0)
            layer = make().double().to(memory_format=memory_format)
            at = x.to(memory_format=memory_format).requires_grad_(True)
            y = layer(at)
            (slope,) = torch.autograd.grad(y.square().sum(), at, create_graph=True)
            found.append([y, slope, *torch.autograd.grad(slope.square().sum(), [at, layer.weight])])
        for mine, torchs in zip(*found, strict=True):
            torch.testing.assert_close(mine, torchs)


def test_dcgan_64_is_the_paper_s() -> None:
    generator, discriminator = DCGANGenerator(100, (3, 64, 64)), DCGANDiscriminator((3, 64, 64))
    widths = [m.out_channels for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert widths == [512, 256, 128, 64, 3]
    assert [m.out_channels for m in discriminator.modules() if isinstance(m, nn.Conv2d)] == [64, 128, 256, 512, 1]
    weights = torch.cat([m.weight.flatten() for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    scales = torch.cat([m.weight for m in generator.modules() if isinstance(m, nn.BatchNorm2d)])
    assert scales.mean().item() == pytest.approx(1, abs=0.01) and scales.std().item() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("shape", [(2,), (1,), (3, 5), (1, 8, 8)])
def test_mlps_take_any_shape(shape: tuple[int, ...]) -> None:
    def layer(a: int, b: int) -> nn.Module:
        return Dense(a, b, nn.ReLU)

    for hidden in ([], [6], [6, 5]):
        x = MLPGenerator(4, shape, hidden, layer, nn.Tanh())(torch.randn(3, 4))
        assert x.shape == (3, *shape)
        assert MLPDiscriminator(shape, hidden, layer)(x).logits.shape == (3,)


def test_a_normalised_layer_has_no_bias_to_be_taken_out() -> None:
    layer = Dense(4, 3, nn.ReLU, nn.BatchNorm1d)
    assert layer[0].bias is None
    x = torch.randn(50, 4)
    affine = x @ layer[0].weight.T
    expected = (affine - affine.mean(0)) / (affine.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(layer(x), expected.relu())


def test_maxout_is_the_largest_of_its_affine_pieces() -> None:
    layer, x = Maxout(4, 3, pieces=5), torch.randn(6, 4)
    weight, bias = layer.linear.weight.view(3, 5, 4), layer.linear.bias.view(3, 5)
    expected = torch.stack([(weight[:, j] @ x.T).T + bias[:, j] for j in range(5)]).amax(0)
    torch.testing.assert_close(layer(x), expected)


def test_maxout_is_differentiated_as_amax_is_to_the_bit_and_again() -> None:
    layer = Maxout(4, 3, pieces=5)
    for parameter in layer.linear.parameters():
        parameter.data[1:5] = parameter.data[0].clone()  # ties: all pieces of a unit, two of another
        parameter.data[6] = parameter.data[5]
    x = torch.randn(6, 4, requires_grad=True)
    outputs = [layer(x), layer.linear(x).unflatten(-1, (-1, 5)).amax(-1)]
    assert torch.equal(*outputs)
    found = []
    for y in outputs:
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        found.append([slope, *torch.autograd.grad(slope.square().sum(), [x, layer.linear.weight])])
    assert all(map(torch.equal, *found))


def test_symmetric_sigmoid_and_its_inverse() -> None:
    t = torch.linspace(-5, 5, 11, dtype=torch.float64)
    torch.testing.assert_close(SymmetricSigmoid()(t), torch.tanh(t / 2))
    torch.testing.assert_close(SymmetricSigmoid().inverse(torch.tanh(t / 2)), t)
    assert SymmetricSigmoid().inverse(torch.tensor([-1.0, 1.0])).isfinite().all()


def test_unit_input_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    seen = UnitInput(dropout=0.2)(torch.full((10_000,), 0.5))
    assert (seen == 0).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert seen.mean().item() == pytest.approx(0.75, abs=0.02)


def test_the_2014_generator_starts_at_the_data_s_marginals() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["directory=none", "model=mlp_2014", "data.batch_size=1797"])
    gan, data = build(config)
    means = data.take(10_000).x.mean(0)
    gan.g.network.affine.weight.data.zero_()
    start = gan.g.network(torch.zeros(1, 64))[0]
    torch.testing.assert_close(start, means, atol=1e-5, rtol=1e-4)


def small(name: str) -> tuple[GAN, Batch]:
    """A game of these networks, and five samples."""
    torch.manual_seed(0)
    data = "dirac" if name == "dirac" else "digits"
    sizes = ["data.batch_size=5", "latent.dim=4", *NARROW.get(name, [])]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        gan, source = build(compose("config", ["directory=none", f"model={name}", f"data={data}", *sizes]))
    return gan, next(source.batches(0))


@pytest.mark.parametrize("name", options("model"))
def test_features_belong_to_the_samples(name: str) -> None:
    gan, batch = small(name)
    output = gan.d.network(batch.x, batch.y)
    assert output.logits.shape[0] == 5
    assert all(len(features) == 5 for features in output.features)


@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize("name", options("model"))
def test_second_derivatives_are_slopes_of_the_first(name: str, player: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consensus, symplectic and unrolled updates take them in the weights, where a wrong one would go unseen."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # differences need the digits
    gan, batch = small(name)
    network = getattr(gan, player).network.double()
    y = None if batch.y is None else batch.y.double() if batch.y.is_floating_point() else batch.y
    z = gan.latent.sample(5).double()
    for module in network.modules():
        if isinstance(module, ParametrizationList | StyleGAN3Generator):
            module.eval()  # what a call moves: singular vectors, and sizes of maps
    weights = [p for p in network.parameters() if p.requires_grad]
    for p in weights:  # weights that start at zero put units into the kink of their nonlinearity
        p.data += 0.1 * torch.randn_like(p)

    def gradient() -> torch.Tensor:
        torch.manual_seed(1)  # the same noise within the networks each time
        values = (network(z, y),) if player == "g" else network(batch.x.double(), y).all_logits
        loss = sum((value.square().mean() for value in values), torch.zeros(()))
        slopes = torch.autograd.grad(loss, weights, create_graph=True)
        return torch.cat([slope.flatten() for slope in slopes])

    direction = torch.nn.functional.normalize(torch.randn(sum(p.numel() for p in weights)), dim=0).double()
    (gradient() @ direction).backward()
    second = torch.cat([p.grad.flatten() for p in weights])
    sides = []
    for step in (1e-8, -1e-8):  # so short that no unit crosses its kink
        start = parameters_to_vector(weights).detach()
        vector_to_parameters(start + step * direction, weights)
        sides.append(gradient().detach())
        vector_to_parameters(start, weights)
    torch.testing.assert_close(second, (sides[0] - sides[1]) / 2e-8, rtol=1e-4, atol=1e-6)
