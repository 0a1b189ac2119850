"""Every option of the project's own configuration passes the check, and mistakes in it are named."""

import subprocess
import sys
from typing import Any

import pytest
import yaml
from helpers.commands import ROOT
from helpers.configuration import complaint_about
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gan_lab.config.check import CHOICES, NAMED, PLAIN, check
from gan_lab.config.explain import CONF
from gan_lab.config.signature import signature
from gan_lab.config.tree import parts
from gan_lab.config.values import annotated

pytestmark = pytest.mark.slow

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
    files = ("biggan_imagenet128", "projected_church256", "sagan_imagenet128", "stylegan3_afhqv2")
    of_files = ("data=images", "data=paired_folder", *(f"experiment={name}" for name in files))
    more = {each: ["data.root=pictures"] for each in of_files}
    more |= {"conditioning=vector": ["data=cartpole", "model=mlp"]}
    given = ["degradation=low_resolution"] if option in GIVEN else []
    codes = ["latent=codes"] if "invariant_information" in option else []
    check(composed(option, *points, *given, *codes, *more.get(option, [])))


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
        (["update=lookahead", "update.inner=3"], "update.inner=3: must be a part"),
        (["data=images"], "data.root: must be given (data.root=...)"),
    ],
)
def test_mistakes_in_the_projects_own_configuration(overrides: list[str], text: str) -> None:
    assert complaint_about(composed(*overrides)).startswith(text)


def test_every_annotation_of_the_labs_own_parts_is_read() -> None:
    """None is passed over, so that a plain value where a part belongs is refused."""
    pages = [yaml.safe_load(page.read_text()) or {} for page in CONF.rglob("*.yaml")]
    targets = {part["_target_"] for page in pages for _, part in parts(page)}
    for target in sorted(target for target in targets if target.startswith("gan_lab.")):
        for name, parameter in signature(target).parameters.items():  # type: ignore[union-attr]
            assert annotated(parameter.annotation, own=True) is not None, f"{target}: {name}: {parameter.annotation}"


def test_the_root_of_the_projects_own_configuration_is_known() -> None:
    assert set(composed()) <= {*PLAIN, *CHOICES, *NAMED}


SCRIPT = """
import sys
from omegaconf import OmegaConf
from gan_lab.config.check import check
import gan_lab.config.explain
check(OmegaConf.create(sys.stdin.read()))
heavy = {"torch", "pytorch_lightning", "lightning", "torchvision", "numpy", "sklearn", "wandb"}
print(",".join(sorted(heavy & set(sys.modules))))
"""


def test_the_check_imports_nothing_heavy() -> None:
    text = OmegaConf.to_yaml(composed())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=text, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_a_knob_that_every_reader_overrules_is_no_mistake() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        check(compose("config", ["directory=here", "optimizer.d.lr=4e-4", "optimizer.g.lr=1e-4"]))
