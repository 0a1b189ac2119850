"""Laws of the games whose condition is an image: pairs, networks, terms, and what users do with them."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.configuration import NARROW, options
from helpers.players import play_with, same, snapshot
from helpers.runs import assert_resumes
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor, nn

from gan_lab.callbacks.far_samples import far_samples
from gan_lab.callbacks.samples import answers
from gan_lab.cli.sample import main
from gan_lab.data.degradation import LowResolution, Upper
from gan_lab.data.paired import Paired
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.game.step import StepContext
from gan_lab.networks.patchgan import PatchGANDiscriminator
from gan_lab.networks.unet import UNetGenerator
from gan_lab.types import Batch, DiscriminatorOutput

MODELS = ["pix2pix", "srgan"]
TERMS = "term@g_terms=[reconstruction,consistency,mode_seeking]"
X = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1


# --- what is given -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "rows"), [(0.5, 6), (0.25, 3), (0.01, 1), (0.99, 11)])
def test_the_upper_rows_are_given_and_nothing_else(share: float, rows: int) -> None:
    y = Upper(share)(X)
    assert torch.equal(y[:, :, :rows], X[:, :, :rows]) and not y[:, :, rows:].any()
    changed = X.clone()
    changed[:, :, rows:] = torch.randn_like(changed[:, :, rows:])
    assert torch.equal(Upper(share)(changed), y)  # y tells nothing of the rest


@pytest.mark.parametrize("factor", [1, 2, 4, 12])
def test_low_resolution_keeps_means_and_undoes_an_enlargement(factor: int) -> None:
    given = LowResolution(factor)
    y = given(X)
    assert y.shape == (5, 3, 12 // factor, 12 // factor)
    torch.testing.assert_close(y.mean((2, 3)), X.mean((2, 3)))
    torch.testing.assert_close(given(y.repeat_interleave(factor, 2).repeat_interleave(factor, 3)), y)
    torch.testing.assert_close(given(2 * X - X.flip(0)), 2 * y - y.flip(0))


def test_a_factor_that_does_not_divide_is_refused() -> None:
    with pytest.raises(UserError, match=r"degradation.factor=5: must divide the images' size, 12 x 12"):
        LowResolution(5)(X)


# --- the data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degradation", [name for name in options("degradation") if name != "none"])
def test_pairs_are_the_images_of_the_set_with_what_is_given_of_them(
    composed: Callable[..., DictConfig], degradation: str
) -> None:
    model = {"half": "pix2pix", "low_resolution": "srgan"}[degradation]
    (_, plain), (_, pairs) = build(composed()), build(composed(f"model={model}", f"degradation={degradation}"))
    assert isinstance(pairs, Paired) and pairs.num_classes is None and pairs.shape == plain.shape
    for batch, pair in zip(islice(plain.batches(3), 3), pairs.batches(3), strict=False):
        assert torch.equal(batch.x, pair.x) and torch.equal(pair.y, pairs.degradation(batch.x))
    again = list(islice(pairs.batches(4), 2))
    assert torch.equal(again[0].y, next(pairs.batches(4)).y)  # a pure function of the number


def test_pairs_of_a_folder(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    for i in range(6):
        noise = np.random.default_rng(i).integers(0, 256, (20, 20, 3)).astype("u1")
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    folder = ["data=images", f"data.root={tmp_path}", "data.image_size=16", "data.batch_size=4", "data.workers=0"]
    _, data = build(composed("model=pix2pix", *folder))
    x, y, _ = next(data.batches(0))
    assert torch.equal(y, Upper()(x)) and x.shape == (4, 3, 16, 16)


def test_points_have_no_part_to_be_given(composed: Callable[..., DictConfig]) -> None:
    with pytest.raises(UserError, match="degradation: takes parts of images"):
        build(composed("model=mlp", "data=ring", "degradation=half"))


# --- the terms ---------------------------------------------------------------------------------------------------


def test_pix2pix_starts_without_biases() -> None:
    for network in (UNetGenerator(4, (1, 16, 16), 8), PatchGANDiscriminator((1, 16, 16), 8)):
        biases = [weights for name, weights in network.named_parameters() if name.endswith("bias")]
        assert biases and all(bias.abs().max() == 0 for bias in biases)


class Marking(nn.Module):
    """G(z, y) = w z + y, D(x, y) = w sum(x); both count their calls in a buffer."""

    def __init__(self, judge: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.register_buffer("calls", torch.zeros(()))
        self.conditional, self.judge = True, judge

    def forward(self, x: Tensor, y: Tensor) -> Tensor | DiscriminatorOutput:
        self.calls += 1
        return DiscriminatorOutput(self.weight * x.sum(1)) if self.judge else self.weight * x + y


@pytest.mark.parametrize("moves", [True, False])
def test_generating_again_leaves_no_trace_and_is_differentiable_where_g_moves(moves: bool) -> None:
    d, g = (Player(n, Marking(n == "d"), lambda w: torch.optim.SGD(w, 0.1)) for n in "dg")
    z, y = torch.randn(2, 4, 2)
    context = StepContext(d, g, (g,) if moves else (d,), lambda: Batch(y, y), lambda: z, joint=False)
    _ = context.fake
    again = context.generate(2 * z)
    torch.testing.assert_close(again, 2 * z + y)
    torch.testing.assert_close(context.generate(z, 3 * y), z + 3 * y)
    assert again.requires_grad == moves
    assert g.network.calls == int(moves)


# --- the game ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mover", ["d", "g"])
def test_a_move_under_all_terms_leaves_the_other_bit_identical(
    composed: Callable[..., DictConfig], model: str, mover: str
) -> None:
    def act(gan: GAN) -> None:
        moving, still = (gan.d, gan.g) if mover == "d" else (gan.g, gan.d)
        before, before_moving = snapshot(still), snapshot(moving)
        gan.move(moving, gan.gradient(moving, *gan.objective(moving, gan.context(moving))))
        assert same(before, snapshot(still))
        assert not same(before_moving, snapshot(moving))

    terms = {"d": "term@d_terms=[r1,r2]", "g": TERMS}
    play_with(act, composed(f"model={model}", *NARROW[model], *terms.values(), "data.image_size=16"))


@pytest.mark.parametrize("model", MODELS)
def test_no_adversary_leaves_g_its_terms_alone(composed: Callable[..., DictConfig], model: str) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.d, gan.g)
        gan.objective(gan.g, context)
        gradient = gan.gradient(gan.g, *gan.objective(gan.g, context), retain_graph=True)
        pixels = gan.gradient(gan.g, 100 * (context.fake - context.real).abs().mean(), retain_graph=True)
        for one, other in zip(gradient, pixels, strict=True):
            torch.testing.assert_close(one, other)
        assert not any(g.any() for g in gan.gradient(gan.d, *gan.objective(gan.d, context)))

    parts = ["wrapper@d_wrappers=[no_adversary]", "term@g_terms=[reconstruction]"]
    play_with(act, composed(f"model={model}", *NARROW[model], *parts))


@pytest.mark.parametrize("model", MODELS)
def test_save_kill_resume_equals_uninterrupted(composed: Callable[..., DictConfig], tmp_path: Path, model: str) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        parts = [f"model={model}", *NARROW[model], TERMS, "rounds=6", "callbacks.checkpoint.every=2"]
        return composed(*parts, f"directory={tmp_path / name}")

    assert_resumes(config, tmp_path)


def test_a_row_of_the_picture_is_what_is_given_the_truth_and_samples(composed: Callable[..., DictConfig]) -> None:
    gan, data = build(composed("model=pix2pix"))
    z, pairs = torch.randn(4, 4), far_samples(data, 3)
    rows = answers(gan.sample, z, pairs).unflatten(0, (3, 6))
    for i in range(3):
        assert torch.equal(rows[i, 0], pairs.y[i]) and torch.equal(rows[i, 1], pairs.x[i])  # type: ignore[index]
        torch.testing.assert_close(rows[i, 2:], gan.sample(z, pairs.y[i].expand(4, -1, -1, -1)))  # type: ignore[index]


def test_samples_of_a_run_are_answers_to_a_picture(
    played: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = played("model=pix2pix", "rounds=2", "callbacks.samples.every=2")
    width, height = Image.open(directory / "samples" / "round_000002.png").size
    assert width == 10 * 34 + 2 and 8 * 34 + 2 < height < 8 * 34 + 50  # a caption below
    picture, out = tmp_path / "x.png", tmp_path / "s.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8)).astype("u1")
    Image.fromarray(pixels).save(picture)
    assert main([str(directory), "n=5", f"given={picture}", f"out={out}"]) == 0
    found = np.load(out)
    x = torch.from_numpy(pixels)[None, None] / 127.5 - 1
    np.testing.assert_allclose(found["given"], Upper()(x).expand(5, -1, -1, -1), atol=1e-6)
    assert found["samples"].shape == (5, 1, 8, 8) and len(np.unique(found["samples"], axis=0)) == 5
    capsys.readouterr()
    for arguments, line in (
        ([], "this generator works on images; say which one: given=PICTURE"),
        (["label=3", f"given={picture}"], "label=3: this generator is not conditional on classes"),
        ([f"given={tmp_path}/none.png"], "none.png: not a readable picture"),
    ):
        assert main([str(directory), *arguments]) == 2
        assert line in capsys.readouterr().err


def test_a_run_without_images_takes_no_picture(played: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(played("model=mlp", "rounds=1")), "given=x.png"]) == 2
    assert "given=x.png: this generator is given no images" in capsys.readouterr().err
