"""Augmentation as a wrapper of D, and its controller."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.configuration import CONF, options
from helpers.runs import assert_resumes, assert_same
from helpers.toy_players import Quadratic
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab.augment import Augmented
from gan_lab.augment.images import warp
from gan_lab.callbacks.adaptive_augment import AdaptiveAugment
from gan_lab.config.explain import explain
from gan_lab.experiment.build import build
from gan_lab.io.checkpoint import PlainCheckpointIO

AUGMENTED = [name for name in options("wrapper") if "augment" in name]


def augmented(name: str, p: float = 1.0) -> Augmented:
    config: Any = OmegaConf.load(CONF / "wrapper" / f"{name}.yaml")[name]
    wrapper: Augmented = instantiate(config, p=p, _partial_=True)(Quadratic())
    return wrapper


@pytest.mark.parametrize("name", AUGMENTED)
def test_d_sees_transformed_images_in_training_only(name: str) -> None:
    wrapper, x, y = augmented(name), torch.rand(6, 1, 8, 8), torch.arange(6)
    output = wrapper(x, y)
    logits, passed, (seen,) = output.logits, output.class_logits, output.features
    assert not torch.equal(seen, x) and passed is y
    assert torch.equal(logits, seen.square().flatten(1).sum(1))
    assert torch.equal(wrapper.eval()(x, y).features[0], x)


@pytest.mark.parametrize("name", AUGMENTED)
def test_a_transformation_is_left_out_by_null(name: str) -> None:
    config: Any = OmegaConf.load(CONF / "wrapper" / f"{name}.yaml")[name]
    x = torch.rand(6, 1, 8, 8)
    config.policy = dict.fromkeys(config.policy)
    assert torch.equal(instantiate(config, _partial_=True)(Quadratic())(x).features[0], x)


def test_a_penalty_is_on_the_gradient_at_the_image_itself() -> None:
    """For D(x) = sum x, grad_x D(T(x)) is T's transpose applied to ones: by adding up what each pixel becomes."""
    x = torch.rand(1, 1, 4, 4, requires_grad=True)
    shift = torch.tensor([[1.0, 0.0]])
    (gradient,) = torch.autograd.grad(warp(x, torch.eye(2)[None], shift, fill=0.0).sum(), x)
    assert gradient[0, 0].sum(1).tolist() == [4, 4, 4, 0]  # the last row has left the image


@pytest.mark.parametrize("name", AUGMENTED)
@pytest.mark.parametrize(
    "overrides, text",
    [
        (["data=ring", "model=mlp"], "is for discriminators of images"),
        (["degradation=half", "model=pix2pix"], "would move an image away from the one it is given with"),
    ],
)
def test_what_cannot_be_augmented_is_refused(
    played: Callable[..., Path], name: str, overrides: list[str], text: str
) -> None:
    with pytest.raises(Exception) as error:
        played(*overrides, f"wrapper@d_wrappers=[{name}]", "rounds=1")
    assert text in str(explain(error.value, []))


# --- the controller -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sure, moves", [(True, 1), (False, -1)])
def test_p_moves_by_the_images_seen_towards_the_target(
    composed: Callable[..., DictConfig], sure: bool, moves: int
) -> None:
    gan, data = build(
        composed("model=mlp", "wrapper@d_wrappers=[adaptive_augment]", "d_wrappers.adaptive_augment.p=0.5")
    )
    controller = AdaptiveAugment(target=0.6, interval=4, kimg=1.0, every=1000)
    gan.record["logits/real"] = torch.tensor([1.0, 2.0, 3.0, 1.0 if sure else -1.0])  # r_t = 1 or .5
    trainer: Any = type("Trainer", (), {"datamodule": data})
    for _ in range(8):
        gan.round += 1
        controller.on_train_batch_end(trainer, gan)
    expected = 0.5 + moves * 8 * data.batch_size / 1000
    assert gan.d.network.p.item() == pytest.approx(expected)
    for _ in range(400):
        gan.round += 1
        controller.on_train_batch_end(trainer, gan)
    assert gan.d.network.p.item() == (1 if sure else 0)


def last(directory: Path) -> dict[str, Any]:
    return PlainCheckpointIO().load_checkpoint(directory / "checkpoints/last.ckpt")


@pytest.mark.slow
@pytest.mark.parametrize(("wrapper", "key"), [*zip(AUGMENTED, AUGMENTED, strict=True), ("ada_bgcfnc", "ada")])
def test_save_kill_resume_equals_uninterrupted(
    composed: Callable[..., DictConfig], tmp_path: Path, wrapper: str, key: str
) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        more = ",adaptive_augment" if wrapper == "diff_augment" else ""  # the others bring it along
        intervals = ["interval=4", "kimg=0.1", "every=1"]  # p moves at round 4, between the checkpoints
        return composed(
            f"wrapper@d_wrappers=[{wrapper}]", f"d_wrappers.{key}.p=0.5", "conditioning=projection",
            "term@d_terms=[r1]",
            f"callbacks=[default,overfitting{more}]", "callbacks.overfitting.every=2", "callbacks.overfitting.n=16",
            "data.subset=100", "rounds=6", f"directory={tmp_path / name}", "callbacks.checkpoint.every=2",
            *(f"callbacks.adaptive_augment.{knob}" for knob in intervals),
        )  # fmt: skip

    assert_resumes(config, tmp_path)
    moved = last(tmp_path / "whole")["state_dict"]["d.network.p"].item()
    assert moved != 0.5 and json.loads((tmp_path / "whole" / "summary.json").read_text())["augment/p"] == moved


@pytest.mark.parametrize(
    "more", [[], ["wrapper@d_wrappers=[diff_augment,spectral_norm,instance_noise]", "conditioning=concat"]]
)
def test_watching_overfitting_does_not_change_the_run(
    composed: Callable[..., DictConfig], played: Callable[..., Path], tmp_path: Path, more: list[str]
) -> None:
    common = ["rounds=4", "data.subset=100", "callbacks.checkpoint.every=4", "data.image_size=16", *more]
    plain = played(*common, f"directory={tmp_path / 'plain'}")
    knobs = ["callbacks.overfitting.every=1", "callbacks.overfitting.n=20"]
    watched = played(*common, "callbacks=[default,overfitting]", *knobs, f"directory={tmp_path / 'watched'}")
    for part in ("state_dict", "optimizer_states"):
        assert_same(last(plain)[part], last(watched)[part])
    summary = json.loads((watched / "summary.json").read_text())
    train, held, fake = (summary[f"overfitting/logits_{name}"] for name in ("train", "held_out", "generated"))
    assert summary["overfitting/r_v"] == pytest.approx((train - held) / (train - fake))


@pytest.mark.parametrize(
    "overrides, text",
    [
        (
            ["callbacks=[default,adaptive_augment]"],
            "is not augmented; add wrapper@d_wrappers=[adaptive_augment]",
        ),
        (["wrapper@d_wrappers=[adaptive_augment]", "loss=wasserstein"], "has no logit between real and fake"),
        (["callbacks=[default,overfitting]"], "data.subset=null: leaves out 0 pictures, and 500 are to be held out"),
        (["callbacks=[default,overfitting]", "data=ring"], "the data have no images to hold out"),
    ],
)
def test_what_cannot_be_steered_or_watched_is_refused(
    played: Callable[..., Path], overrides: list[str], text: str
) -> None:
    with pytest.raises(Exception) as error:
        played("model=mlp", *overrides, "rounds=1")
    assert text in str(explain(error.value, []))
