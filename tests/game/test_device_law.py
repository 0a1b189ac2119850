"""Device law: every part plays on torch's `meta` device.

It has no numbers, and stands for a GPU: a tensor left on the CPU and a wait for the device (`item()`) are errors there.
"""

from collections.abc import Callable
from copy import deepcopy
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from helpers.configuration import CONF, QUICK, acts_on, options, schedules, terms
from helpers.players import fit
from omegaconf import DictConfig, OmegaConf

from gan_lab.callbacks.classification import Classification
from gan_lab.config.signature import declared
from gan_lab.data.module import GameData
from gan_lab.experiment.build import build_data, build_game, made
from gan_lab.game.gan import GAN

Composed = Callable[..., DictConfig]
META = torch.device("meta")


def on_meta(config: DictConfig) -> tuple[GAN, GameData]:
    """A game that lies there, ready for its first round."""
    data = build_data(config)
    gan = build_game(config, data)
    gan.to(META)
    optimizers, configured = gan.configure_optimizers()
    gan._trainer = SimpleNamespace(  # type: ignore[assignment]  # Lightning's own looks at a number as it starts
        optimizers=optimizers,
        lr_scheduler_configs=[SimpleNamespace(scheduler=schedule) for schedule in configured],
        loggers=[],
        datamodule=data,
        should_stop=False,
        is_global_zero=True,
        default_root_dir=config.directory,
    )
    gan.on_train_start()
    return gan, data


def play(config: DictConfig) -> None:
    """Two rounds, after which all that there is lies there."""
    gan, data = on_meta(config)
    stream = data.train_dataloader().to(META)
    for _ in range(2):
        gan.training_step(stream, 0)
    state = [*gan.parameters(), *gan.buffers(), *gan.record.values()]
    state += [weight.grad for player in (gan.d, gan.g) for weight in player.weights]
    assert {tensor.device for tensor in state} == {META}


def looks(update: str) -> bool:
    """Whether it says of itself that it reads numbers in its rounds."""
    return bool(declared(OmegaConf.load(CONF / "update" / f"{update}.yaml")._target_, "reads_numbers"))


# Options of several groups side by side, so that each is in one game at least.
OPTIMISED = [*schedules(), *([f"optimizer={optimizer}"] for optimizer in options("optimizer"))]
ROUNDS = [
    ["model=mlp", f"update={update}", f"loss={loss}", f"latent={latent}", "latent.dim=16", f"ema={ema}", *optimised]
    for update, loss, latent, ema, optimised in zip(
        options("update"), cycle(options("loss")), cycle(options("latent")), cycle(options("ema")), cycle(OPTIMISED),
        strict=False,
    )
]  # fmt: skip
TERMS = [
    ["model=mlp", f"term@{player}_terms=[{','.join(name for name in terms() if player in acts_on(name))}]", *more]
    for player, more in (("d", []), ("g", ["gan.accumulate=2", "gan.clip_norm=1"]))
]
# Of ADA's groups the largest two hold what the others do.
WRAPPERS = [name for name in options("wrapper") if not name.startswith("ada_") or name in ("ada_bgc", "ada_bgcfnc")]
FITTING = {  # what a wrapper or a conditioning wants beside it
    "virtual_batch_norm": ["data.image_size=16"],
    "vector": ["model=mlp", "data=cartpole", "data.transitions=100"],
    "rotation_head": ["term@d_terms=[rotations]", "term@g_terms=[rotations]"],
}
NETWORKS = [
    *(["model=dcgan", f"wrapper@d_wrappers=[{name}]", *FITTING.get(name, [])] for name in WRAPPERS),
    *([f"conditioning={name}", *FITTING.get(name, ["model=dcgan"])] for name in options("conditioning")),
    ["model=dcgan", "latent=codes", "latent.dim=16", "term@d_terms=[invariant_information]"],
    ["model=dcgan", "wrapper@g_wrappers=[spectral_norm]", "trainer.sync_batchnorm=true", "gan.joint_batch=true"],
]


def test_no_option_of_a_group_is_left_out() -> None:
    for group in ("update", "loss", "latent", "ema", "optimizer", "schedule"):
        assert {f"{group}={option}" for option in options(group)} <= {part for parts in ROUNDS for part in parts}


@pytest.mark.parametrize("parts", [*ROUNDS, *TERMS, *NETWORKS], ids=" ".join)
def test_every_part_plays_on_a_device(composed: Composed, parts: list[str]) -> None:
    if any(looks(part.partition("=")[2]) for part in parts if part.startswith("update=")):
        with pytest.raises(RuntimeError, match="meta"):
            play(composed(*parts))
        return
    play(composed(*parts))


# --- what surrounds the round ----------------------------------------------------------------------------------------

STATEFUL = ["apa", "lookahead", "optimistic", "past_extragradient"]  # updates whose state holds tensors


@pytest.mark.parametrize("update", STATEFUL)
def test_a_game_plays_on_with_the_state_of_a_checkpoint_which_is_on_the_cpu(composed: Composed, update: str) -> None:
    config = composed("model=mlp", f"update={update}", *(["update.every=1"] if update == "lookahead" else []))
    before = fit(config, 2)
    checkpoint: dict[str, Any] = {"optimizers": [optimizer.state_dict() for optimizer in before._optimizers.values()]}
    before.on_save_checkpoint(checkpoint)
    gan, data = on_meta(config)
    gan.load_state_dict(before.state_dict())
    gan.on_load_checkpoint(checkpoint)
    for optimizer, state in zip(gan._optimizers.values(), checkpoint["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    gan.training_step(data.train_dataloader().to(META), 0)
    assert gan.round == 3


def test_callbacks_leave_numbers_alone_between_the_rounds_that_they_act_after(composed: Composed) -> None:
    names = sorted({*options("callbacks")} - {"default"})
    config = composed(
        "model=dcgan", "wrapper@d_wrappers=[adaptive_augment]", f"callbacks=[{','.join(names)}]", "rounds=3"
    )
    callbacks = [made(name, part, pl.Callback) for name, part in config.callbacks.items() if part is not None]
    assert len(callbacks) > 10, callbacks
    gan, data = on_meta(config)
    gan.round = 1  # after the first round many of them act
    gan.trainer.callbacks = callbacks  # type: ignore[attr-defined]
    for callback in callbacks:
        if isinstance(callback, Classification):  # `prepare`, which wants a test set, makes it
            callback.average = deepcopy(gan.d.network).requires_grad_(False)
        for interval in {"every", "coverage_every", "keep_every"} & {*vars(callback)}:
            setattr(callback, interval, 1000)
    stream = data.train_dataloader().to(META)
    for _ in range(2):
        gan.training_step(stream, 0)
        for callback in callbacks:
            callback.after_round(gan.trainer, gan)  # type: ignore[attr-defined]


def test_samples_are_drawn_there(composed: Composed) -> None:
    gan, _ = on_meta(composed("model=dcgan"))
    z = gan.latent.sample(4)
    assert gan.sample(z).device == gan.generate(z).device == META


@pytest.mark.slow
@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_plays_on_a_device(composed: Composed, name: str) -> None:
    config = composed(f"experiment={name}", *small(name), "data.batch_size=4", small=False)
    OmegaConf.set_struct(config, False)
    for optimizer in (config.optimizer.d, config.optimizer.g):
        optimizer.pop("fused", None)  # torch has a list of devices for it, without meta
    config["update"].pop("d_steps", None)  # one
    play(config)


def small(experiment: str) -> list[str]:
    files = any(str(entry.get("override /data")) in ("mnist", "stacked_mnist") for entry in defaults(experiment))
    return [*(["data=digits", "data.image_size=28"] if files else []), *QUICK.get(experiment, [])]


def defaults(experiment: str) -> list[Any]:
    found = OmegaConf.load(CONF / "experiment" / f"{experiment}.yaml").defaults
    return [entry for entry in found if hasattr(entry, "get")]


PLAYED = {str(entry.get("override /model")) for name in options("experiment") for entry in defaults(name)}


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted({*options("model")} - PLAYED))
def test_so_does_every_network_of_no_experiment(composed: Composed, model: str) -> None:
    play(composed(f"model={model}"))
