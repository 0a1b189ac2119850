"""The ranges that parts write in their signatures, and the targets that a configuration may name."""

import json
from typing import Annotated, Any

import hydra
import pytest
from omegaconf import OmegaConf
from pydantic import ConfigDict, TypeAdapter, ValidationError

from gan_lab import ranges
from gan_lab.config import trust
from gan_lab.config.trust import check_targets, check_words
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


@pytest.mark.parametrize("target", ["gan_lab.game.gan.GAN", "torch.nn.ReLU", "torch.nn.init.uniform_"])
def test_a_trusted_target_passes(target: str) -> None:
    check_targets({"a": [{"b": {"_target_": target}}]}, [], ["gan_lab", "torch.nn"])
    check_targets({"a": [{"b": {"_target_": target}}]}, [target])


@pytest.mark.parametrize(
    "target",
    [
        "gan_labx.evil",
        "torch.load",
        "torch.nnx.A",
        "os.system",
        "gan_lab._private.X",
        "gan_lab.game.gan.__builtins__.eval",
        "gan_lab.game.gan.torch.load",
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
            check_targets(tree, ["torch.nn.ReLU"], ["gan_lab", "torch.nn"])


def test_a_target_that_is_trusted_by_name_passes() -> None:
    check_targets({"_target_": "torch.optim.Adam"}, [], ["torch.optim.Adam"])


def test_what_may_hide_a_target_is_refused() -> None:
    with pytest.raises(UserError, match="a: must be plain data, not DictConfig"):
        check_targets({"a": OmegaConf.create({"_target_": "os.system"})}, ["gan_lab"])


@pytest.mark.parametrize("target", sorted(trust.LAYERS | trust.OPTIMIZERS | trust.SCHEDULES))
def test_the_closed_lists_name_what_there_is(target: str) -> None:
    assert callable(hydra.utils.get_object(target))


def test_of_a_room_only_its_parts_are_allowed() -> None:
    check_targets({"_target_": "gan_lab.data.images.Images"}, trust.named_in("data"))
    for target in ("torchvision.datasets.utils.extract_archive", "gan_lab.data.listing.list_pictures", "os.getcwd"):
        with pytest.raises(UserError, match="is not trusted"):
            check_targets({"_target_": target}, trust.named_in("data"))


@pytest.mark.parametrize(
    "tree",
    [
        {"a": "${oc.env:HOME}"},
        {"a": ["${b}"]},
        {"${a}": 1},
        {"root": "data"},
        {"a": [{"cache_dir": "x"}]},
        {"a": "../x"},
        {"a": "~"},
        {"a": "module:Environment-v0"},
        {"a": "\x1b[2J"},
        {"dim": 10**9},
        {"dim": float("inf")},
        {"shape": [3, 10**5, 10**5]},
        {"_args_": ["secret"]},
    ],
)
def test_words_are_all_that_a_stranger_says(tree: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="stranger|by position"):
        check_words(tree)


def test_plain_words_and_sizes_pass() -> None:
    check_words({"a": "CartPole-v1", "monitor": "g/loss", "seed": 10**12, "_args_": [{"b": [400] * 9}], "c": None})
