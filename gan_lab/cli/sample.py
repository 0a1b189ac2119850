"""Samples from a run, such as `gan-lab sample RUN_DIR n=64 seed=0 out=grid.png`.

Reads RUN_DIR/generator.safetensors and nothing else, or with `checkpoint=` a checkpoint: `best`, `last`, a round, or a
file by its path; so a run that still plays can be looked at, too. RUN_DIR may also be such a file itself. What is
written depends on the ending of `out`: `.npz` holds one array `samples` (images N x C x H x W in [-1, 1]; points in
their own units), `.png` and other picture formats one grid or scatter plot, and a name without an ending is a folder of
pictures, one per sample; `.zip` holds the same, with labels in its `dataset.json`, as StyleGAN's tools read it.

A class-conditional generator is asked for one class by its name or its number, `label=cat` or `label=3` (where names
are numbers, the name counts), and by `label=all` for n samples of each: a grid with one class per row, a hundred rows
at most, of the same noise down the columns. Without `label` its samples take turns through the classes. An `.npz` then
also holds `labels`.

A generator that completes images, enlarges or translates them, is given=PICTURE. As much of it as in training
(degradation=half: its upper half) is its input, and all samples are answers to that. An `.npz` then also holds
`given`.

`sampling=drs` draws samples otherwise than the run does (docs/sampling.md): an option of the config group of that name,
whose settings are `sampling.NAME=VALUE`. What needs the discriminator reads a checkpoint of the run.
"""

import io
import json
import math
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from gan_lab.config.arguments import place, tidied
from gan_lab.config.check import check, check_choices
from gan_lab.config.conf import CONF
from gan_lab.config.entry import entry
from gan_lab.config.explain import plain_errors
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.recipe import SAMPLING, check_recipe
from gan_lab.config.words import near
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.ranges import NonNegativeFloat, NonNegativeInt, PositiveInt

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gan_lab.io.generator import GeneratorFile
    from gan_lab.sampling import Sampler, Sampling
    from gan_lab.types import Latent

MOST_CLASSES, LARGEST_PICTURE = 100, 2**25  # rows, and pixels, of a picture of all classes
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


_CHOICE, _SETTING = re.compile(r"(--)?sampling="), re.compile(r"(--)?(\w+@)?sampling\.")
USAGE = "gan-lab sample RUN_DIR [KEY=VALUE ...]"


class Options(CommandOptions):
    """What may follow RUN_DIR, as key=value."""

    n: PositiveInt = Field(default=64, description="samples; with interpolate, rows")
    seed: int = Field(default=0, ge=0, lt=2**63, description="of the noise")
    out: Path = Field(
        default=Path("samples.png"), description="where to: a picture, an .npz, a .zip, or a folder (no ending)"
    )
    weights: str = Field(
        default="average", description="average, raw, or a further average by its name; where there is no average, raw"
    )
    checkpoint: str | None = Field(
        default=None, description="best, last, a round or a file; else what the run has left"
    )
    label: str | None = Field(
        default=None, description="a class by its name or number, or all of them; else each in turn"
    )
    given: Path | None = Field(
        default=None, description="the picture that a generator of pictures from pictures starts from"
    )
    sampling: str | None = Field(
        default=None, description="plain, truncation, drs, mh, ...; else that of the run (sampling.NAME=VALUE sets it)"
    )
    truncation: NonNegativeFloat = Field(default=1, description="sampling=truncation in a word; 1 is none")
    interpolate: NonNegativeInt = Field(
        default=0, description="points on a straight line between two latents, for each row"
    )
    batch_size: PositiveInt = Field(default=256, description="samples at once; they do not depend on it")
    root: str | None = Field(
        default=None, description="where the data lie now, for sampling=mh; else where the run found them"
    )
    trust: str = Field(default="", description="packages, with commas, whose code the file of a stranger may call")


@entry(smaller="lower n or batch_size")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    directory, rest = place(arguments[0]), arguments[1:]
    print(sample(directory, parse(rest), chosen_sampling(rest)))
    return 0


def parse(arguments: list[str]) -> Options:
    """key=value arguments as Options.

    Raises:
        UserError: an unknown key, a value of the wrong type or out of range.
    """
    options = parse_options(Options, [one for one in arguments if not _SETTING.match(one)])
    if options.out.suffix.lower() not in ("", ".npz", ".zip", *PICTURES):
        endings = ", ".join((".npz", ".zip", *PICTURES))
        raise UserError(f"out={options.out}: must end in one of {endings}, or be a folder (no ending)")
    return options


def sample(directory: Path, options: Options, chosen: Mapping[str, Any] | None = None) -> str:
    """Generate and write, by the sampling that was `chosen` (a part) or the run's; says what was written.

    Raises:
        UserError: there are no weights there, or an option does not go with this generator.
    """
    if not directory.exists():
        raise UserError(f"{directory}: no run directory with a finished run (it is not there)")

    from gan_lab.experiment.trained import sampling_of, trained_of
    from gan_lab.io.weights import find_weights, read_weights

    if not options.out.suffix:
        check_alone(options.out)
    found = read_weights(find_weights(directory, options.checkpoint))
    recipe = found.recipe
    generator, latent = rebuilt(found.generator(), options.weights, options.trust)
    sampling = fitting(sampling_of(recipe, chosen), options)
    sampler = sampling.sampler(trained_of(found, generator, latent, sampling, options.trust, options.root))
    samples, y, columns = drawn(sampler, latent, recipe, options, options.out.suffix.lower() in PICTURES)
    written = write(samples, options.out, columns, y)
    if options.label == "all":
        shown, classes = len(samples) // (options.n * (options.interpolate or 1)), recipe["num_classes"]
        if shown < classes:
            written += (
                f": the first {shown} of {classes} classes; label=CLASS shows another, an .npz or a folder has all"
            )
    return written


def chosen_sampling(arguments: Sequence[str]) -> dict[str, Any] | None:
    """The part that `sampling=NAME` and `sampling.SETTING=VALUE` among the arguments make; None where there are none.

    Raises:
        UserError: there is no such option, or a value is not allowed.
    """
    overrides = tidied(one for one in arguments if _CHOICE.match(one) or _SETTING.match(one))
    if not overrides:
        return None
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with plain_errors(overrides), initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("sample", overrides, return_hydra_config=True)
        choices = config.hydra.runtime.choices
        config = OmegaConf.masked_copy(config, ["sampling"])
        check_choices(config, choices, SAMPLING)
        check(config, SAMPLING)
    return cast("dict[str, Any]", OmegaConf.to_container(config.sampling, resolve=True))


def fitting(sampling: "Sampling", options: Options) -> "Sampling":
    """The sampling, or truncation where that is asked for in its place.

    Raises:
        UserError: the options do not go with it.
    """
    from gan_lab.sampling import Plain, Truncation

    if options.truncation != 1 and not isinstance(sampling, Plain):
        raise UserError(
            f"truncation={options.truncation}: is a sampling of its own; leave it out, or add sampling=plain"
        )
    if options.interpolate and sampling.redraws:
        raise UserError(
            f"interpolate={options.interpolate}: this sampling takes other noise than it is given; add sampling=plain"
        )
    return sampling if options.truncation == 1 else Truncation(options.truncation)


def drawn(
    sampler: "Sampler", latent: "Latent", recipe: Mapping[str, Any], options: Options, for_picture: bool = False
) -> "tuple[Tensor, Tensor | None, int | None]":
    """Samples, what they were asked for, and the columns of their grid where it has rows of their own.

    `for_picture`: of all classes only those that one picture has room for.

    Raises:
        UserError: an option does not go with this generator.
    """
    import torch

    from gan_lab.sampling import in_batches, noise_of

    if ("degradation" in recipe) != (options.given is not None):
        raise UserError(
            "this generator works on images; say which one: given=PICTURE, of which it sees as much as in training"
            if "degradation" in recipe
            else f"given={options.given}: this generator is given no images; train one with degradation=half"
        )
    rows = noise_of(latent, options.n, options.seed)
    if options.interpolate:
        ends, steps = noise_of(latent, options.n, options.seed, "ends"), torch.linspace(0, 1, options.interpolate)
        rows = torch.lerp(rows[:, None], ends[:, None], steps[None, :, None]).flatten(0, 1)
    columns = options.interpolate or (options.n if options.label == "all" else None)
    z, y = conditioned(rows, recipe, options)
    if for_picture and options.label == "all" and y is not None:
        shown = classes_shown(recipe["num_classes"], len(rows), sampler(z[:1], y[:1], options.seed))
        z, y = z[: shown * len(rows)], y[: shown * len(rows)]
    return in_batches(sampler, z, y, options.seed, options.batch_size), y, columns


def classes_shown(classes: int, each: int, sample: "Tensor") -> int:
    """How many classes a picture shows, with `each` samples like this one (1, C, H, W) in a row; of points all."""
    if sample.ndim != 4:
        return classes
    pixels = each * math.prod(max(32, side) for side in sample.shape[2:])  # smaller ones are enlarged
    return min(classes, MOST_CLASSES, max(1, LARGEST_PICTURE // pixels))


def rebuilt(found: "GeneratorFile", weights: str, trust: str) -> tuple["nn.Module", "Latent"]:
    """The generator with its weights of this name, in evaluation mode, and the noise that it takes.

    "average" falls back to "raw".

    Raises:
        UserError: it has no such weights. Or it is a stranger's, and its recipe asks for code outside gan_lab that
            `trust` does not name, or for another generator than the file has the weights of.
    """
    from hydra.utils import instantiate

    if "raw" not in found.weights:
        raise UserError(f"{found.path}: has no weights of a generator")
    if weights not in (*found.weights, "average"):
        raise UserError(f"weights={weights}: must be one of {', '.join(found.weights)}, which {found.path} has")
    state = found.weights.get(weights, found.weights["raw"])
    if not found.own:
        try:
            check_recipe(found.recipe, state, [*filter(None, trust.split(","))])
        except UserError as error:
            raise UserError(f"{found.path}: {error}") from error
    generator = instantiate(found.recipe["generator"])
    generator.load_state_dict(state)
    return generator.eval(), instantiate(found.recipe["latent"])


def conditioned(z: "Tensor", recipe: Mapping[str, Any], options: Options) -> tuple["Tensor", "Tensor | None"]:
    """Noise, and what goes with it where the generator takes a condition: labels, or what is given of a picture.

    Raises:
        UserError: a label that the generator does not know, or a generator whose condition is not a label.
    """
    import torch

    from gan_lab.plots.images import class_by_class

    classes, label = recipe.get("num_classes"), options.label
    if classes is None and "num_classes" in recipe:  # a conditional game without classes
        raise UserError(
            "this generator's condition is not a class: call it in Python (gan_lab.io.generator) with yours"
        )
    if classes is None:
        if label is not None:
            raise UserError(
                f"label={label}: this generator is not conditional on classes; train one with conditioning=concat"
            )
        return z, None if options.given is None else part_of(options.given, recipe).expand(len(z), -1, -1, -1)
    if label == "all":
        return class_by_class(z, torch.arange(classes))
    if label is None:
        lines = options.interpolate or 1  # one class along each line
        return z, (torch.arange(len(z)) // lines) % classes
    return z, torch.full((len(z),), number_of_class(label, classes, recipe.get("classes")))


def number_of_class(label: str, classes: int, named: Any) -> int:
    """The number of the class of that name, or else of that number. `named`: the names of the classes.

    Raises:
        UserError: there is no such class.
    """
    names = [str(name) for name in named] if isinstance(named, list) and len(named) == classes else []
    if label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < classes:
        return int(label)
    named = f": {', '.join(names[:20])}{', ...' * (len(names) > 20)}" if names else ""
    hint = "" if label.isdecimal() else near(label, names)
    raise UserError(f"label={label}: this generator's classes are 0 to {classes - 1}{named}{hint}")


def part_of(picture: Path, recipe: Mapping[str, Any]) -> "Tensor":
    """What the generator sees of a picture, brought to the size of its training: (1, C, h, w).

    Raises:
        UserError: there is no such picture, or it is not readable.
    """
    from hydra.utils import instantiate

    whole = picture_like(picture, tuple(recipe["shape"]), "given")
    return whole if recipe["degradation"] is None else cast("Tensor", instantiate(recipe["degradation"])(whole))


def picture_like(picture: Path, shape: tuple[int, ...], option: str) -> "Tensor":
    """A picture, the value of this option, brought to the shape (C, H, W) of the training: (1, C, H, W) in [-1, 1].

    Raises:
        UserError: there is no such picture, or it is not readable.
    """
    from gan_lab.data.memory import scale
    from gan_lab.data.pictures import Pictures
    from gan_lab.data.pixels import Look
    from gan_lab.data.sources.single import Single

    found = Pictures(Single(picture), Look(shape), "center", False, 0, False)[0, 0]
    if found.pixels is None:
        raise UserError(f"{option}={found.failures[0]}")
    return scale(found.pixels[None])


def write(samples: "Tensor", out: Path, columns: int | None, y: "Tensor | None" = None) -> str:
    """Samples in the form that the ending of `out` asks for; says what was written."""
    from gan_lab.plots.images import picture_of, save_picture, to_bytes

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".npz":
        arrays: dict[str, Any] = {"samples": samples} | ({} if y is None else {"labels" if y.ndim == 1 else "given": y})
        write_atomically(out, lambda temporary: _savez(temporary, arrays))
        return f"{len(samples)} samples of shape {tuple(samples.shape[1:])} in {out}"
    if out.suffix.lower() in PICTURES:
        save_picture(picture_of(samples, columns), out)
        return f"a picture of {len(samples)} samples in {out}"
    if samples.ndim != 4:
        raise UserError(f"out={out}: pictures are of images; points go to an .npz or a picture")
    if out.suffix:
        write_atomically(out, lambda temporary: _zip(temporary, samples, y))
        return f"{len(samples)} pictures in {out}"
    for i, image in enumerate(to_bytes(samples)):
        save_picture(image, out / f"{i:05d}.png")
    return f"{len(samples)} pictures in {out}"


def check_alone(folder: Path) -> None:
    """Raise a UserError where a folder for samples has pictures already, which would count as samples or be lost."""
    from gan_lab.data.listing import endings

    found = next((path for path in folder.rglob("*") if path.suffix.lower() in endings()), None)
    if found is not None:
        raise UserError(f"out={folder}: has pictures already ({found.name}); empty it, or name another folder")


def _zip(path: Path, samples: "Tensor", y: "Tensor | None") -> None:
    from PIL import Image

    from gan_lab.plots.images import to_bytes

    with zipfile.ZipFile(path, "w") as archive:  # not compressed: PNGs are already
        for i, image in enumerate(to_bytes(samples)):
            picture = io.BytesIO()
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(picture, "png")
            archive.writestr(f"{i:05d}.png", picture.getvalue())
        if y is not None and y.ndim == 1:
            labels = [[f"{i:05d}.png", label] for i, label in enumerate(y.tolist())]
            archive.writestr("dataset.json", json.dumps({"labels": labels}))


def _savez(path: Path, arrays: Mapping[str, "Tensor"]) -> None:
    import numpy as np

    with path.open("wb") as file:  # given a path, numpy would add an ending of its own
        np.savez(file, allow_pickle=False, **{name: array.numpy() for name, array in arrays.items()})


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
