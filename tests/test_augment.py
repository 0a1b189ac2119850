"""Laws of augmentation: what each transformation computes, how often, and what D and the run make of it."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import CONF, options
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from test_resume import assert_resumes, assert_same
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.augment import Augmented, adaptive, diff_augment
from gan_lab.augment.adaptive import rotation
from gan_lab.augment.images import contrast, cut_out, hue, saturation, warp
from gan_lab.build import build
from gan_lab.callbacks.adaptive_augment import AdaptiveAugment
from gan_lab.config.explain import explain
from gan_lab.plain_checkpoint import PlainCheckpointIO
from gan_lab.types import DiscriminatorOutput

AIDS = [name for name in options("aid") if "augment" in name]
PARTS = {
    f"{module.__name__.rsplit('.')[-1]}.{name}": part
    for module in (adaptive, diff_augment)
    for name, part in vars(module).items()
    if isinstance(part, type) and part.__module__ == module.__name__
}
ALL_ON = {"flip": True, "quarter_turns": True, "luma_flip": True}
ALWAYS, NEVER = torch.tensor(1.0), torch.tensor(0.0)


def part(name: str) -> Any:
    """A transformation with everything that is off by default on."""
    kind = PARTS[name]
    return kind(**{knob: on for knob, on in ALL_ON.items() if knob in kind.__dataclass_fields__})


def upright(n: int) -> Tensor:
    return torch.eye(2).expand(n, 2, 2)


class Show(nn.Module):
    """Logits: a fixed quadratic in x; features: x."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.square().flatten(1).sum(1), y, (x,))


# --- laws of all transformations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 7), (1, 28, 28), (3, 3, 5)])
def test_at_p_0_an_image_is_left_alone_and_at_p_1_changed(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.rand(16, *shape) * 2 - 1
    torch.testing.assert_close(part(name)(x, NEVER), x)
    changed = part(name)(x, ALWAYS)
    assert changed.shape == x.shape and changed.dtype == x.dtype
    assert not torch.equal(changed, x)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_is_the_one_by_differences_and_so_is_the_second(name: str, channels: int) -> None:
    x = torch.rand(2, channels, 5, 5, dtype=torch.float64, requires_grad=True)

    def fixed(x: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same draws each time
        return part(name)(x, ALWAYS)

    assert torch.autograd.gradcheck(fixed, (x,))
    assert torch.autograd.gradgradcheck(lambda x: fixed(x).square(), (x,))


@pytest.mark.parametrize("name", PARTS)
def test_each_image_has_draws_of_its_own_and_none_of_its_neighbours_pixels(name: str) -> None:
    torch.manual_seed(2)
    x = torch.rand(1, 3, 16, 16).expand(8, -1, -1, -1)
    found = part(name)(x, ALWAYS)
    assert len({tuple(image.flatten().tolist()) for image in found}) > 4
    other = x.clone()
    other[1:] = 0.0
    torch.manual_seed(3)
    first = part(name)(x, ALWAYS)[0]
    torch.manual_seed(3)
    assert torch.equal(part(name)(other, ALWAYS)[0], first)


@pytest.mark.parametrize("name", ["adaptive.PixelBlitting", "adaptive.Geometric"])
def test_an_image_is_left_alone_as_often_as_p_says(name: str) -> None:
    """Of k independent transformations none happens with probability (1 - p)^k."""
    torch.manual_seed(4)
    one = {"adaptive.PixelBlitting": {"translation": 0.5}, "adaptive.Geometric": {"scale": 0, "anisotropy": 0}}[name]
    if name == "adaptive.Geometric":
        one["translation"] = 0
    x, p, n = torch.rand(1, 1, 16, 16).expand(4000, -1, -1, -1), 0.3, 4000
    moved = (PARTS[name](**one)(x, torch.tensor(p)) - x).abs().amax((1, 2, 3)) > 1e-6
    expected = p if name == "adaptive.Geometric" else p * (1 - 1 / 17**2)  # a shift by nought may be drawn
    assert moved.double().mean().item() == pytest.approx(expected, abs=4 * math.sqrt(p * (1 - p) / n))


# --- what each of them is -------------------------------------------------------------------------------------------


def test_a_shift_by_whole_pixels_moves_the_content_down_and_to_the_right() -> None:
    x = torch.randn(2, 3, 6, 7)
    shift = torch.tensor([[2.0, 1.0], [0.0, -3.0]])
    found = warp(x, upright(2), shift, fill=0.5)
    expected = torch.full_like(x, 0.5)
    expected[0, :, 2:, 1:] = x[0, :, :-2, :-1]
    expected[1, :, :, :-3] = x[1, :, :, 3:]
    assert torch.equal(found, expected)
    reflected = F.pad(x[:1], (1, 0, 2, 0), mode="reflect")[:, :, :6, :7]
    assert torch.equal(warp(x[:1], upright(1), shift[:1]), reflected)


def test_a_quarter_turn_and_a_mirror_image_are_exact() -> None:
    x = torch.randn(3, 2, 6, 6)
    quarter = rotation(torch.full((3,), math.pi / 2)).round()
    assert torch.equal(warp(x, quarter, torch.zeros(3, 2)), x.rot90(-1, (2, 3)))
    mirror = torch.diag_embed(torch.tensor([[1.0, -1.0]]).expand(3, 2))
    assert torch.equal(warp(x, mirror, torch.zeros(3, 2)), x.flip(3))


def test_an_affine_map_is_that_of_torchs_grid_sample() -> None:
    torch.manual_seed(5)
    x, n, size = torch.randn(4, 3, 9, 9, dtype=torch.float64), 4, 9
    linear, shift = torch.randn(n, 2, 2, dtype=torch.float64), torch.randn(n, 2, dtype=torch.float64) * 3
    # Theirs is in units of half the image and has the column first.
    offset = -torch.einsum("nij,nj->ni", linear, shift) * 2 / (size - 1)
    theta = torch.cat([linear.flip(1, 2), offset.flip(1)[:, :, None]], 2)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=True)
    expected = F.grid_sample(x, grid, padding_mode="reflection", align_corners=True)
    torch.testing.assert_close(warp(x, linear, shift), expected)


def test_the_box_that_is_cut_out() -> None:
    x = torch.ones(2, 1, 8, 8)
    found = cut_out(x, torch.tensor([[4, 4], [0, 7]]), torch.tensor([[4, 4], [4, 2]]))
    expected = torch.ones(2, 1, 8, 8)
    expected[0, :, 2:6, 2:6] = 0
    expected[1, :, :2, 6:8] = 0
    assert torch.equal(found, expected)


def test_cutout_may_cut_any_place() -> None:
    torch.manual_seed(6)
    found = diff_augment.Cutout()(torch.ones(2000, 1, 8, 8), ALWAYS)
    assert (found == 0).any(0).all() and (found == 1).any(0).all()
    assert found[:, 0].flatten(1).sum(1).min() == 64 - 16  # half the side each way


def test_colours_are_changed_as_their_formulas_say() -> None:
    x = torch.rand(5, 3, 4, 4)
    v = torch.rand(5)
    luma = x.mean(1, keepdim=True)
    torch.testing.assert_close(saturation(x, 0 * v), luma.expand_as(x))
    torch.testing.assert_close(saturation(x, v).mean(1, keepdim=True), luma)
    torch.testing.assert_close(contrast(x, v).std((1, 2, 3)), v * x.std((1, 2, 3)))
    torch.testing.assert_close(contrast(x, v).mean((1, 2, 3)), x.mean((1, 2, 3)))
    third = torch.full((5,), 2 * math.pi / 3)  # a third of a turn passes the channels on
    torch.testing.assert_close(hue(x, third), x.roll(1, 1))
    axis = torch.full((3,), 1 / math.sqrt(3))
    generator = torch.tensor([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = torch.linalg.matrix_exp(generator * v[:, None, None])
    torch.testing.assert_close(hue(x, v), torch.einsum("nij,njhw->nihw", turn, x))


def test_luma_is_mirrored_and_hue_is_nothing_to_a_grey_image() -> None:
    torch.manual_seed(7)
    flip = adaptive.Color(brightness=0, contrast=0, luma_flip=True, hue=0, saturation=0)
    x = torch.rand(64, 3, 4, 4)
    found = flip(x, ALWAYS)
    mirrored = (found - x).abs().amax((1, 2, 3)) > 1e-6
    assert 16 < int(mirrored.sum()) < 48
    torch.testing.assert_close(found[mirrored].mean(1), -x[mirrored].mean(1))
    grey = torch.rand(4, 1, 4, 4)
    torch.testing.assert_close(hue(grey, torch.rand(4)), grey)
    torch.testing.assert_close(saturation(grey, torch.rand(4)), grey)


def test_what_is_drawn_is_as_wide_as_it_says() -> None:
    torch.manual_seed(8)
    x, n = torch.full((20000, 1, 1, 1), 0.3), 20000
    b = diff_augment.Color(brightness=0.5, saturation=0, contrast=0)(x, ALWAYS).flatten() - 0.3
    assert -0.5 <= b.min() and b.max() <= 0.5 and b.std().item() == pytest.approx(1 / math.sqrt(12), rel=0.03)
    b = adaptive.Color(brightness=0.2, contrast=0)(x, ALWAYS).flatten() - 0.3
    assert b.std().item() == pytest.approx(0.2, rel=0.03) and abs(b.mean().item()) < 4 * 0.2 / math.sqrt(n)
    c = adaptive.Color(brightness=0, contrast=0.5)(x, ALWAYS).flatten() / 0.3
    assert c.log2().std().item() == pytest.approx(0.5, rel=0.03)
    row = torch.arange(64.0).view(1, 1, 64, 1).expand(2000, 1, 64, 64)
    by = 32 - diff_augment.Translation(0.125)(row, ALWAYS)[:, 0, 32, 32]
    assert by.unique().tolist() == list(range(-8, 9))


# --- the aid --------------------------------------------------------------------------------------------------------


def aid_of(name: str, p: float = 1.0) -> Augmented:
    config: Any = OmegaConf.load(CONF / "aid" / f"{name}.yaml")[name]
    aid: Augmented = instantiate(config, p=p, _partial_=True)(Show())
    return aid


@pytest.mark.parametrize("name", AIDS)
def test_d_sees_transformed_images_in_training_only(name: str) -> None:
    aid, x, y = aid_of(name), torch.rand(6, 1, 8, 8), torch.arange(6)
    logits, passed, (seen,) = aid(x, y)
    assert not torch.equal(seen, x) and passed is y
    assert torch.equal(logits, seen.square().flatten(1).sum(1))
    assert torch.equal(aid.eval()(x, y).features[0], x)


@pytest.mark.parametrize("name", AIDS)
def test_a_transformation_is_left_out_by_null(name: str) -> None:
    config: Any = OmegaConf.load(CONF / "aid" / f"{name}.yaml")[name]
    x = torch.rand(6, 1, 8, 8)
    config.policy = dict.fromkeys(config.policy)
    assert torch.equal(instantiate(config, _partial_=True)(Show())(x).features[0], x)


def test_a_penalty_is_on_the_gradient_at_the_image_itself() -> None:
    """For D(x) = sum x, grad_x D(T(x)) is T's transpose applied to ones: by adding up what each pixel becomes."""
    x = torch.rand(1, 1, 4, 4, requires_grad=True)
    shift = torch.tensor([[1.0, 0.0]])
    (gradient,) = torch.autograd.grad(warp(x, upright(1), shift, fill=0.0).sum(), x)
    assert gradient[0, 0].sum(1).tolist() == [4, 4, 4, 0]  # the last row has left the image


@pytest.mark.parametrize("name", AIDS)
@pytest.mark.parametrize(
    "overrides, text",
    [
        (["data=ring", "model=mlp"], "is for discriminators of images"),
        (["given=half", "model=pix2pix"], "would move an image away from the one it is given with"),
    ],
)
def test_what_cannot_be_augmented_is_refused(
    played: Callable[..., Path], name: str, overrides: list[str], text: str
) -> None:
    with pytest.raises(Exception) as error:
        played(*overrides, f"aid@d_aids=[{name}]", "rounds=1")
    assert text in str(explain(error.value, []))


# --- the controller -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sure, moves", [(True, 1), (False, -1)])
def test_p_moves_by_the_images_seen_towards_the_target(
    composed: Callable[..., DictConfig], sure: bool, moves: int
) -> None:
    gan, data = build(composed("model=mlp", "aid@d_aids=[adaptive_augment]", "d_aids.adaptive_augment.p=0.5"))
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


@pytest.mark.parametrize("aid", AIDS)
def test_save_kill_resume_equals_uninterrupted(composed: Callable[..., DictConfig], tmp_path: Path, aid: str) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        more = "" if aid == "adaptive_augment" else ",adaptive_augment"  # that aid brings it along
        intervals = ["interval=4", "kimg=0.1", "every=1"]  # p moves at round 4, between the checkpoints
        return composed(
            f"aid@d_aids=[{aid}]", f"d_aids.{aid}.p=0.5", "conditioning=projection", "term@d_terms=[r1]",
            f"callbacks=[default,overfitting{more}]", "callbacks.overfitting.every=2", "callbacks.overfitting.n=16",
            "data.subset=100", "rounds=6", f"directory={tmp_path / name}", "callbacks.checkpoint.every=2",
            *(f"callbacks.adaptive_augment.{knob}" for knob in intervals),
        )  # fmt: skip

    assert_resumes(config, tmp_path)
    moved = last(tmp_path / "whole")["state_dict"]["d.network.p"].item()
    assert moved != 0.5 and json.loads((tmp_path / "whole" / "summary.json").read_text())["augment/p"] == moved


@pytest.mark.parametrize(
    "more", [[], ["aid@d_aids=[diff_augment,spectral_norm,instance_noise]", "conditioning=concat"]]
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
            "is not augmented; add aid@d_aids=[adaptive_augment]",
        ),
        (["aid@d_aids=[adaptive_augment]", "loss=wasserstein"], "has no logit between real and fake"),
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
