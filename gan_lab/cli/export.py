"""A run's generator in the formats of other programs, such as `gan-lab export RUN_DIR onnx out=generator.onnx`.

The formats:

* `onnx`: a model with the inputs z and, where the generator takes a condition, y, for batches of any size. It is run by
  onnxruntime, and kept only if it gives what the generator gives. Needs the extra `export`.
* `torch`: an archive of `torch.export`, checked in the same way; `torch.export.load(FILE).module()` needs no gan_lab.
* `hub`: a folder with weights (safetensors), configuration, samples and a model card (README.md), which
  `gan_lab.load(FOLDER)` reads. `push_to_hub=NAME/REPOSITORY` also uploads it, as a private repository where there is
  none.
* `images`: samples as PNGs in a ZIP (samples.zip) or a folder; its options are those of `gan-lab sample`.

Exported are the averaged weights; `weights=` and `checkpoint=` choose others, as in `gan-lab sample`. An ONNX model
and an archive say what noise they expect in their metadata (`gan_lab`). They know nothing of the run's `sampling`.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gan_lab.cli import sample
from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError
from gan_lab.io.reading import read_json
from gan_lab.io.run_file import RUN

if TYPE_CHECKING:
    from gan_lab.export.graph import Source
    from gan_lab.export.hub import Figures

USAGE = "gan-lab export RUN_DIR onnx|torch|hub|images [KEY=VALUE ...]"
Word = Annotated[str, Field(pattern=r"^[\w.+-]+$")]


class Options(CommandOptions):
    """What may follow RUN_DIR FORMAT, as key=value."""

    out: Path | None = Field(default=None, description="where to; else generator.onnx, generator.pt2, or a folder hub")
    weights: str = Field(
        default="average", description="average, raw, or a further average by its name; where there is no average, raw"
    )
    checkpoint: str | None = Field(
        default=None, description="best, last, a round or a file; else what the run has left"
    )
    trust: str = Field(default="", description="packages, with commas, whose code the file of a stranger may call")


class HubOptions(Options):
    """Those of a folder for a hub."""

    licence: Word = Field(default="unknown", description="of the weights: mit, cc-by-4.0, ... (hub)")
    push_to_hub: str | None = Field(default=None, description="NAME/REPOSITORY to upload to (hub)")


@entry(smaller="take a machine with more of it")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", HubOptions))
    if code is not None:
        return code
    directory, *rest = arguments
    kind, rest = (rest[0], rest[1:]) if rest else ("", [])
    if kind not in FORMATS:
        raise UserError(f"{kind or 'format'}: no such format{near(kind, FORMATS)} {listed(FORMATS)}")
    print(FORMATS[kind](place(directory), rest))
    return 0


def onnx(directory: Path, arguments: Sequence[str]) -> str:
    from gan_lab.export.formats import export_onnx

    return _file(directory, arguments, Path("generator.onnx"), export_onnx)


def torch(directory: Path, arguments: Sequence[str]) -> str:
    from gan_lab.export.formats import export_torch

    return _file(directory, arguments, Path("generator.pt2"), export_torch)


def _file(directory: Path, arguments: Sequence[str], default: Path, export: "Callable[[Source, Path], str]") -> str:
    options = parse_options(Options, arguments)
    out = options.out or default
    if out.suffix != default.suffix:
        raise UserError(f"out={out}: must end in {default.suffix}")

    from gan_lab.export.formats import noise_in_words

    source = source_of(directory, options)
    found = export(source, out)
    return "; ".join(filter(None, [f"{out}: {found}", noise_in_words(source)]))


def hub(directory: Path, arguments: Sequence[str]) -> str:
    options = parse_options(HubOptions, arguments)
    out = options.out or Path("hub")
    if out.suffix or out.is_file():
        raise UserError(f"out={out}: must be a folder (no ending)")
    if any((out / name).exists() for name in (RUN, "config.yaml", "summary.json")):
        raise UserError(f"out={out}: is a run's directory, whose generator would be replaced; give another folder")

    from gan_lab.export.hub import SAMPLES, export_hub, push

    source = source_of(directory, options)
    with_samples = "degradation" not in source.recipe  # else they are answers to an image
    export_hub(source, out, with_samples, figures_of(directory, options), options.licence)
    if with_samples:
        sample.sample(out, sample.Options(out=out / SAMPLES, trust=options.trust))
    written = f"{out}: a folder that gan_lab.load reads, with a model card (README.md)"
    return written if options.push_to_hub is None else f"{written}; uploaded to {push(out, options.push_to_hub)}"


def images(directory: Path, arguments: Sequence[str]) -> str:
    given = (
        [*arguments] if any(argument.startswith("out=") for argument in arguments) else [*arguments, "out=samples.zip"]
    )
    options = sample.parse(given)
    if options.out.suffix.lower() not in ("", ".zip"):
        raise UserError(f"out={options.out}: must end in .zip, or be a folder (no ending)")
    return sample.sample(directory, options, sample.chosen_sampling(given))


FORMATS: dict[str, Callable[[Path, Sequence[str]], str]] = {"onnx": onnx, "torch": torch, "hub": hub, "images": images}


def source_of(directory: Path, options: Options) -> "Source":
    """The generator that is exported.

    Raises:
        UserError: there are no such weights, or they are a stranger's who asks for code that is not trusted.
    """
    from hydra.utils import instantiate

    from gan_lab.experiment.trained import sampling_of
    from gan_lab.export.graph import Source
    from gan_lab.io.weights import find_weights, read_weights

    found = read_weights(find_weights(directory, options.checkpoint)).generator()
    generator, latent = sample.rebuilt(found, options.weights, options.trust)
    recipe = found.recipe
    if sampling_of(recipe).needs:  # it asks for D or for data, which no export has
        recipe = {name: part for name, part in recipe.items() if name != "sampling"}
    weights = options.weights if options.weights in found.weights else "raw"
    degradation = None if recipe.get("degradation") is None else instantiate(recipe["degradation"])
    return Source(generator, latent, recipe, weights, degradation)


def figures_of(directory: Path, options: Options) -> "Figures":
    """What `gan-lab evaluate` has measured of these very weights, and what any test has found of copies.

    Of a checkpoint only the best one's test is known. Tests along a run are of the averaged weights.
    """
    from gan_lab.cli.compare import read_run
    from gan_lab.evaluation.copying import beside, in_words, most, when_it_was_left
    from gan_lab.export.hub import Figures

    is_average = options.weights == "average"
    if not (directory / "summary.json").is_file():
        return Figures()
    run, summary = read_run(directory), read_json(directory / "summary.json")
    if options.checkpoint is not None:
        return Figures(
            copies=in_words(beside(summary, "best/") if is_average and options.checkpoint == "best" else None)
        )
    found = []
    for (name, key), value in sorted(run.scores.items()):
        how = run.procedures[key]
        if not name.endswith("/error") and how.get("weights") == options.weights:
            of = ("protocol", "features", "resize", "metric", "sampling", "flips", "n", "n_real", "split", "seed")
            found.append((name, value, ", ".join(f"{part}={how[part]}" for part in of if part in how)))
    own = {key for _, key in run.scores if run.procedures[key].get("weights") == options.weights}
    tests = [*(most(summary, key) for key in own), when_it_was_left(summary) if is_average else None]
    return Figures(found, in_words(max((z for z in tests if z is not None), default=None)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
