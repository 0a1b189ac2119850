"""Every model of images at sizes that are no squares, and at one that is no power of 2."""

from collections.abc import Callable

import pytest
import torch
from helpers.configuration import complaint_about, options
from helpers.players import fit
from omegaconf import DictConfig

from gan_lab.config.check import check
from gan_lab.networks.evaluating import evaluating

SQUARE = ["pix2pix", "stylegan3"]  # the smallest map of the one is one pixel; the other has one sampling rate
MODELS = [name for name in options("model") if name not in ("dirac", *SQUARE)]


@pytest.mark.parametrize(
    ("model", "sides"),
    [
        *((model, (32, 64)) for model in MODELS),
        *(
            (model, sides)
            for model in ("dcgan", "r3gan", "sn_resnet", "patchgan")
            for sides in ((64, 32), (48, 48))
            if model in MODELS
        ),
    ],
    ids=str,
)
def test_every_model_plays_and_d_looks_at_every_row_and_column(
    composed: Callable[..., DictConfig], model: str, sides: tuple[int, int]
) -> None:
    attention = [f"model.{role}.attention={sides[0] // 2}" for role in ("generator", "discriminator")]
    more = attention if model == "sagan" else []
    gan = fit(
        composed(f"model={model}", "data=digits", "data.batch_size=4", f"data.shape=[1,{sides[0]},{sides[1]}]", *more)
    )
    assert all(weight.isfinite().all() for player in (gan.d, gan.g) for weight in player.weights)
    real, y = gan.trainer.datamodule.take(4)[:2]
    condition = y if gan.conditional else None
    samples = gan.generate(torch.randn(4, 4), condition)
    assert samples.shape == (4, 1, *sides) and samples.isfinite().all()
    real.requires_grad_()
    with evaluating(gan.d.network) as judge:
        (slope,) = torch.autograd.grad(sum(logits.sum() for logits in judge(real, condition).all_logits), real)
    seen = slope.abs().sum((0, 1)) > 0
    assert seen.any(0).all() and seen.any(1).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_configuration_with_height_and_width_passes(composed: Callable[..., DictConfig], model: str) -> None:
    pictures = ["data=images", "data.root=pictures", "data.image_size=[32,64]", "data.num_classes=10"]
    check(composed(f"model={model}", *pictures))


@pytest.mark.parametrize("model", SQUARE)
def test_what_takes_squares_alone_says_so(composed: Callable[..., DictConfig], model: str) -> None:
    config = composed(f"model={model}", "data=images", "data.root=pictures", "data.image_size=[32,64]")
    assert "must be (channels, height, width) with height = width" in complaint_about(config)
