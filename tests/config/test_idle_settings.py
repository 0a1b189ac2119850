"""Settings that could do nothing, or harm: each is refused in one line."""

import re
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.configuration import CONF, NARROW, SMALL
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from torch.optim.lr_scheduler import LambdaLR

from gan_lab.cli.sample import parse
from gan_lab.config.check import check, check_choices
from gan_lab.config.explain import explain
from gan_lab.config.idle import check_idle
from gan_lab.config.trainer import check_trainer
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.io.generator import load_generator, save_generator
from gan_lab.schedules import advance

Settings = dict[str, Any]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    directory = tmp_path_factory.mktemp("run")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [f"directory={directory}", *SMALL, *NARROW["mlp"], "model=mlp"])


def page(group: str, option: str) -> DictConfig:
    return OmegaConf.load(CONF / group / f"{option}.yaml")  # type: ignore[return-value]


def changed(base: DictConfig, settings: Settings) -> DictConfig:
    """The configuration with these in place of what it has; `group=option` for whole groups of `conf`."""
    config = deepcopy(base)
    for key, value in settings.items():
        chosen = key if "." not in key else ""
        whole = page(chosen, value) if chosen and (CONF / chosen / f"{value}.yaml").is_file() else value
        OmegaConf.update(config, key, whole, force_add=True, merge=False)
    return config


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:
        act()
    line = explain(caught.value, [])
    assert line is not None, caught.value
    return line


def checked(config: DictConfig) -> None:
    for look in (check, check_trainer, check_idle):
        look(config)


KNOWN_AT_ONCE: list[tuple[Settings, str]] = [
    ({"schedule": "exponential", "schedule.gamma": -1.0}, r"schedule\.gamma=-1\.0: must be greater than 0"),
    ({"schedule": "cosine", "schedule.eta_min": -1.0}, r"schedule\.eta_min=-1\.0: must be greater than or"),
    ({"schedule": "cosine", "schedule.T_max": 0}, r"schedule\.T_max=0: must be greater than 0"),
    ({"schedule": "linear", "schedule.total_iters": 0}, r"schedule\.total_iters=0: must be greater than 0"),
    ({"schedule": "linear", "schedule.start_factor": 5}, r"schedule\.start_factor=5: must be less than or equal to 1"),
    ({"schedule": "linear", "schedule.last_epoch": 3}, r"schedule\.last_epoch=3: must be -1"),
    ({"optimizer.betas": [0.5, 2.0]}, r"optimizer\.betas=\[0\.5, 2\.0\]: item 1 must be less than 1"),
    ({"optimizer.d.weight_decay": -1.0}, r"optimizer\.d\.weight_decay=-1\.0: must be greater than or equal to 0"),
    *(
        ({f"optimizer.g.{knob}": True}, rf"optimizer\.g\.{knob}=true: must be false")
        for knob in ("maximize", "differentiable", "capturable")
    ),
    ({"d_terms": page("term", "mode_seeking")}, r"d_terms\.mode_seeking: acts on the generator alone"),
    *(
        ({"g_terms": page("term", name)}, rf"g_terms\.{name}: acts on the discriminator alone; mount it there: ter")
        for name in ("r1", "r2", "gradient_penalty", "supervised")
    ),
    ({"loss.generator_weight": 0}, r"loss\.generator_weight=0: leaves the generator no aim"),
    ({"data.labels": 100}, r"data\.labels=100: no term reads them; take model=mlp_2016 term@d"),
    ({"data.labels_seed": 1}, r"data\.labels_seed=1: picks the labels that are shown, and all are"),
    *(
        ({f"trainer.{key}": value}, rf"trainer\.{key}: use {instead}")
        for key, value, instead in (
            ("logger", True, r"logger="), ("callbacks", [], r"callbacks="), ("default_root_dir", "x", r"hydra\.run"),
            ("enable_checkpointing", False, r"callbacks\."), ("log_every_n_steps", 1, r"callbacks\.metrics"),
            ("min_steps", 100, "rounds=N"), ("min_epochs", 2, "rounds=N"),
        )
    ),
    ({"trainer.plugins": []}, r"trainer\.plugins: cannot act here \(allowed: accelerator, benchmark, "),
    ({"trainer.deterministic": "perhaps"}, r"trainer\.deterministic=.*perhaps.*: must be"),
    ({"seed": 12345678901234567890123}, r"seed=12345678901234567890123: must be below 2\^63$"),
    ({"model.generator": None}, r"model\.generator: must be given"),
    ({"optimizer.d": None}, r"optimizer\.d: must be given"),
    ({"data.module": {"x": 1}}, r"data\.module=\{'x': 1\}: must be a part"),
    ({"callbacks.metrics": {"every": 3}}, r"callbacks\.metrics=\{'every': 3\}: must be a part"),
]  # fmt: skip
KNOWN_WHEN_BUILT: list[tuple[Settings, str]] = [
    ({"data.num_classes": 12}, r"data\.num_classes=12: the data have 10 classes"),
    ({"data.subset": 5000}, r"data\.subset=5000: larger than the data set, which has 1797 pictures"),
    ({"latent": {"_target_": "gan_lab.latents.Codes", "dim": 4, "categorical": [], "continuous": 0}}, r"no codes"),
    ({"optimizer.d._target_": "os.getcwd"}, r"optimizer\.d: posix\.getcwd"),
    ({"optimizer.d._target_": "types.SimpleNamespace"}, r"optimizer\.d: SimpleNamespace|optimizer\.d: .*no positional"),
    ({"optimizer.d": {"_target_": "torch.optim.LBFGS", "_partial_": True}}, r"LBFGS steps by a closure"),
    ({"schedule": {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau", "_partial_": True}}, r"metrics"),
    ({"loss": {"_target_": "torch.nn.ReLU"}}, r"loss: torch\.nn\.ReLU makes a ReLU, and must make a A"),
    ({"update": {"_target_": "torch.nn.ReLU"}}, r"update: .* must make a Update, with play"),
    ({"latent._target_": "types.SimpleNamespace"}, r"latent: .* must make a Latent, with dim, sample, truncate"),
    ({"d_terms": {"x": {"_target_": "gan_lab.latents.Normal", "dim": 3}}}, r"d_terms\.x: .* must make a Module"),
    ({"data.module._target_": "types.SimpleNamespace"}, r"data\.module: .* must make a GameData"),
    ({"g_terms": {"a": {"_target_": "gan_lab.terms.AuxiliaryClassifier", "real": False, "fake": False}}}, r"both"),
]  # fmt: skip


def name_of(case: tuple[Settings, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in case[0].items())[:60]


@pytest.mark.parametrize("case", KNOWN_AT_ONCE, ids=name_of)
def test_what_could_not_act_is_refused_before_anything_is_built(base: DictConfig, case: tuple[Settings, str]) -> None:
    settings, says = case
    line = refusal(lambda: checked(changed(base, settings)))
    assert re.search(says, line), line


@pytest.mark.parametrize("case", KNOWN_WHEN_BUILT, ids=name_of)
def test_what_is_no_such_part_is_refused_before_the_first_round(base: DictConfig, case: tuple[Settings, str]) -> None:
    def begin() -> None:
        gan, data = build(config)
        data.setup("fit")
        gan.configure_optimizers()

    settings, says = case
    config = changed(base, settings)
    checked(config)
    line = refusal(begin)
    assert re.search(says, line), line


def test_an_augmentation_that_nothing_steers_is_refused_at_p_0(base: DictConfig) -> None:
    apa = page("update", "apa")
    apa.pop("defaults", None)
    wrappers = page("wrapper", "diff_augment")
    (name,) = wrappers
    for settings, says in (
        ({"update": apa}, r"^update\.p=0: stays so, and augments nothing"),
        ({"d_wrappers": wrappers, f"d_wrappers.{name}.p": 0.0}, rf"^d_wrappers\.{name}\.p=0: stays so"),
    ):
        config = changed(base, settings)
        line = refusal(partial(check_idle, config))
        assert re.search(says, line), line
        check_idle(changed(config, {"callbacks": page("callbacks", "adaptive_augment")}))
        check_idle(changed(config, {f"{line.partition('=')[0]}": 0.5}))


def test_what_is_right_passes(base: DictConfig) -> None:
    checked(base)
    few = {"data.labels": 100, "data.labels_seed": 3, "loss.generator_weight": 0.0}
    terms = {"d_terms": page("term", "supervised"), "g_terms": page("term", "feature_matching")}
    checked(changed(base, few | terms | {"trainer.deterministic": "warn", "trainer.profiler": "simple"}))


def test_of_several_experiments_none_is_played(base: DictConfig) -> None:
    choices = dict.fromkeys(
        ["data", "latent", "model", "loss", "update", "optimizer", "ema", "sampling", "trainer"], "x"
    )
    check_choices(base, choices, overrides=["experiment=ring"])
    with pytest.raises(UserError, match=r"^experiment=\[ring,grid\]: must be one option, not a list"):
        check_choices(base, choices, overrides=["experiment=[ring,grid]"])


class Idle(torch.nn.Module):
    """A term of the user's own that does not look at its player."""

    def __init__(self, value: float | None) -> None:
        super().__init__()
        self.value = value

    def forward(self, context: Any, step: int) -> torch.Tensor:
        return context.real.mean() if self.value is None else torch.tensor(self.value, requires_grad=True)


@pytest.mark.parametrize("value", [None, 3.0])
def test_a_term_that_does_not_depend_on_its_player_is_refused_in_the_first_round(
    base: DictConfig, value: float | None
) -> None:
    from helpers.players import fit

    config = changed(base, {"d_terms": {"mine": {"_target_": "test_idle_settings.Idle", "value": value}}})
    with pytest.raises(UserError, match="^d_terms.mine: its value does not depend on this player; leave it out"):
        fit(config)


@pytest.mark.parametrize("rate", [-1.0, float("inf"), float("nan")])
def test_a_schedule_of_one_s_own_that_leaves_no_rate_is_told_when_it_does(rate: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = LambdaLR(optimizer, lambda t: 1.0 if t < 2 else rate)
    advance(schedule, 1)
    with pytest.raises(UserError, match=r"^schedule: the learning rate becomes \S+ in round 3$"):
        advance(schedule, 2)


def test_pairs_are_not_paired_again(make: Callable[..., Any]) -> None:
    from gan_lab.data.degradation import Upper
    from gan_lab.data.paired import Paired

    with pytest.raises(UserError, match=r"^degradation: these data come with what is given of each image"):
        Paired(make("paired_folder"), Upper())


def test_labels_fewer_than_images_are_told(make: Callable[..., Any]) -> None:
    data = make("mnist")
    load = data.load
    data.load = lambda: (load()[0], load()[1][:-2])
    with pytest.raises(UserError, match=r"^data: 23 pictures, but 21 labels"):
        data.setup("fit")


@pytest.mark.parametrize("argument", ["truncation=inf", "truncation=nan", "seed=12345678901234567890123", "out=", "n="])
def test_what_sampling_could_not_use_is_refused(argument: str) -> None:
    with pytest.raises(UserError, match=rf"^{argument}: (must|is empty)"):
        parse([argument])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_generator_that_has_diverged_is_not_sampled(tmp_path: Path, value: float) -> None:
    network = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(network.weight, value)
    save_generator(tmp_path / "g.safetensors", {}, {"raw": network})
    with pytest.raises(UserError, match=r"g\.safetensors: holds NaN or infinite weights \(raw\.weight\)"):
        load_generator(tmp_path / "g.safetensors")
