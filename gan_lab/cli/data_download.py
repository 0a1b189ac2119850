"""A known set of pictures, such as `gan-lab data download mnist root=data`; without NAME, what there is.

The set is what data=NAME trains on. torchvision fetches it from its authors or a mirror of theirs, checks it, and puts
it into the folder `root`; what is there already is not fetched again. The licence is what the authors state.
"""

from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from gan_lab.cli.data_options import hydra_value, say, train_command
from gan_lab.config.compose import compose_experiment
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError

USAGE = "gan-lab data download [NAME] [root=PATH]"


class KnownSet(NamedTuple):
    """A set that can be fetched.

    Attributes:
        pictures: for training and for testing.
        size: as in "28 x 28 grey".
        megabytes: that are fetched, packed.
        licence: as its authors state it.
    """

    what: str
    pictures: str
    size: str
    megabytes: float
    licence: str


SETS = {
    "mnist": KnownSet("handwritten digits", "60,000 + 10,000", "28 x 28 grey", 11.6, "CC BY-SA 3.0"),
    "fashion_mnist": KnownSet("articles of clothing", "60,000 + 10,000", "28 x 28 grey", 30.9, "MIT"),
    "kmnist": KnownSet("cursive Japanese characters", "60,000 + 10,000", "28 x 28 grey", 21.2, "CC BY-SA 4.0"),
    "cifar10": KnownSet("photographs of ten things", "50,000 + 10,000", "32 x 32 RGB", 170.5, "none is stated"),
    "stacked_mnist": KnownSet("three digits of MNIST", "without end", "28 x 28 RGB", 11.6, "CC BY-SA 3.0"),
}


class Options(CommandOptions):
    """What may follow NAME, as key=value."""

    root: Path = Field(default=Path("data"), description="the folder for it")


def main(arguments: list[str]) -> int:
    if not arguments:
        print("\n".join(table()))
        return 0
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    name, options = arguments[0], parse_options(Options, arguments[1:])
    if name not in SETS:
        raise UserError(f"{name}: no such set{near(name, SETS)} {listed(SETS)}")
    download(name, options.root)
    return 0


def table() -> list[str]:
    """The sets that there are, a line each."""
    rows = [("NAME", "", "PICTURES", "SIZE", "MB", "LICENCE")]
    rows += [(name, s.what, s.pictures, s.size, f"{s.megabytes:.1f}", s.licence) for name, s in SETS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def download(name: str, root: Path) -> None:
    """Fetch the set where it is not there, read it, and say how to train on it.

    Raises UserError where there is no network, or what is there is damaged.
    """
    from hydra.utils import instantiate

    given = [f"data={name}", f"data.root={hydra_value(root)}"]
    config = compose_experiment(given, Path("run"))
    data = instantiate(config.data.module)
    data.prepare_data()
    say(f"{name}: {', '.join(data.found)}, in {root} (licence: {SETS[name].licence})")
    say("to train on it:")
    say(f"  {train_command(given)}")
