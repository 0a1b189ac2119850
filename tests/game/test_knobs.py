"""How the game is run, which is not what is played: batches in parts, images channels last, compiled networks."""

import shutil
import weakref
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.configuration import options
from helpers.players import Counting, fit, state
from helpers.runs import assert_same_runs
from omegaconf import DictConfig
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func

from gan_lab.config.check import check
from gan_lab.config.explain import explain
from gan_lab.config.knobs import check_knobs
from gan_lab.config.resume import is_free
from gan_lab.config.trainer import check_trainer
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.game.step import StepContext
from gan_lab.io.generator import load_generator

Composed = Callable[..., DictConfig]
ON_GRAPHS = ["consensus", "logan", "unrolled"]  # they differentiate gradients
ON_GRADIENTS = sorted({*options("update")} - {*ON_GRAPHS})
IN_PARTS = [update for update in ON_GRADIENTS if update != "shared_fakes"]  # a batch of which nothing is kept
SPECTRAL = ("wrapper@d_wrappers=[spectral_norm]", "wrapper@g_wrappers=[spectral_norm]")
RING = ("model=mlp", "data=ring", "optimizer=sgd", "optimizer.lr=0.01")


def assert_same_game(one: GAN, other: GAN) -> None:
    """Players, averages and all that was recorded of the last round, but for rounding."""
    torch.testing.assert_close(state(one, "d", "g", "average"), state(other, "d", "g", "average"), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(one.record, other.record, atol=1e-5, rtol=1e-4)


# --- gan.accumulate -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "loss"), sorted({*product(["alternating"], options("loss")), *product(IN_PARTS, ["minimax", "top_k"])})
)
def test_a_batch_in_parts_moves_the_players_as_the_whole_one_does(composed: Composed, update: str, loss: str) -> None:
    parts = (*RING, f"update={update}", f"loss={loss}", "term@d_terms=[r1,r2,gradient_penalty]", "d_terms.r1.every=2")
    assert_same_game(fit(composed(*parts, "gan.accumulate=4"), 3), fit(composed(*parts), 3))


@pytest.mark.parametrize(
    "parts",
    [
        ["model=mlp", "conditioning=projection", "gan.clip_norm=0.01"],
        ["model=pix2pix", "degradation=half", "term@g_terms=[reconstruction]", "g_terms.reconstruction.weight=1"],
        ["model=mlp_2016", "data.labels=40", "term@d_terms=[supervised]"],
        ["model=r3gan", "latent=codes", "latent.dim=16", "gan.joint_batch=true"],
    ],
    ids=lambda parts: "-".join(part.split("=")[1] for part in parts[:2]),
)
def test_so_it_is_with_conditions_labels_and_codes(composed: Composed, parts: list[str]) -> None:
    """Batch normalisation apart, which sees the parts: the networks are compared in evaluation mode."""

    def still(gan: GAN) -> None:
        gan.d.network.eval(), gan.g.network.eval()
        gan.train = lambda mode=True: gan  # type: ignore[assignment, misc]

    small = (*parts, "optimizer=sgd", "optimizer.lr=0.01")
    assert_same_game(fit(composed(*small, "gan.accumulate=2"), 2, still), fit(composed(*small), 2, still))


def test_one_part_s_graph_is_gone_before_the_next_is_made(composed: Composed) -> None:
    living: list[int] = []
    made: list[weakref.ref[Tensor]] = []

    def spy(gan: GAN) -> None:
        objective = gan.objective

        def listen(player: Any, context: StepContext) -> Any:
            if player is gan.d:
                living.append(sum(old() is not None for old in made))
                made.append(weakref.ref(context.fake_output.logits))
            return objective(player, context)

        gan.objective = listen  # type: ignore[method-assign]

    fit(composed(*RING, "update=simultaneous", "gan.accumulate=4", "term@d_terms=[gradient_penalty]"), 2, spy)
    assert living == [0] * 8


def test_what_cannot_be_cut_in_parts_is_refused(composed: Composed) -> None:
    with pytest.raises(UserError, match=r"^gan.accumulate=3: must divide data.batch_size=8$"):
        check_knobs(composed("gan.accumulate=3"))
    with pytest.raises(UserError, match=r"^gan.accumulate=0: must be greater than"):
        check(composed("gan.accumulate=0"))
    with pytest.raises(UserError, match=r"^gan.accumulate=8: does not divide the 20 samples"):
        fit(composed("model=mlp_2016", "data.labels=20", "data.batch_size=32", "gan.accumulate=8"))


@pytest.mark.parametrize("knob", ["gan.accumulate=2", "gan.compile=true"])
@pytest.mark.parametrize("update", [*options("update"), "inner"])
def test_updates_that_need_graphs_whole_are_refused_wherever_they_stand(
    composed: Composed, update: str, knob: str
) -> None:
    chosen = ["update=lookahead", "update@update.inner=consensus"] if update == "inner" else [f"update={update}"]
    config = composed(*chosen, knob)
    check(config)
    if update in IN_PARTS or (update in ON_GRADIENTS and "compile" in knob):
        check_knobs(config)
        return
    why = "update=shared_fakes keeps the whole" if update in ON_GRADIENTS else r"update=\w+ differentiates gradients"
    with pytest.raises(UserError, match=rf"^{knob}: {why}"):
        check_knobs(config)


# --- gan.channels_last --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["dcgan", "r3gan", "pix2pix", "srgan", "mlp"])
def test_channels_last_changes_the_layout_and_nothing_else(composed: Composed, model: str) -> None:
    laid_out: list[bool] = []

    def spy(gan: GAN) -> None:
        for part in [*gan.d.network.modules(), *gan.g.network.modules()]:
            if isinstance(part, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                part.register_forward_hook(lambda part, inputs, out: laid_out.append(_is_channels_last(out)))

    small = (f"model={model}", "optimizer=sgd", "data.image_size=16" if model != "srgan" else "data.image_size=8")
    last = fit(composed(*small, "gan.channels_last=true"), 2, spy)
    assert any(laid_out) == (model != "mlp")
    # 1 x 1 convolutions say nothing of the layout.
    assert all(laid_out) or model == "r3gan"
    assert_same_game(last, fit(composed(*small), 2))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("model", ["dcgan", "r3gan", "mlp"])
def test_a_fused_optimiser_moves_every_weight_by_its_own_gradient_however_both_lie(
    composed: Composed, played: Callable[..., Path], tmp_path: Path, model: str, optimizer: str
) -> None:
    """A run, and one that was resumed, whose optimiser's state comes from a file."""
    adam = ["+optimizer.d.eps=1e-3", "+optimizer.g.eps=1e-3"]  # no steps of rounding alone
    small = [f"model={model}", f"optimizer={optimizer}", *(adam if optimizer == "adam" else ["optimizer.momentum=0.5"])]
    small += ["gan.channels_last=true", "data.image_size=16"]
    (tmp_path / "run").mkdir()
    plain = fit(composed(*small), 4)
    for more in (["rounds=2"], ["rounds=4", "resume=here"]):
        played(*small, "optimizer.fused=true", *more, f"directory={tmp_path / 'run'}")
    stored = load_generator(tmp_path / "run" / "generator.safetensors").weights["raw"]
    for name, value in plain.g.network.state_dict().items():
        torch.testing.assert_close(stored[name], value, rtol=1e-3, atol=1e-4)


def _is_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last)


def test_channels_last_resumes_to_the_bit_and_leaves_files_as_they_are(
    played: Callable[..., Path], composed: Composed, tmp_path: Path
) -> None:
    def play(name: str, *more: str) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        knobs = ("gan.channels_last=true", "update=optimistic", "term@d_terms=[r1]")
        return played(*knobs, *more, f"directory={tmp_path / name}")

    whole, stopped = play("whole", "rounds=4"), play("stopped", "rounds=2")
    play("stopped", "rounds=4", "resume=here")
    assert_same_runs(whole, stopped)
    stored = load_generator(whole / "generator.safetensors").weights["raw"]
    assert all(value.is_contiguous() for value in stored.values())
    build(composed())[0].g.network.load_state_dict(stored)


def test_the_state_of_a_term_advances_once_a_round_by_the_mean_of_the_parts(composed: Composed) -> None:
    def counting(gan: GAN) -> None:
        gan.d.terms["counting"] = Counting()

    whole, parts = (fit(composed(*RING, f"gan.accumulate={n}"), 3, counting) for n in (1, 4))
    for game in (whole, parts):
        assert game.d.terms["counting"].asked == 3
    torch.testing.assert_close(parts.d.terms["counting"].seen, whole.d.terms["counting"].seen)


def test_packing_is_refused_where_real_and_generated_samples_would_share_a_pack(composed: Composed) -> None:
    check_knobs(composed("wrapper@d_wrappers=[packing]"))
    with pytest.raises(UserError, match=r"^gan\.joint_batch=true: packing .*; leave out one of the two"):
        check_knobs(composed("wrapper@d_wrappers=[packing]", "gan.joint_batch=true"))


# --- gan.compile --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [
        [*RING, "term@d_terms=[r1,r2,gradient_penalty,approximate_r1]", "term@g_terms=[mode_seeking]"],
        ["model=dcgan", "wrapper@d_wrappers=[diff_augment]", "term@d_terms=[r1]", "optimizer.lr=0.01"],
        ["model=mlp", "conditioning=projection", *SPECTRAL, "loss=hinge"],
        # One gradient of D's views of real and of fake samples, between which its vectors change in place.
        ["model=mlp", *SPECTRAL, "loss=relativistic", "term@d_terms=[r1]", "d_terms.r1.every=2"],
    ],
    ids=["mlp", "dcgan", "spectral norm and projection", "spectral norm and lazy R1"],
)
def test_what_is_compiled_plays_the_same_game(composed: Composed, parts: list[str]) -> None:
    """Terms that hold gradients and all; as autograd will have it, but without the time for machine code."""

    def traced(gan: GAN) -> None:
        for player in (gan.d, gan.g):
            player.prepare(compiled=True, backend="aot_eager")

    torch.manual_seed(0)
    torch._dynamo.reset()
    small = (*parts, "optimizer=sgd")
    one, other = fit(composed(*small), 3, traced), fit(composed(*small), 3)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert_same_game(one, other)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_run_resumes_to_the_bit_and_plays_the_same_game(played: Callable[..., Path], tmp_path: Path) -> None:
    small = ["model=mlp", *SPECTRAL, "loss=relativistic", "term@d_terms=[r1]", "d_terms.r1.every=2", "optimizer=sgd"]

    def play(name: str, *more: str) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        torch._dynamo.reset()  # as in a process of its own
        return played(*small, *more, f"directory={tmp_path / name}")

    whole, stopped = (play(name, "gan.compile=true", rounds) for name, rounds in (("a", "rounds=4"), ("b", "rounds=2")))
    play("b", "gan.compile=true", "rounds=4", "resume=here")
    assert_same_runs(whole, stopped)
    found, eager = (
        load_generator(run / "generator.safetensors").weights["raw"] for run in (whole, play("c", "rounds=4"))
    )
    assert not any("_orig_mod" in name for name in found)
    torch.testing.assert_close(found, eager, atol=1e-5, rtol=1e-4)


class Replays:
    """A compiler whose graphs write where they wrote in the round before, as CUDA graphs do, but at its beginning."""

    def __init__(self) -> None:
        self.given: list[Tensor] = []
        self.rounds = 0

    def begin(self) -> None:
        self.rounds += 1
        for value in self.given:
            if value.is_floating_point():
                value.fill_(torch.nan)
        self.given.clear()

    def __call__(self, graph: Any, inputs: Any, mode: str) -> Any:
        assert mode == "reduce-overhead"
        return aot_autograd(fw_compiler=self._remembering, bw_compiler=self._remembering)(graph, inputs)

    def _remembering(self, graph: Any, _: Any) -> Any:
        def run(*inputs: Any) -> Any:
            outputs = graph(*inputs)
            own = {value.untyped_storage().data_ptr() for value in inputs if isinstance(value, Tensor)}
            made = [value.detach() for value in outputs if isinstance(value, Tensor)]
            self.given += [value for value in made if value.untyped_storage().data_ptr() not in own]
            return outputs

        return make_boxed_func(run)


@pytest.mark.parametrize("update", ["optimistic", "past_extragradient"])
def test_what_a_round_leaves_is_not_in_the_memory_that_replays_overwrite(
    composed: Composed, monkeypatch: pytest.MonkeyPatch, update: str
) -> None:
    """Records, past gradients and those that callbacks read, under gan.compile=reduce-overhead."""
    replays = Replays()
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", replays.begin)

    def prepare(gan: GAN) -> None:
        for player in (gan.d, gan.g):
            player.prepare(compiled="reduce-overhead", backend=replays)

    torch._dynamo.reset()
    parts = (*RING, f"update={update}", "term@d_terms=[lecam]", "d_terms.lecam.start=0", "ema=constant")
    one, other = fit(composed(*parts), 4, prepare), fit(composed(*parts), 4)
    assert replays.rounds == 4
    assert len(replays.given) > 10
    replays.begin()  # as the fifth round would
    assert_same_game(one, other)
    for ours, theirs in zip([*one.d.weights, *one.g.weights], [*other.d.weights, *other.g.weights], strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)


def test_cuda_graphs_are_refused_where_there_is_no_cuda(composed: Composed, played: Callable[..., Path]) -> None:
    why = r"^gan.compile=reduce-overhead: makes CUDA graphs, and "
    with pytest.raises(UserError, match=why + "trainer.accelerator=cpu has none; take gan.compile=true$"):
        check_knobs(composed("gan.compile=reduce-overhead", "trainer=cpu"))
    check_knobs(composed("gan.compile=reduce-overhead"))
    assert is_free("gan.compile")  # so that such a run can go on elsewhere
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match=why + "no CUDA device is here"):
            played("gan.compile=reduce-overhead", "trainer=default")
    with pytest.raises(UserError, match=r"^gan.compile='fast': must be true or false or 'reduce-overhead'$"):
        check(composed("gan.compile=fast"))


def test_what_torch_cannot_compile_is_told_in_one_line() -> None:
    from torch._inductor.exc import InductorError, InvalidCxxCompiler

    line = explain(InductorError(InvalidCxxCompiler(), None), [])
    assert line is not None
    assert line.startswith("gan.compile: torch cannot compile the networks (No working C++ compiler found")


@pytest.mark.parametrize(
    "strategy", ["fsdp", "deepspeed", "ddp", "{_target_: pytorch_lightning.strategies.FSDPStrategy}"]
)
@pytest.mark.parametrize("trainer", ["default", "ddp"])
def test_strategies_that_shard_or_wrap_the_players_are_refused(composed: Composed, trainer: str, strategy: str) -> None:
    check_trainer(composed(f"trainer={trainer}"))
    key = "+trainer.strategy" if trainer == "default" else "trainer.strategy"
    with pytest.raises(UserError, match=r"^trainer.strategy=\S+: .* use trainer=ddp or ddp_cpu$"):
        check_trainer(composed(f"trainer={trainer}", f"{key}={strategy}"))
