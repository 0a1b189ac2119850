"""Check of settings that are valid but cannot act beside the others."""

from collections.abc import Iterator
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from gan_lab.config.signature import declared
from gan_lab.config.tree import is_part
from gan_lab.errors import UserError

PLAYERS = {"d": "the discriminator", "g": "the generator"}


def check_idle(config: DictConfig) -> None:
    """Raise a UserError that names the first setting that nothing would read, or that leaves a player no aim."""
    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    for line in (
        *_terms_of_the_other(plain), *_aimless(plain), *_unsteered(plain), *_unfading(plain), *_unread_labels(plain)
    ):  # fmt: skip
        raise UserError(line)


def _terms(plain: dict[str, Any], player: str) -> dict[str, dict[str, Any]]:
    return {name: term for name, term in (plain.get(f"{player}_terms") or {}).items() if is_part(term)}


def _terms_of_the_other(plain: dict[str, Any]) -> Iterator[str]:
    """Terms whose value does not depend on the weights of the player that they are mounted on."""
    for name, term in _terms(plain, "g").items():
        for flag in declared(term["_target_"], "on_d_alone") or ():
            if term.get(flag):
                yield f"g_terms.{name}.{flag}=true: acts on the discriminator alone; leave it false"
    for player, other in (("d", "g"), ("g", "d")):
        for name, term in _terms(plain, player).items():
            if player not in (declared(term["_target_"], "acts_on") or PLAYERS):
                where = f"{player}_terms.{name}"
                yield f"{where}: acts on {PLAYERS[other]} alone; mount it there: term@{other}_terms=[{name}]"


def _aimless(plain: dict[str, Any]) -> Iterator[str]:
    if plain["loss"].get("generator_weight") == 0 and not _terms(plain, "g"):
        yield "loss.generator_weight=0: leaves the generator no aim; add term@g_terms=[feature_matching] or another"


def _unsteered(plain: dict[str, Any]) -> Iterator[str]:
    """Augmentations that stay without effect: p = 0, and nothing steers it."""
    callbacks = (part for part in (plain.get("callbacks") or {}).values() if is_part(part))
    if any(declared(callback["_target_"], "steers") for callback in callbacks):
        return
    wrappers = {f"d_wrappers.{name}": part for name, part in (plain.get("d_wrappers") or {}).items()}
    for name, part in {"update": plain["update"], **wrappers}.items():
        if is_part(part) and declared(part["_target_"], "steered") and part.get("p") == 0:
            yield f"{name}.p=0: stays so, and augments nothing; add callbacks=[default,adaptive_augment], or set p"


def _unfading(plain: dict[str, Any]) -> Iterator[str]:
    """Wrappers that fade with the rounds, which nothing counts for them."""
    callbacks = (part for part in (plain.get("callbacks") or {}).values() if is_part(part))
    if any(declared(callback["_target_"], "counts_for_fading") for callback in callbacks):
        return
    for name, part in (plain.get("d_wrappers") or {}).items():
        if is_part(part) and declared(part["_target_"], "fades"):
            yield f"d_wrappers.{name}: never fades without callbacks.fading_blur, which comes with it; leave that in"


def _unread_labels(plain: dict[str, Any]) -> Iterator[str]:
    labels, which = plain["data"].get("labels"), plain["data"].get("labels_seed")
    if not isinstance(labels, int):  # of one's own pictures it says where the labels are
        if which:
            yield f"data.labels_seed={which}: picks the labels that are shown, and all are; set data.labels"
        return
    terms = [term for player in PLAYERS for term in _terms(plain, player).values()]
    if not any(declared(term["_target_"], "reads_labelled") for term in terms):
        yield (
            f"data.labels={labels}: no term reads them; take model=mlp_2016 term@d_terms=[supervised] (a term of one's "
            "own that does says reads_labelled = True)"
        )
