"""Check of a generator file's recipe: what it may build, and that its weights fit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from gan_lab.config.check import Page, check
from gan_lab.config.trust import LAYERS, check_targets, check_words, named_in
from gan_lab.config.words import one_line, shown
from gan_lab.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORKS = ("model", "conditioning", "wrapper")
GROUPS = (*NETWORKS, "latent", "degradation", "sampling", "calibration")
SAMPLING = Page(plain={}, choices=("sampling",), named=(), optional={"sampling"})  # of a command that is given one
KNOWN = {"generator", "latent", "sampling", "degradation", "shape", "num_classes", "classes", "round"}


def check_recipe(recipe: Mapping[str, Any], weights: Mapping[str, "Tensor"], trusted: Sequence[str] = ()) -> None:
    """Raise a UserError unless the recipe is harmless, and describes a generator of these weights.

    Networks of the lab's own are built without memory first (on torch's meta device): a file of a few bytes can ask for
    any number of weights. Code that `trusted` names is the user's affair.
    """
    for key in recipe.keys() - KNOWN:
        raise UserError(one_line(f"{shown(key)}: is no part of a generator's recipe"))
    for key in ("generator", "latent", *({"sampling"} & recipe.keys())):
        if not isinstance(recipe.get(key), dict) or "_target_" not in recipe[key]:
            raise UserError(f"{key}: must be a part (a node with _target_)")
    tree = {key: value for key, value in recipe.items() if key != "classes"}
    names = recipe.get("classes")
    if not (names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names))):
        raise UserError("classes: must be a list of names")
    check_targets(tree, named_in(*GROUPS) | LAYERS, trusted)
    check_words(tree)
    if "sampling" in recipe:
        check(OmegaConf.create({"sampling": recipe["sampling"]}), SAMPLING)
    if not trusted:
        _check_fit(recipe, weights)


def check_networks(parts: Mapping[str, Any], trusted: Sequence[str] = ()) -> None:
    """Raise a UserError unless these parts of a configuration can describe networks, and nothing else."""
    check_targets(parts, named_in(*NETWORKS) | LAYERS, trusted)
    check_words(parts)


def built_on_meta(network: Mapping[str, Any], weights: Mapping[str, "Tensor"]) -> "nn.Module":
    """The network, in evaluation mode and without memory, if it has these weights; else whatever torch raises."""
    import torch
    from hydra.utils import instantiate

    with torch.device("meta"), _at_most(len(weights)):
        built: nn.Module = instantiate(network).eval()
        built.load_state_dict({name: torch.empty_like(value, device="meta") for name, value in weights.items()})
    return built


def _check_fit(recipe: Mapping[str, Any], weights: Mapping[str, "Tensor"]) -> None:
    import torch
    from hydra.utils import instantiate

    try:
        generator = built_on_meta(recipe["generator"], weights)
        latent = instantiate(recipe["latent"])
        z = torch.empty(2, latent.dim, device="meta")
        if "num_classes" in recipe and recipe["num_classes"] is None:
            return  # a condition of a size that the recipe does not tell
        with torch.no_grad():
            generator(z, *_condition(recipe))
    except UserError as error:
        raise UserError(one_line(f"its recipe does not fit its weights ({error})")) from error
    except Exception as error:  # whatever a constructor makes of values that no run would give it
        raise UserError(one_line(f"its recipe builds no generator ({_cause(error)})")) from error


def _condition(recipe: Mapping[str, Any]) -> "list[Tensor]":
    import torch
    from hydra.utils import instantiate

    if "num_classes" in recipe:
        classes = recipe["num_classes"]
        if any(part != classes for part in _values_of(recipe["generator"], "num_classes")):
            raise UserError(f"num_classes={classes!r}: is not the generator's")
        return [torch.zeros(2, dtype=torch.int64, device="meta")]
    if "degradation" not in recipe:
        return []
    images = torch.empty(2, *recipe["shape"], device="meta")
    return [images if recipe["degradation"] is None else instantiate(recipe["degradation"])(images)]


def _values_of(node: Any, name: str) -> Iterator[Any]:
    """What a tree says of `name`, wherever it does."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [value] if key == name else _values_of(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _values_of(value, name)


def _cause(error: BaseException) -> str:
    """What a constructor said, without what Hydra says around it, or torch what does not fit, cut short."""
    text = str(error.__cause__ or error).partition("state_dict for ")
    return one_line(text[2] or text[0])[:200] or type(error).__name__


@contextmanager
def _at_most(weights: int) -> Iterator[None]:
    """Stop building a network that has far more parts than there are weights for."""
    from torch.nn.modules import module as nn

    left = 20 * weights + 200

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise UserError(f"it asks for more parts than its {weights} weights are of")

    with ExitStack() as stack:
        for register in (nn.register_module_parameter_registration_hook, nn.register_module_module_registration_hook):
            stack.callback(register(count).remove)
        yield
