"""Parts of a run's stored configuration that are built again to score it."""

from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from gan_lab.config.arguments import at_home
from gan_lab.config.tree import is_part
from gan_lab.config.trust import check_targets, check_words, named_in
from gan_lab.data.sources.labels import is_list
from gan_lab.errors import UserError
from gan_lab.io.ownership import is_own
from gan_lab.io.reading import read_yaml


def parts_of(path: Path, given_root: str | None, trust: str) -> dict[str, dict[str, Any]]:
    """The parts `data` and `degradation` of the configuration at `path`, with the data's folder if the user gave one.

    Raises:
        UserError: it is none, or is a stranger's and names parts that `trust` does not, or the data's folder.
    """
    run, own = read_yaml(path), is_own(path)
    data, degradation = run.get("data"), run.get("degradation") or {}
    module: Any = data.get("module") if isinstance(data, dict) else None
    if not is_part(module) or not (degradation == {} or is_part(degradation)):
        raise UserError(f"{path}: not the configuration of a run")
    parts: Any = {"data": module, "degradation": degradation}
    if own:
        parts = OmegaConf.to_container(OmegaConf.create(parts), resolve=True)
    holders = (parts["data"], parts["data"].get("base"))
    holder = next((part for part in holders if isinstance(part, dict) and "root" in part), None)
    if holder is None and given_root is not None:
        raise UserError(f"root={given_root}: the run's data lie in no folder")
    root = None if holder is None else holder.pop("root")
    if not own:
        root = None
        for knob in ("cache", "memory"):  # where pictures are kept is for whoever scores the run to say
            (holder or {}).pop(knob, None)
        try:
            check_targets(parts, named_in("data", "degradation"), [*filter(None, trust.split(","))])
            check_words(parts)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    if holder is not None:
        holder["root"] = root if given_root is None else at_home(given_root)
        if holder["root"] is None:
            raise UserError(f"{path}: is not of a run of yours, so say where its data lie here: root=FOLDER")
        if not own and is_list(str(holder.get("labels"))):
            _check_inside(holder["root"], holder["labels"], path)
    return cast(dict[str, dict[str, Any]], parts)


def _check_inside(root: str, labels: str, where: Path) -> None:
    """A stranger's list of labels lies in the folder that the user gave, or it is refused."""
    file = Path(root, labels)
    if not file.is_file() or not file.resolve().is_relative_to(Path(root).resolve()):
        raise UserError(f"{where}: is not of a run of yours, and its labels are not in {root}: {labels}")
