"""Identity of a sweep: the data that its runs have learnt from, and what a search looks for."""

from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.environment import raw
from gan_lab.config.observing import only_observes
from gan_lab.config.resume import flat
from gan_lab.errors import UserError
from gan_lab.io.reading import read_yaml
from gan_lab.io.run_file import RUN
from gan_lab.runtime.imports import importing

OWN = (
    "batch_size",
    "cache",
    "memory",
    "root",
    "seed",
    "skip_corrupt",
    "workers",
)  # settings of the data that do not say which they are


def check_known_data(directory: Path, config: DictConfig) -> None:
    """What the sweep's data are now is what its runs, in `directory`, have learnt from: those with the same settings.

    A sweep that has no runs yet costs nothing; data that are swept over are compared run by run as these begin.

    Raises:
        UserError: they are others; or they cannot be read.
    """
    wanted = _settings(OmegaConf.to_container(config.data, resolve=True))
    runs = [path.parent for path in sorted(directory.glob(f"*/{RUN}")) if (path.parent / "config.yaml").is_file()]
    alike = [run for run in runs if _settings(read_yaml(run / "config.yaml").get("data")) == wanted]
    if not alike:
        return
    with importing():
        from gan_lab.experiment.build import build_data
        from gan_lab.experiment.origin import data_of_run
    now = build_data(config).identity
    for run in alike:
        difference = data_of_run(run).difference(now)
        if difference is not None:
            raise UserError(
                f"{directory}: the runs there have learnt from other data: {difference}; "
                "put those back, or give this sweep a hydra.sweep.dir of its own"
            )


def search_of(config: DictConfig) -> dict[str, Any]:
    """What all trials of a search have in common: the overrides that are not searched, and what is looked for."""
    parsed = OverridesParser.create().parse_overrides(list(raw(config.hydra.overrides.task)))
    fixed = [str(o.input_line) for o in parsed if not o.is_sweep_override() and not only_observes(str(o.input_line))]
    direction = config.hydra.sweeper.get("direction")
    return {"overrides": sorted(fixed), "objective": config.get("objective"), "direction": str(direction)}


def check_same_search(directory: Path, plan: Path, search: dict[str, Any]) -> None:
    """A study goes on with what it was begun with, or its trials say nothing of each other.

    Raises:
        UserError: it does not; says where they differ.
    """
    before = read_yaml(plan).get("search") if plan.is_file() else None
    if not isinstance(before, dict) or before == search:
        return
    key = next(key for key in search if before.get(key) != search[key])
    raise UserError(
        f"{directory}: holds a search with other settings ({key} {before.get(key)}, and now {search[key]}); "
        "give this one a hydra.sweep.dir of its own"
    )


def _settings(data: Any) -> dict[str, Any]:
    return {key: value for key, value in flat(data or {}) if key.rpartition(".")[2] not in OWN}
