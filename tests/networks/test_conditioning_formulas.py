"""The layers and terms that bring y into a network are the formulas of their papers."""

from collections.abc import Callable

import pytest
import torch
from helpers.players import play_with
from omegaconf import DictConfig
from torch import nn
from torch.nn import functional as F

from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.networks.conditioning import BatchNormGenerator, ConditionalBatchNorm
from gan_lab.networks.dcgan import DCGANGenerator

Z, EVERY_CLASS = torch.randn(10, 4, generator=torch.Generator().manual_seed(3)), torch.arange(10)


def test_projection_is_its_formula(composed: Callable[..., DictConfig]) -> None:
    gan, data = build(composed("conditioning=projection", "data.batch_size=10"))
    d, (x, y, _) = gan.d.network.eval(), next(data.batches(0))
    plain, given = d.network(x), d(x, y)
    for i in range(10):
        inner = (d.directions.weight[y[i]] * plain.features[-1][i]).sum()
        torch.testing.assert_close(given.logits[i], plain.logits[i] + inner)


def test_conditional_batch_norm_is_an_affine_map_per_class_of_the_normalised_batch() -> None:
    layer = ConditionalBatchNorm(nn.BatchNorm2d(3), 4)
    nn.init.normal_(layer.scale), nn.init.normal_(layer.shift)
    x, y = torch.randn(6, 3, 5, 5), torch.tensor([0, 1, 2, 3, 3, 0])
    layer.y = y
    normal = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    expected = torch.stack(
        [layer.scale[c][:, None, None] * n + layer.shift[c][:, None, None] for c, n in zip(y, normal, strict=True)]
    )
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


def test_conditional_batch_norm_starts_at_one_and_zero_and_with_a_spread_classes_apart() -> None:
    conditional = BatchNormGenerator(lambda: DCGANGenerator(4, (1, 16, 16), width=4), 10)
    layers = [module for module in conditional.modules() if isinstance(module, ConditionalBatchNorm)]
    assert all((layer.scale == 1).all() and (layer.shift == 0).all() for layer in layers)
    assert torch.equal(conditional(Z, EVERY_CLASS), conditional(Z, EVERY_CLASS.flip(0)))
    layer = ConditionalBatchNorm(nn.BatchNorm2d(50), 40, spread=0.3)
    for start, value in ((1.0, layer.scale), (0.0, layer.shift)):
        assert abs(value.mean() - start) < 0.05 and abs(value.std() - 0.3) < 0.03
    assert not any(isinstance(m, nn.BatchNorm2d) and m.affine for m in conditional.modules())


@pytest.mark.parametrize("fake", [True, False])
def test_auxiliary_terms_are_cross_entropies(composed: Callable[..., DictConfig], fake: bool) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.d, gan.g)
        (_, of_d), (_, of_g) = (gan.objective(player, context) for player in (gan.d, gan.g))
        of_real, of_fake = (
            F.cross_entropy(output.class_logits, context.y) for output in (context.real_output, context.fake_output)
        )
        torch.testing.assert_close(of_d["d/auxiliary_classifier"], (of_real + fake * of_fake).detach())
        torch.testing.assert_close(of_g["g/auxiliary_classifier"], of_fake.detach())

    play_with(act, composed("model=mlp", "conditioning=auxiliary", f"d_terms.auxiliary_classifier.fake={fake}"))
