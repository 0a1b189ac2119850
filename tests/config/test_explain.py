"""Whatever goes wrong by the user's hand is told in one line."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from gan_lab.config.explain import explain
from gan_lab.errors import UserError

pytestmark = pytest.mark.usefixtures("lab")


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
        ("fake_raises.disk", "a.b: pics: File name too long"),
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
