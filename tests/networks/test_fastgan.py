"""Laws of FastGAN's generator."""

import pytest
import torch

from gan_lab.errors import UserError
from gan_lab.networks.fastgan import FastGANGenerator, Noise, SkipLayerExcitation


@pytest.mark.parametrize(
    ("shape", "gates"), [((1, 8, 8), 0), ((3, 28, 28), 0), ((3, 32, 64), 0), ((3, 64, 64), 1), ((1, 128, 128), 2)]
)
def test_it_makes_every_size_and_gates_the_maps_of_its_paper(shape: tuple[int, int, int], gates: int) -> None:
    for device in ("meta", "cpu"):
        network = FastGANGenerator(9, shape, 2).to(device)
        assert sum(isinstance(module, SkipLayerExcitation) for module in network.modules()) == gates
        with torch.autocast("cpu", torch.bfloat16, enabled=device == "cpu"):
            x = network(torch.randn(3, 9, device=device))
        assert x.shape == (3, *shape)
        slopes = torch.autograd.grad(x.float().square().sum(), [*network.parameters()])
        assert device == "meta" or all(slope.isfinite().all() for slope in slopes)


def test_the_length_of_z_does_not_matter() -> None:
    network = FastGANGenerator(9, (3, 16, 16), 2).eval()
    z = torch.randn(3, 9)
    torch.testing.assert_close(network(z), network(5 * z))


def test_there_is_no_noise_at_the_start_and_one_for_all_channels() -> None:
    layer, x = Noise(), torch.randn(3, 4, 5, 5)
    assert torch.equal(layer(x), x)
    layer.weight.data.fill_(2.0)
    noise = layer(x) - x
    torch.testing.assert_close(noise, noise[:, :1].expand_as(noise))


def test_with_classes_samples_follow_the_class() -> None:
    network, z = FastGANGenerator(9, (3, 16, 16), 2, num_classes=3).eval(), torch.randn(2, 9)
    one, other = (network(z, torch.tensor(y)) for y in ([0, 1], [0, 2]))
    assert torch.equal(one[0], other[0]) and not torch.equal(one[1], other[1])
    with pytest.raises(UserError, match="conditioning=none"):
        network(z)
