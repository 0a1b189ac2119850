"""Statistics of the features of a set of samples, such as `gan-lab statistics PICTURES out=train.npz`.

The set is a folder of pictures, a ZIP, an array, or the samples of a run. The file holds mu and sigma, as pytorch-fid
and clean-fid have them, and of which features they are: `gan-lab evaluate A train.npz metric=frechet` compares with it,
without reading the pictures again. Options are `features`, `n`, `seed`, `image_size`, `range`, `batch_size`, and for a
run `checkpoint`, `weights`, `sampling`, `root` and `trust`; see `gan-lab evaluate --help`.
"""

import sys
from pathlib import Path

from gan_lab.cli.compare import is_place
from gan_lab.cli.evaluate import configure, whole_path
from gan_lab.cli.sets import OF_GENERATORS, OF_SAMPLES, check_acts, check_range, opened
from gan_lab.config.arguments import place, tidied
from gan_lab.config.entry import entry
from gan_lab.config.explain import plain_errors
from gan_lab.config.options import help_page, print_help
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError

USAGE = "gan-lab statistics PLACE out=FILE.npz [features=auto] [KEY=VALUE ...]"
OPTIONS = ("out", "n", *OF_SAMPLES, "image_size", "range", *OF_GENERATORS)


@entry(smaller="lower n or batch_size")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or ""))
    if code is not None:
        return code
    places = [place(argument) for argument in arguments if is_place(argument)]
    overrides = tidied(argument for argument in arguments if not is_place(argument))
    if len(places) != 1:
        raise UserError(f"{len(places)} places: name one set of samples; {USAGE}")
    with plain_errors(overrides):
        print(write(places[0], overrides))
    return 0


def write(path: Path, overrides: list[str]) -> str:
    """Compute and write; says what was written.

    Raises:
        UserError: an option is not known or not allowed, or the set cannot be read.
    """
    names = [override.partition("=")[0] for override in overrides]
    for name in names:
        if name.partition(".")[0] not in OPTIONS:
            raise UserError(f"{name}: no such option{near(name, OPTIONS)} {listed(OPTIONS)}")
    check_acts({name.partition(".")[0] for name in names}, [path])
    config = configure([whole_path(override) for override in overrides])
    if config.out is None or Path(config.out).suffix != ".npz":
        raise UserError(f"out={config.out or ''}: must name a file that ends in .npz")

    import torch
    from hydra.utils import instantiate

    from gan_lab.evaluation.sets import prepared, statistics_of
    from gan_lab.evaluation.statistics import Statistics, write_statistics

    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = opened(path, config, config.n if "n" in names else None, device)
    if isinstance(found, Statistics):
        raise UserError(f"{path}: holds statistics already")
    check_range(config, [path])
    statistics = statistics_of(found, prepared(instantiate(config.features), found.shape), device)
    write_statistics(place(config.out), statistics)
    return f"{len(statistics.mean)} features of {statistics.n} samples ({statistics.features}) in {config.out}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
