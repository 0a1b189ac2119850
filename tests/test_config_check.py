"""Mistakes in a configuration are answered in one line, before anything heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pydantic import ConfigDict, TypeAdapter, ValidationError

from gan_lab import ranges
from gan_lab.config.check import CHOICES, NAMED, PLAIN, check, check_choices
from gan_lab.config.explain import CONF, explain
from gan_lab.config.signature import ABSENT, signature
from gan_lab.config.source import NoSuchTarget
from gan_lab.config.trust import check_targets
from gan_lab.errors import UserError

PARTS = """
from dataclasses import dataclass, field, InitVar
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, Optional, Protocol, Sequence
from typing import TypeVar, overload
from pathlib import Path
from gan_lab.ranges import ImageShape, PositiveInt, Shape, UnitInterval
from torch import Tensor, nn
from .missing import Unknown
T = TypeVar("T")

class Speaks(Protocol): ...

@dataclass(frozen=True)
class Base(Generic[T]):
    steps: PositiveInt = 1
    shared: ClassVar[int] = 3
    hidden: int = field(default=0, init=False)

@dataclass
class Child(Base[int], Speaks):
    seed: "int" = field(default=7)
    once: InitVar[float] = 0.5

class Plain(nn.Module):
    def forward(self): ...

class Heir(Child): ...

class Pair(NamedTuple):
    x: float
    y: float | None = None

class Stranger(Unknown): ...

@Unknown
class Decorated: ...

class Open:
    def __init__(self, rate: UnitInterval, /, n: PositiveInt = 1, **rest: Any) -> None: ...

class Net:
    def __init__(self, shape: ImageShape = (1, 2, 2), sides: Shape = (1,), hidden: Sequence[PositiveInt] = (1,),
                 act: nn.Module | None = None, mode: Literal["a", "b"] = "a", path: Path = Path("."), p: float = 0.0,
                 flag: bool = False, n: Optional[int] = None, either: int | str = 1, name: str = "x",
                 size: "Unknown" = 3, padding: str | Unknown = 0, on: Unknown = True, word: Unknown = "w",
                 free=None, lr: Any = 1.0, scale: float | Tensor = 1.0, table: dict[str, float] = {},
                 span: tuple[float, float] = (0, 1), tensor: Tensor | None = None) -> None: ...

@overload
def call(x: int) -> int: ...
def call(x, y=2, *, z: int = 3): ...

call_again = call
made = Unknown("made")
if T:
    def torn(a): ...
else:
    def torn(b): ...
"""


@pytest.fixture(scope="module", autouse=True)
def lab(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A package of fake parts. Importing it raises, so reading it is all that can work."""
    folder = tmp_path_factory.mktemp("site")
    package = folder / "fake_lab"
    package.mkdir()
    (package / "__init__.py").write_text(
        "raise RuntimeError\nfrom fake_lab.parts import Child as Kid\nfrom .star import *\n"
    )
    (package / "parts.py").write_text(f"raise RuntimeError\n{PARTS}")
    (package / "star.py").write_text("from . import circle\nfrom .parts import Net, gone\n")
    (package / "circle.py").write_text("from .lap import Ring\nfrom .lap import *\nclass Heir(Heir): ...\n")
    (package / "lap.py").write_text("from .circle import Ring\nfrom .circle import *\n")
    (package / "lazy.py").write_text("def __getattr__(name): ...\n")
    (package / "fast.cpython-311-x86_64-linux-gnu.so").write_text("")
    (folder / "fake_raises.py").write_text(
        "from gan_lab.errors import UserError\n"
        "def value(x): raise ValueError('too\\n big')\n"
        "def user(x): raise UserError('no such folder')\n"
        "def bug(x): raise RuntimeError('bug')\n"
        "class Takes:\n    def __init__(self, x): pass\n"
    )
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


# --- signatures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("fake_lab.parts.Child", ["steps", "seed", "once"]),
        ("fake_lab.Kid", ["steps", "seed", "once"]),
        ("fake_lab.parts.Heir", ["steps", "seed", "once"]),
        ("fake_lab.parts.Pair", ["x", "y"]),
        ("fake_lab.parts.Plain", []),
        ("fake_lab.parts.call", ["x", "y", "z"]),
        ("fake_lab.parts.call_again", ["x", "y", "z"]),
        ("torch.nn.LeakyReLU", ["negative_slope", "inplace"]),
        ("torch.nn.init.uniform_", ["tensor", "a", "b", "generator"]),
        ("gan_lab.updates.Alternating", ["d_steps", "g_steps"]),
    ],
)
def test_parameters_are_read(target: str, names: list[str]) -> None:
    takes = signature(target)
    assert takes is not None and not takes.open
    assert list(takes.parameters) == names


@pytest.mark.parametrize("target", ["torch.optim.Adam", "torch.optim.SGD", "pytorch_lightning.Trainer"])
def test_parameters_agree_with_the_running_class(target: str) -> None:
    import inspect

    from hydra.utils import get_class

    takes = signature(target)
    assert takes is not None
    assert list(takes.parameters) == list(inspect.signature(get_class(target)).parameters)


def test_an_open_signature_keeps_what_it_names() -> None:
    takes = signature("fake_lab.parts.Open")
    assert takes is not None and takes.open
    assert list(takes.parameters) == ["n"]  # `rate` is positional only


def test_defaults_and_annotations_are_read() -> None:
    takes = signature("fake_lab.parts.Child")
    assert takes is not None
    assert takes.parameters["seed"].default == 7 and takes.parameters["seed"].annotation == "int"
    assert takes.parameters["once"].annotation == "float"
    plain = signature("fake_lab.parts.Net")
    assert plain is not None and plain.parameters["path"].default is ABSENT


@pytest.mark.parametrize(
    "target",
    [
        "fake_lab.parts.Stranger",
        "fake_lab.parts.Decorated",
        "fake_lab.parts.made",
        "fake_lab.parts.torn",
        "fake_lab.parts.Net.build",
        "fake_lab.gone",
        "fake_lab.lazy.Anything",
        "fake_lab.fast.Thing",
        "fake_lab.circle.Ring",
        "fake_lab.circle.Heir",
        "fake_lab.circle.Nothing",
        "builtins.open",
        "math.sqrt",
        "torch.sigmoid",
    ],
)
def test_what_the_source_does_not_tell_is_not_judged(target: str) -> None:
    assert signature(target) is None


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("fake_lab.parts.Chidl", "fake_lab.parts has no Chidl; did you mean Child?"),
        ("fake_lab.prats.Child", "fake_lab has no prats; did you mean parts?"),
        ("fake_lab.parts", "fake_lab.parts is a module, not a class or function"),
        ("fake_labs.Child", "there is no module fake_labs"),
        ("torch.nn.LeakyRelu", "torch.nn has no LeakyRelu; did you mean LeakyReLU?"),
    ],
)
def test_a_target_that_does_not_exist_is_named(target: str, text: str) -> None:
    with pytest.raises(NoSuchTarget) as caught:
        signature(target)
    assert str(caught.value) == text


# --- the check ----------------------------------------------------------------------------------------------------


def whole(**changes: Any) -> Any:
    """A configuration without mistakes, and some changes to it."""
    part = {"_target_": "fake_lab.parts.Heir"}
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": "${..lr}", "betas": "${..betas}"}
    tree: dict[str, Any] = {
        "seed": 0,
        "rounds": 10,
        "directory": "outputs/run",
        "resume": None,
        "data": {"side": 8, "shape": [1, "${..side}", "${..side}"], "module": {**part, "seed": "${seed}"}},
        "latent": part,
        "model": {"generator": {"_target_": "fake_lab.parts.Net", "shape": "${data.shape}"}, "discriminator": part},
        "loss": part,
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


def complaint_about(cfg: Any) -> str:
    with pytest.raises(UserError) as caught:
        check(cfg)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"resume": "outputs/run"},
        {"schedule": None},
        {"callbacks": {}},
        {"data__module": {"_target_": "fake_lab.parts.Open", "n": 1, "anything": "goes"}},
        {"data__module": {"_target_": "math.sqrt", "x": 1}},
        {"model": {"g": "${.shared}", "shared": {"_target_": "fake_lab.parts.Net", "shape": "${data.shape}"}}},
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
            "rouns: there is no such key; did you mean rounds? (allowed: callbacks, conditioning, d_aids,",
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


# --- ranges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (ranges.PositiveInt, [1], [0, True, 1.0, "1"]),
        (ranges.NonNegativeInt, [0], [-1, False]),
        (ranges.PositiveFloat, [1, 0.1], [0, float("nan"), float("inf"), "1"]),
        (ranges.NonNegativeFloat, [0], [-0.1]),
        (ranges.UnitInterval, [0, 1, 0.5], [-0.1, 1.1]),
        (ranges.OpenUnitInterval, [0.5], [0, 1]),
        (ranges.Shape, [[1], [2, 3]], [[], [0], [1.5]]),
        (ranges.ImageShape, [[3, 8, 8]], [[3, 8, 9], [8, 8], [0, 8, 8]]),
    ],
)
def test_ranges_hold_what_they_say(kind: Annotated[Any, "a type"], good: list[Any], bad: list[Any]) -> None:
    adapter = TypeAdapter(kind, config=ConfigDict(strict=True, allow_inf_nan=False))
    for value in good:
        adapter.validate_json(json.dumps(value))
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_json(json.dumps(value))


# --- trust --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["gan_lab.gan.GAN", "torch.nn.ReLU", "torch.nn.init.uniform_"])
def test_a_trusted_target_passes(target: str) -> None:
    check_targets({"a": [{"b": {"_target_": target}}]}, ["gan_lab", "torch.nn"])


@pytest.mark.parametrize(
    "target",
    [
        "gan_labx.evil",
        "torch.load",
        "torch.nnx.A",
        "os.system",
        "gan_lab._private.X",
        "gan_lab.gan.__builtins__.eval",
        "gan_lab.gan.torch.load",
        "gan_lab.config.resume.os.system",
        "torch.nn.modules.module.torch.hub.load",
        "gan_lab.a b",
        "gan_lab..x",
        "gan_lab.x\n",
        "gan_lab.\uff58",
        "gan_lab.${x}",
        "${x}",
        "",
        None,
        3,
        ["gan_lab.x"],
    ],
)
def test_any_other_target_is_refused(target: Any) -> None:
    for tree in ({"_target_": target}, {"a": ({"b": {"_target_": "torch.nn.ReLU", "c": {"_target_": target}}},)}):
        with pytest.raises(UserError, match="is not trusted"):
            check_targets(tree, ["gan_lab", "torch.nn"])


def test_a_target_that_is_trusted_by_name_passes() -> None:
    check_targets({"_target_": "torch.optim.Adam"}, ["torch.optim.Adam"])


def test_what_may_hide_a_target_is_refused() -> None:
    with pytest.raises(UserError, match="a: must be plain data, not DictConfig"):
        check_targets({"a": OmegaConf.create({"_target_": "os.system"})}, ["gan_lab"])


# --- explanations -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    files = {
        "config": "defaults: [_self_, {data: ring}, {loss: hinge}, {term@d_terms: []}, {experiment: null}]\n"
        "rounds: 3\n",
        "data/ring": "batch_size: 3\nmodes: 8\nmodule: {_target_: torch.nn.LeakyReLU}\n",
        "loss/hinge": "_target_: x.Hinge\n",
        "loss/minimax": "_target_: x.Minimax\n",
        "term/r1": "r1: {_target_: x.R1}\n",
        "term/r2": "r2: {_target_: x.R2}\n",
        "experiment/bad_group": "# @package _global_\ndefaults: [override /los: hinge]\n",
        "experiment/bad_option": "# @package _global_\ndefaults: [override /loss: hinje]\n",
        "experiment/bad_yaml": "# @package _global_\nrounds: [3\n",
    }
    for name, text in files.items():
        file = folder / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("loss=hinje", "loss=hinje: no such option; did you mean hinge? (allowed: hinge, minimax)"),
        ("loss=", "loss=: no such option (allowed: hinge, minimax)"),
        ("loss=null", "loss=null: must name an option; ~loss leaves it out (allowed: hinge, minimax)"),
        ("data=3", "data=3: must name an option"),
        ("los=hinge", "los=hinge: no such key; did you mean loss? (allowed: data, loss, rounds)"),
        ("rouns=10", "rouns=10: no such key; did you mean rounds?"),
        ("data.batchsize=3", "data.batchsize=3: no such key of data; did you mean data.batch_size? (allowed: "),
        ("batch_size=3", "batch_size=3: no such key; did you mean data.batch_size?"),
        ("data.module.inplace=true", "data.module.inplace=true: is not set so far; write +data.module.inplace=..."),
        ("rounds.x=3", "rounds.x=3: no such key of rounds (none is allowed)"),
        ("~rounds.x", "~rounds.x: rounds is a value and has no keys"),
        ("data={batchsize: 3}", "data={batchsize: 3}: no such key of data; did you mean data.batch_size?"),
        ("d_terms.r1.weight=1", "d_terms.r1.weight=1: no such key; add it first, with term@d_terms=[r1]"),
        ("~los", "~los: no such key; did you mean loss?"),
        ("~loss=minimax", "~loss=minimax: it is there, but another one is chosen"),
        ("+loss=hinge", "+loss=hinge: loss is chosen already; leave out the +"),
        ("loss=hinge,minimax", "loss=hinge,minimax: is several values; add --multirun"),
        ("experiment=nope", "experiment=nope: no such option (allowed: bad_group, bad_option, bad_yaml)"),
        ("experiment=bad_group", "experiment/bad_group: los: no such key; did you mean loss?"),
        ("experiment=bad_option", "loss=hinje: no such option; did you mean hinge?"),
        ("experiment=bad_yaml", "bad_yaml.yaml, line 3: expected"),
        ("term@d_terms=[r3]", "term@d_terms=[r3]: no such option (allowed: r1, r2)"),
        ("term@d_term=[r1]", "term@d_term=[r1]: no such key; did you mean term@d_terms?"),
        ("hydra/launcher=foo", "hydra/launcher=foo: no such option (allowed: basic"),
        ("hydra.run.dirr=x", "hydra.run.dirr=x: no such key of hydra.run; did you mean hydra.run.dir? (allowed: dir)"),
        ("hydra.mode=foo", "hydra.mode=foo: Invalid value 'foo'"),
        ("rounds=[1", "rounds=[1: cannot be read as key=value"),
        ("rounds", "rounds: cannot be read as key=value"),
        ("rounds='1", "rounds='1: cannot be read as key=value"),
        ("rounds=foo(1)", "Unknown function 'foo'"),
    ],
)
def test_what_hydra_refuses_is_told_in_one_line(conf: Path, override: str, text: str) -> None:
    with initialize_config_dir(str(conf), version_base="1.3"), pytest.raises(Exception) as caught:
        compose("config", [override])
    line = explain(caught.value, ["--multirun", "data=ring", override], conf)
    assert line is not None and text in line and "\n" not in line


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("fake_raises.value", "a.b: too big"),
        ("fake_raises.user", "no such folder"),
        ("fake_raises.Takes", "a.b: "),
        ("fake_raises.nope", "a.b: Error loading 'fake_raises.nope'"),
        ("fake_nowhere.nope", "a.b: Error loading 'fake_nowhere.nope'"),
        ("fake_raises", "a.b: Expected a callable target"),
        ("fake_raises.bug", None),
    ],
)
def test_a_part_that_refuses_its_values_is_named(target: str, text: str | None) -> None:
    given = {"y" if target.endswith("Takes") else "x": 1}
    with pytest.raises(InstantiationException) as caught:
        instantiate(OmegaConf.create({"a": {"b": {"_target_": target, **given}}}))
    line = explain(caught.value, [])
    assert (line or "").startswith(text or "") and (line is None) == (text is None) and "\n" not in (line or "")


@pytest.mark.parametrize(("value", "text"), [("${x.y}", "a: "), ("${nope:1}", "a: "), ("???", "a: must be given")])
def test_a_value_that_does_not_resolve_is_named(value: str, text: str) -> None:
    with pytest.raises(Exception) as caught:
        OmegaConf.to_container(OmegaConf.create({"a": value}), resolve=True, throw_on_missing=True)
    assert (explain(caught.value, []) or "").startswith(text)


@pytest.mark.parametrize("error", [RuntimeError("x"), ValueError("x"), KeyError("x"), ZeroDivisionError()])
def test_a_bug_is_not_explained(error: Exception) -> None:
    assert explain(error, ["rounds=3"]) is None


def test_a_user_error_explains_itself() -> None:
    assert explain(UserError("rounds: no"), []) == "rounds: no"


# --- the project's own configuration ------------------------------------------------------------------------------

GROUPS = [group for group in CHOICES if (CONF / group).is_dir()]


def composed(*overrides: str) -> Any:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", ["directory=run", *overrides])


def options() -> list[str]:
    one = [f"{group}={file.stem}" for group in GROUPS for file in sorted((CONF / group).glob("*.yaml"))]
    terms = [f"term@{player}_terms=[{file.stem}]" for player in "dg" for file in sorted((CONF / "term").glob("*.yaml"))]
    more = [f"{group}={file.stem}" for group in ("logger", "experiment") for file in (CONF / group).glob("*.yaml")]
    return [*one, *terms, *more]


GIVEN = ("model=srgan", "term@d_terms=[consistency]", "term@g_terms=[consistency]")  # what refers to `given`


@pytest.mark.parametrize("option", options())
def test_every_option_passes(option: str) -> None:
    points = ["model=mlp"] if option.startswith("data=") else []  # a model of any shape
    more = {f"data={folder}": ["data.root=pictures"] for folder in ("image_folder", "paired_folder")}
    more |= {"conditioning=vector": ["data=cartpole", "model=mlp"]}
    given = ["given=low_resolution"] if option in GIVEN else []
    check(composed(option, *points, *given, *more.get(option, [])))


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["+update.typo=1"], "update.typo: gan_lab.updates.Alternating has no such parameter"),
        (["+optimizer.typo=1"], "optimizer.typo: nothing reads it"),
        (["+data.foo=1"], "data.foo: nothing reads it"),
        (["+foo=bar"], "foo: there is no such key"),
        (["update.d_steps=0"], "update.d_steps=0: must be greater than 0"),
        (["data.batch_size=x"], "data.batch_size='x': must be an integer"),
        (["optimizer.lr=-1"], "optimizer.lr=-1: must be greater than 0"),
        (
            ["term@d_terms=[r1]", "d_terms.r1.weight=-1"],
            "d_terms.r1.weight=-1: must be greater than or equal to 0 or a part",
        ),
        (["experiment=r3gan_mnist", "d_terms.r1.weight.over=0"], "d_terms.r1.weight.over=0: must be greater than 0"),
        (["data=image_folder"], "data.root: must be given (data.root=...)"),
    ],
)
def test_mistakes_in_the_projects_own_configuration(overrides: list[str], text: str) -> None:
    assert complaint_about(composed(*overrides)).startswith(text)


def test_the_root_of_the_projects_own_configuration_is_known() -> None:
    assert set(composed()) <= {*PLAIN, *CHOICES, *NAMED}


SCRIPT = """
import sys, time
from omegaconf import OmegaConf
from gan_lab.config.check import check
import gan_lab.config.explain
cfg = OmegaConf.create(sys.stdin.read())
start = time.perf_counter()
check(cfg)
print(time.perf_counter() - start)
heavy = {"torch", "pytorch_lightning", "lightning", "torchvision", "numpy", "sklearn", "wandb"}
print(",".join(sorted(heavy & set(sys.modules))))
"""


def test_the_check_is_light_and_quick() -> None:
    text = OmegaConf.to_yaml(composed())
    root = Path(ranges.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=text, cwd=root, capture_output=True, text=True, check=True
    )
    seconds, heavy = done.stdout.split("\n")[:2]
    assert heavy == ""
    assert float(seconds) < 1.0  # 0.1 on an idle machine


def test_a_knob_that_every_reader_overrules_is_no_mistake() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        check(compose("config", ["directory=here", "optimizer.d.lr=4e-4", "optimizer.g.lr=1e-4"]))
