"""Laws of a discriminator that judges at several scales, and of the U-Net discriminator."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.players import play_with
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.networks.unet_discriminator import UNetDiscriminator
from gan_lab.terms import CutMix
from gan_lab.terms.cutmix import boxes
from gan_lab.types import DiscriminatorOutput

UNET = ["model=unet_d", "data=digits", "data.image_size=16", "model.num_classes=null"]


@pytest.mark.parametrize("loss", ["hinge", "non_saturating", "minimax", "relativistic"])
def test_the_players_losses_are_sums_over_scales(composed: Callable[..., DictConfig], loss: str) -> None:
    def act(gan: GAN) -> None:
        gan.d.network.eval()
        context = gan.context(gan.d, gan.g)
        real, fake = context.real_output, context.fake_output
        pairs = ((real.logits, fake.logits), (real.scales[0], fake.scales[0]))
        assert pairs[1][0].shape == (8, 16, 16)
        costs = (gan.loss.discriminator, gan.loss.generator)
        expected = [sum(cost(r, f) for r, f in pairs) for cost in costs]
        for player, value in zip((gan.d, gan.g), expected, strict=True):
            torch.testing.assert_close(gan.objective(player, context)[0], value)

    play_with(act, composed(*UNET, f"loss={loss}"))


@pytest.mark.parametrize("joint", [False, True])
def test_the_input_gradient_is_that_of_all_logits(composed: Callable[..., DictConfig], joint: bool) -> None:
    def act(gan: GAN) -> None:
        gan.d.network.eval()
        context = gan.context(gan.d)
        x = context.real.clone().requires_grad_()
        (slope,) = torch.autograd.grad(sum(each.sum() for each in gan.d.network(x).all_logits), x)
        torch.testing.assert_close(context.input_gradient(context.real), slope)
        assert [len(scale) for scale in context.fake_output.scales] == [8]

    play_with(act, composed(*UNET, "term@d_terms=[r1]", f"gan.joint_batch={joint}".lower()))


def test_no_adversary_has_no_opinion_at_any_scale(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        output = gan.context(gan.d).real_output
        assert len(output.all_logits) == 2 and not any(logits.any() for logits in output.all_logits)

    play_with(act, composed(*UNET, "wrapper@d_wrappers=[no_adversary]"))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 16, 40)])
def test_the_unet_judges_every_pixel_on_any_device(shape: tuple[int, int, int]) -> None:
    for device in ("meta", "cpu"):
        network = UNetDiscriminator(shape, 3, 4, 8, halvings=2, attention=shape[1] // 4).to(device)
        x, y = torch.randn(3, *shape, device=device), torch.arange(3, device=device)
        with torch.autocast("cpu", torch.bfloat16, enabled=device == "cpu"):
            output = network(x, y)
        assert output.logits.shape == (3,) and output.scales[0].shape == (3, *shape[1:])
        total = sum(logits.float().square().sum() for logits in output.all_logits)
        slopes = torch.autograd.grad(total, [*network.parameters()])
        assert device == "meta" or all(slope.isfinite().all() for slope in slopes)


def test_sides_that_do_not_halve_are_refused() -> None:
    with pytest.raises(UserError, match="must be multiples of 8"):
        UNetDiscriminator((3, 28, 28), None, halvings=3)


def linear(x: Tensor) -> DiscriminatorOutput:
    return DiscriminatorOutput(x.mean((1, 2, 3)), scales=(2 * x.sum(1) + 1,))


def context_of(judge: Callable[[Tensor], DiscriminatorOutput]) -> Any:
    real, fake = torch.randn(2, 6, 3, 8, 12).unbind()
    return SimpleNamespace(
        real=real, fake=fake, real_output=judge(real), fake_output=judge(fake), discriminate=judge
    )  # fmt: skip


def test_cutmix_is_zero_where_each_pixel_is_judged_alone_and_only_there() -> None:
    assert CutMix().value(context_of(linear)).item() == pytest.approx(0, abs=1e-10)

    def shifted(x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.mean((1, 2, 3)), scales=(x.sum(1).roll(1, 1),))

    assert CutMix().value(context_of(shifted)).item() > 0.01


def test_cutmix_wants_logits_of_pixels() -> None:
    with pytest.raises(UserError, match="take model=unet_d"):
        CutMix().value(context_of(lambda x: DiscriminatorOutput(x.mean((1, 2, 3)))))


def test_boxes_are_boxes_of_either_sign() -> None:
    torch.manual_seed(0)
    masks = boxes(2000, 16, 24, torch.device("cpu"))
    assert masks.unique().tolist() == [0, 1]
    assert masks.mean().item() == pytest.approx(0.5, abs=0.02)  # by symmetry
    for mask in masks[:50]:
        boxed = [of.any(0).sum() * of.any(1).sum() == of.sum() for of in (mask == 0, mask == 1)]
        assert any(boxed)
