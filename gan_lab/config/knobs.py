"""Check of what `gan.accumulate`, `gan.compile`, `gan.joint_batch` and a sampling cannot be combined with."""

from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from gan_lab.config.signature import declares
from gan_lab.config.tree import parts
from gan_lab.errors import UserError


def check_knobs(config: DictConfig) -> None:
    """Raise a UserError where a batch cannot be cut so, the update needs whole graphs, or the sampling one process."""
    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    accumulate, compiled = plain["gan"].get("accumulate", 1), plain["gan"].get("compile", False)
    accelerator = plain["trainer"].get("accelerator", "auto")
    if compiled == "reduce-overhead" and accelerator not in ("auto", "gpu", "cuda"):
        raise UserError(
            f"gan.compile=reduce-overhead: makes CUDA graphs, and trainer.accelerator={accelerator} has none; take "
            "gan.compile=true"
        )
    size = plain["data"].get("batch_size")
    if isinstance(size, int) and size % accumulate:
        raise UserError(f"gan.accumulate={accumulate}: must divide data.batch_size={size}")
    for _, part in parts(plain["update"]):
        if accumulate > 1 and declares(part["_target_"], "keeps_graph"):
            raise UserError(
                f"gan.accumulate={accumulate}: update=shared_fakes keeps the whole batch's graph for G's step; take "
                "update=alternating"
            )
    if plain["trainer"].get("sync_batchnorm") and declares(plain["sampling"]["_target_"], "moves_norms"):
        raise UserError(
            "trainer.sync_batchnorm=true: standing statistics are for one process, and one alone draws pictures; "
            "leave sampling=plain, and take sampling=standing_statistics of gan-lab sample and evaluate"
        )
    if plain["gan"].get("joint_batch") and "packing" in (plain.get("d_wrappers") or {}):
        raise UserError(
            "gan.joint_batch=true: packing could put real and generated samples into one pack; leave out one of the two"
        )
    knobs = {f"gan.accumulate={accumulate}": accumulate > 1, f"gan.compile={str(compiled).lower()}": compiled}
    for knob in (name for name, chosen in knobs.items() if chosen):
        for _, part in parts(plain["update"]):
            if declares(part["_target_"], "differentiates_gradients"):
                name = part["_target_"].rpartition(".")[2].lower()
                raise UserError(
                    f"{knob}: update={name} differentiates gradients, for which it needs the whole batch's graph, and "
                    "that not compiled; take another update, such as alternating"
                )
