"""Pictures of what a run has learnt, such as `gan-lab analyse RUN_DIR`, in one folder with an index page.

  samples        the first ones beside real ones
  truncation     fidelity against diversity: precision, recall and the Frechet distance for several psi
  neighbours     samples beside their nearest real images, in pixels and in features
  classes        every class, of the same noise
  interpolation  paths between samples: great circles in z, straight lines in w
  spectrum       power of real and of generated images over frequency
  embedding      t-SNE of the features of real and of generated samples
  directions     closed-form factorisation of the generator (SeFa): what changes samples most
  inversion      the nearest picture that the generator can make to a given one, with the error

`what=spectrum,inversion` makes some of them. What does not apply to a run is left out, and the page says why. Samples
are G's plain ones, whatever sampling the run has. `out` is a folder, RUN_DIR/analysis by default, for index.html and
the pictures beside it. `picture=FILE` is what is inverted, in place of real pictures that no training saw (or of
training pictures, where the data have no others).

Other options are those of `gan-lab evaluate`: features, n, real, seed, batch_size, checkpoint, weights, split, root and
trust. By default n is 1,000.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig
from pydantic import Field

from gan_lab.cli.compare import is_place
from gan_lab.cli.evaluate import configure, data_of, whole_path
from gan_lab.cli.sample import picture_like, rebuilt
from gan_lab.config.arguments import place, tidied
from gan_lab.config.entry import entry
from gan_lab.config.explain import plain_errors
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.words import listed, near, one_line
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.io.inside import check_inside

if TYPE_CHECKING:
    from gan_lab.analysis.subject import Subject
    from gan_lab.data.module import GameData
    from gan_lab.types import Batch

USAGE = "gan-lab analyse RUN_DIR [what=spectrum,...] [out=FOLDER] [KEY=VALUE ...]"
USUAL = 1000  # samples, of each kind
TARGETS = 6  # real pictures to invert
OF_EVALUATION = (
    "features", "n", "real", "seed", "batch_size", "checkpoint", "weights", "split", "root", "trust",
)  # fmt: skip


class Options(CommandOptions):
    """What may follow RUN_DIR, as key=value, beside the options of `gan-lab evaluate`."""

    what: str | None = Field(default=None, description="some of the analyses, with commas; else all")
    out: Path | None = Field(
        default=None, description="the folder for index.html and the pictures; else RUN_DIR/analysis"
    )
    picture: Path | None = Field(default=None, description="a picture to invert, in place of real ones of the data")


@entry(smaller="lower n or batch_size")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    places = [place(argument) for argument in arguments if is_place(argument)]
    if len(places) != 1:
        raise UserError(f"{len(places)} places: name one run; {USAGE}")
    given = [argument for argument in arguments if not is_place(argument)]
    own = [argument for argument in given if _key(argument) in Options.model_fields]
    overrides = tidied(argument for argument in given if argument not in own)
    for key in map(_key, overrides):
        if key.partition(".")[0] not in OF_EVALUATION:
            allowed = [*Options.model_fields, *OF_EVALUATION]
            raise UserError(f"{key}: no such option{near(key, allowed)} {listed(allowed)}")
    if "n" not in map(_key, overrides):
        overrides.append(f"n={USUAL}")
    with plain_errors(overrides):
        print(analyse(places[0], parse_options(Options, own), configure([whole_path(one) for one in overrides])))
    return 0


def _key(argument: str) -> str:
    return argument.partition("=")[0].removeprefix("--")


def analyse(directory: Path, options: Options, config: DictConfig) -> str:
    """Make the pictures and the page; says where they are. `config` is that of an evaluation.

    Raises:
        UserError: a file of the run is missing or damaged, or there is no such analysis.
    """
    from tqdm import tqdm

    from gan_lab.analysis import ANALYSES
    from gan_lab.analysis.page import page
    from gan_lab.plots.images import save_picture

    names = list(ANALYSES) if options.what is None else list(filter(None, options.what.split(",")))
    unknown = next((name for name in names if name not in ANALYSES), None)
    if unknown is not None or not names:
        raise UserError(f"what={options.what}: no such analysis{near(unknown or '', ANALYSES)} {listed(ANALYSES)}")
    if options.picture is not None and "inversion" not in names:
        raise UserError(f"picture={options.picture}: is inverted; add what=inversion, or leave it out")
    if not directory.is_dir():
        why = "it is a file: name the folder that it is in" if directory.exists() else "it is not there"
        raise UserError(f"{directory}: no run directory with a finished run ({why})")
    check_inside(directory)
    out = directory / "analysis" if options.out is None else place(str(options.out))
    if out.exists() and not out.is_dir():
        raise UserError(f"out={options.out}: is a file; name a folder")
    subject, facts = subject_of(directory, options, config)
    found, left_out = {}, {}
    with tqdm(names, "analyses", unit="", leave=False, disable=None) as shown:
        for name in shown:
            shown.set_postfix_str(name)
            try:
                finding = ANALYSES[name](subject)
            except UserError as error:
                left_out[name] = one_line(str(error))
                continue
            save_picture(finding.picture, out / f"{name}.png")
            found[name] = (f"{name}.png", finding)
    for name, why in left_out.items():
        print(f"{name}: left out: {why}", file=sys.stderr)
    text = page(f"Analyses of {directory.resolve().name}", facts, found, left_out)
    write_atomically(out / "index.html", lambda path: path.write_text(text, "utf-8"))
    return f"{len(found)} pictures and {out / 'index.html'}"


def subject_of(directory: Path, options: Options, config: DictConfig) -> "tuple[Subject, dict[str, str]]":
    """The generator of a run, its samples and real ones, and how they were obtained, in words.

    Raises:
        UserError: the run, its data or the picture cannot be read; or it is no class that the generator takes.
    """
    import torch
    from hydra.utils import instantiate

    from gan_lab.analysis.subject import Subject
    from gan_lab.evaluation.evaluator import Evaluator
    from gan_lab.experiment.trained import trained_of
    from gan_lab.io.weights import find_weights, read_weights
    from gan_lab.sampling import PLAIN, noise_of
    from gan_lab.seeding import derive_seed

    checkpoint = None if config.checkpoint is None else str(config.checkpoint)
    weights = read_weights(find_weights(directory, checkpoint))
    recipe = weights.recipe
    if "degradation" in recipe or ("num_classes" in recipe and recipe["num_classes"] is None):
        raise UserError(
            f"{directory}: its generator takes a condition that is no class, and there are no such analyses"
        )
    generator, latent = rebuilt(weights.generator(), config.weights, config.trust)
    data = data_of(directory, config)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator.to(device)
    trained = trained_of(weights, generator, latent, PLAIN, config.trust, config.root, device)
    evaluator = Evaluator(
        data,
        instantiate(config.features),
        {},
        **{name: config[name] for name in ("n", "real", "seed", "batch_size")},
        device=device,
        conditional=trained.conditional,
        titles=True,
    )

    def draw(sampler: Any) -> Any:
        return evaluator.fake(sampler, latent)

    fake = draw(PLAIN.sampler(trained))
    targets, origin = targets_of(data, options, trained.conditional)
    subject = Subject(
        trained=trained,
        real=evaluator.real,
        fake=fake,
        draw=draw,
        z=noise_of(latent, evaluator.n, derive_seed(config.seed, "evaluation")),
        y=fake.labels if trained.conditional else None,
        classes=data.class_names if trained.conditional else None,
        targets=targets,
        origin=origin,
        features=evaluator.features.identity.split()[0],
        seed=config.seed,
    )
    return subject, {
        "run": str(directory),
        "generator": f"{type(generator).__name__}, {config.weights} weights, round {weights.round}",
        "samples": f"{evaluator.n} generated, {evaluator.n_real} real ({config.split}), seed {config.seed}",
        "features": f"{evaluator.features.identity}; resize: {evaluator.features.resize}",
    }


def targets_of(data: "GameData", options: Options, conditional: bool) -> "tuple[Batch, str]":
    """Pictures to invert, and where they come from: the one that is named, or real ones that no training saw.

    Raises:
        UserError: the picture cannot be read, or the run's samples are no pictures.
    """
    from gan_lab.types import Batch

    if options.picture is not None:
        if len(data.shape) != 3:
            raise UserError(f"picture={options.picture}: the run's samples are no pictures; leave it out")
        return Batch(picture_like(options.picture, data.shape, "picture")), "the picture"
    found, origin = data.unseen(TARGETS), "not seen in training"
    if found is None:
        found, origin = data.take(TARGETS), "a training picture"
    return Batch(found.x, found.y if conditional else None), origin


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
