"""The ranges that parts write in their signatures, and the targets that a configuration may name."""

import json
from typing import Annotated, Any

import pytest
from omegaconf import OmegaConf
from pydantic import ConfigDict, TypeAdapter, ValidationError

from gan_lab import ranges
from gan_lab.config.trust import check_targets
from gan_lab.errors import UserError


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
