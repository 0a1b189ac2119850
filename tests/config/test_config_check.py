"""Mistakes in a configuration are answered in one line, before anything heavy is imported."""

from pathlib import Path
from typing import Any

import pytest
from helpers.configuration import complaint_about
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gan_lab.config.check import check, check_choices
from gan_lab.config.explain import CONF
from gan_lab.errors import UserError

pytestmark = pytest.mark.usefixtures("lab")


def whole(**changes: Any) -> Any:
    """A configuration without mistakes, and some changes to it."""
    part = {"_target_": "fake_lab.parts.Heir"}
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": "${..lr}", "betas": "${..betas}"}
    tree: dict[str, Any] = {
        "seed": 0,
        "rounds": 10,
        "directory": "outputs/run",
        "resume": None,
        "start_strict": False,
        "data": {"side": 8, "shape": [1, "${..side}", "${..side}"], "module": {**part, "seed": "${seed}"}},
        "latent": part,
        "model": {"generator": {"_target_": "fake_lab.parts.Net", "shape": "${data.shape}"}, "discriminator": part},
        "loss": part,
        "sampling": part,
        "update": {"_target_": "gan_lab.updates.Alternating", "d_steps": 1},
        "optimizer": {"lr": 2e-4, "betas": [0.5, 0.999], "d": adam, "g": adam},
        "trainer": {"_target_": "pytorch_lightning.Trainer", "devices": 1, "precision": "32-true"},
        "gan": part,
        "d_terms": {"r1": part, "removed": None},
        "logger": None,
    }
    for key, value in changes.items():
        node = tree
        *above, last = key.split("__")
        for step in above:
            node[step] = dict(node[step])
            node = node[step]
        node[last] = value
    return OmegaConf.create(tree)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"resume": "outputs/run"},
        {"schedule": None},
        {"callbacks": {}},
        {"data__module": {"_target_": "fake_lab.parts.Open", "n": 1, "anything": "goes"}},
        {"data__module": {"_target_": "math.sqrt", "x": 1}},
        {
            "model": {
                "discriminator": {"_target_": "fake_lab.parts.Heir"},
                "generator": "${.shared}",
                "shared": {"_target_": "fake_lab.parts.Net", "shape": "${data.shape}"},
            }
        },
        {"loss": "${update}"},
        {"optimizer__d__lr": 1},
        {"model__generator__act": {"_target_": "torch.nn.ReLU"}},
        {"callbacks": {"every": 3, "a": {"_target_": "fake_lab.parts.Heir", "steps": "${..every}"}}},
    ],
)
def test_what_is_right_passes(changes: dict[str, Any]) -> None:
    check(whole(**changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"update__d_stepz": 1},
            "update.d_stepz: gan_lab.updates.Alternating has no such parameter; "
            "did you mean d_steps? (allowed: d_steps, g_steps)",
        ),
        ({"update__d_steps": 0}, "update.d_steps=0: must be greater than 0"),
        ({"update__d_steps": True}, "update.d_steps=true: must be an integer"),
        ({"update___target_": "gan_lab.updates.Alternate"}, "gan_lab.updates has no Alternate"),
        ({"update___target_": "os; x"}, "update._target_='os; x': must be the dotted path of a class or function"),
        ({"update___target_": 3}, "update._target_=3: must be the dotted path"),
        ({"rounds": -1}, "rounds=-1: must be greater than 0"),
        ({"rounds": "10"}, "rounds='10': must be an integer"),
        ({"rounds": None}, "rounds: must be given (rounds=...)"),
        ({"seed": -1}, "seed=-1: must be greater than or equal to 0"),
        ({"seed": 1.5}, "seed=1.5: must be an integer"),
        ({"resume": 3}, "resume=3: must be text"),
        (
            {"rouns": 3},
            "rouns: there is no such key; did you mean rounds? (allowed: averages, callbacks, conditioning, d_terms,",
        ),
        ({"loss": None}, "loss: must be given (loss=...)"),
        ({"loss": "hinge"}, "loss='hinge': must be a group of settings"),
        ({"optimizer__typo": 1}, "optimizer.typo: nothing reads it (allowed: betas, d, g, lr)"),
        ({"optimizer__lrr": 1}, "optimizer.lrr: nothing reads it; did you mean lr?"),
        ({"data__foo": [1, 2]}, "data.foo: nothing reads it"),
        ({"d_terms__weight": 2}, "d_terms.weight: nothing reads it"),
        ({"optimizer__lr": 0}, "optimizer.lr=0: must be greater than 0"),
        ({"optimizer__lr": None}, "optimizer.lr=null: must be a number"),
        ({"optimizer__lr": float("nan")}, "optimizer.lr=nan: must be a finite number"),
        ({"optimizer__betas": [0.5, "x"]}, "optimizer.betas=[0.5, 'x']: item 1 must be a number"),
        ({"optimizer__betas": [0.5]}, "optimizer.betas=[0.5]: must have 2 items"),
        ({"data__module__steps": 0}, "data.module.steps=0: must be greater than 0"),
        ({"data__side": "x"}, "data.shape=[1, 'x', 'x']: item 1 must be an integer (for model.generator.shape)"),
        ({"data__root": "???"}, "data.root: must be given (data.root=...)"),
        ({"data__module__steps": "${..sid}"}, "data.module.steps refers to data.sid, which data does not have"),
        ({"data__module__steps": "${nope.x}"}, "data.module.steps refers to nope.x, which does not exist"),
        ({"data__shape": ["${.side}"]}, "data.shape[0] refers to data.shape.side, which data.shape does not have"),
        ({"data__module__steps": "${oc.env:NO_SUCH_NAME}"}, "data.module.steps: "),
        ({"data__module__steps": Path("x")}, "data.module.steps: must be plain data, not PosixPath"),
        ({"trainer__max_epoch": 3}, "did you mean max_epochs?"),
        ({"trainer__devices": 1.5}, "trainer.devices=1.5: must be a list or text or an integer"),
        ({"trainer__enable_progress_bar": "no"}, "trainer.enable_progress_bar='no': must be true or false"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], text: str) -> None:
    assert text in complaint_about(whole(**changes))


def test_three_mistakes_are_named_at_most_and_each_once() -> None:
    text = complaint_about(whole(rounds=-1, seed=-1, update__d_steps=0, optimizer__lr=0))
    assert text.split("; ") == [
        "seed=-1: must be greater than or equal to 0",
        "rounds=-1: must be greater than 0",
        "update.d_steps=0: must be greater than 0",
    ]
    assert complaint_about(whole(optimizer__lr=0)).count("optimizer") == 1


GOOD_AND_BAD: list[tuple[str, list[Any], list[Any]]] = [
    ("shape", [[1, 8, 8]], [[1, 8, 9], [1, 8], [1, 8, 0], 8, "x"]),
    ("sides", [[1], [1, 2, 3, 4]], [[], [0], [1.0], 3]),
    ("hidden", [[], [3, 4]], ["x", ["3"], 3]),
    ("mode", ["a"], ["c", 1, None]),
    ("path", ["a/b"], [3, None]),
    ("p", [0, 0.5], ["0.5", True, None, float("inf")]),
    ("flag", [True], [1, "true", None]),
    ("n", [1, None], [1.0, "1", False]),
    ("either", [1, "x"], [1.5, None]),
    ("name", ["x"], [1, True]),
    ("size", [3, 2.5, [3, 3], None], ["x", True]),
    ("padding", [1, "same", [1, 1]], [True, {"a": 1}]),
    ("on", [False, None], [1, "x"]),
    ("word", ["x", None], [1]),
    ("free", [1, "x", [1], {"a": 1}, None], []),
    ("lr", [1, 1e-3], [0, -1, "x", None, True]),
    ("scale", [2, 0.5], ["x"]),
    ("table", [{}, {"a": 1}], [{"a": "x"}, 3]),
    ("span", [[0, 1]], [[0], [0, 1, 2]]),
    ("tensor", [None], [3]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, good, _ in GOOD_AND_BAD for value in good])
def test_a_value_that_fits_passes(name: str, value: Any) -> None:
    check(whole(loss={"_target_": "fake_lab.parts.Net", name: value}))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, _, bad in GOOD_AND_BAD for value in bad])
def test_a_value_that_does_not_fit_is_refused(name: str, value: Any) -> None:
    text = complaint_about(whole(loss={"_target_": "fake_lab.parts.Net", name: value}))
    assert text.startswith(f"loss.{name}=") and " must " in text


@pytest.mark.parametrize(
    "overrides", [[], ["loss=hinge"], ["term@d_terms=[r1,r2]"], ["logger=[csv,wandb]"], ["~schedule"]]
)
def test_one_option_of_each_choice_passes(overrides: list[str]) -> None:
    check_choices(*noted_choices(*overrides))


@pytest.mark.parametrize(
    "override", ["loss=[hinge,minimax]", "~loss", "schedule=[linear,cosine]", "conditioning=[concat,projection]"]
)
def test_several_options_of_one_choice_are_refused(override: str) -> None:
    with pytest.raises(UserError, match=r"(loss|schedule|conditioning): must be one option"):
        check_choices(*noted_choices(override))


def noted_choices(*overrides: str) -> Any:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", list(overrides), return_hydra_config=True)
    return config, config.hydra.runtime.choices
