"""Metrics of a run's samples, such as `gan-lab evaluate RUN_DIR features=efficientnet_lite0 metric=kernel n=300`.

Rebuilds the generator of RUN_DIR/generator.safetensors, compares its samples with the run's data set and adds the
figures to RUN_DIR/summary.json, each as `score/FEATURES-KEY/NAME` beside the whole procedure: features, resize filter,
numbers of samples, seed, digest of the real samples. Figures with different keys are not comparable.

Of a folder of runs (say a sweep's), or of several, each run is scored and the table of `gan-lab compare` is printed.

`gan-lab evaluate A B` compares A with B, neither of which need be a run's: a folder of pictures, a ZIP, an array, or
statistics (an .npz with mu and sigma, as pytorch-fid, clean-fid and `gan-lab statistics` write them; B, or both). With
`against=B` more than one A may be named, and any of them may be a run. The figures are printed, and written to `out`
(.json). Where B is what a generator has learnt from, held_out=FOLDER of other real pictures says whether A are copies.

`gan-lab evaluate A metric=clip_score features=clip captions=FILE` compares pictures with texts, and needs no B: each
set is scored.

The options are those of conf/evaluate.yaml; `metric` (one, or a list), `features` and `sampling` are config groups.
"""

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from gan_lab.cli.compare import (
    DOUBTS,
    FLOOR,
    GENERATOR,
    PROCEDURE,
    SCORED,
    check_ending,
    find_runs,
    is_place,
    places_among,
    tabulate,
)
from gan_lab.cli.sample import rebuilt
from gan_lab.cli.sets import OF_PICTURES, as_json, evaluate_sets, in_words, reference_of, with_texts_alone
from gan_lab.cli.shown_scores import show
from gan_lab.config.arguments import place, quoted, tidied
from gan_lab.config.check import Page, check, check_choices
from gan_lab.config.conf import CONF
from gan_lab.config.entry import entry
from gan_lab.config.explain import explain
from gan_lab.config.options import help_page, print_help
from gan_lab.config.stored import parts_of
from gan_lab.config.words import one_line
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.io.inside import check_inside
from gan_lab.io.reading import read_json
from gan_lab.io.run_file import RUN, read_facts
from gan_lab.ranges import NonNegativeInt, PositiveInt
from gan_lab.runtime.lock import locked

if TYPE_CHECKING:
    from gan_lab.data.module import GameData

PAGE = Page(
    plain={
        "n": Annotated[int, Field(ge=2)],
        "real": Annotated[int, Field(ge=2)] | Literal["all"] | None,
        "flips": bool,
        "protocol": str | None,
        "seed": NonNegativeInt,
        "split": Literal["train", "test"],
        "weights": str,
        "batch_size": PositiveInt,
        "checkpoint": str | int | None,
        "root": str | None,
        "floor": bool,
        "neighbours": NonNegativeInt,
        "trust": str,
        "out": str | None,
        "against": str | None,
        "held_out": str | None,
        "captions": str | None,
        "image_size": PositiveInt | tuple[PositiveInt, PositiveInt] | None,
        "range": tuple[float, float] | None,
    },
    choices=("features", "sampling"),
    named=("metric",),
    optional={
        "real",
        "protocol",
        "checkpoint",
        "root",
        "trust",
        "out",
        "against",
        "held_out",
        "captions",
        "image_size",
        "range",
        "sampling",
    },
)
USAGE = "gan-lab evaluate DIR [DIR ...] [metric=[frechet,kernel]] [features=auto] [KEY=VALUE ...]"
GROUPS = ("protocol", "metric", "features", "resizer", "sampling")
DEFINED = ("features", "metric", "sampling", "n", "real", "flips", "split", "image_size")  # by a protocol
PATHS = ("against", "captions", "checkpoint", "held_out", "out", "root", "features.weights")
NEIGHBOURS, SUMMARY = "neighbours.png", "summary.json"


@entry(smaller="lower n or batch_size")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, f"{__doc__}\n{options_in_words()}"))
    if code is not None:
        return code
    overrides = [argument for argument in arguments if not is_place(argument)]
    try:
        places = places_among(arguments)
        overrides = tidied(overrides)
        config = configure([whole_path(override) for override in overrides])
        reference = None
        if config.against is not None or not with_texts_alone(config):
            places, reference = reference_of(places, config.against, alone=config.captions is not None)
        if reference is not None or (places and config.captions is not None):
            return score_sets(
                places, reference, config, {override.partition("=")[0].partition(".")[0] for override in overrides}
            )
        idle = next((name for name in OF_PICTURES if config[name] is not None), None)
        if idle is not None:
            raise UserError(f"{idle}={config[idle]}: acts where pictures are compared; leave it out")
        out = check_ending(config.out)
        runs = find_runs(places, GENERATOR if config.checkpoint is None else RUN)
        scored = [run for run in runs if succeeds(run, config, overrides, several=len(runs) > 1)]
        kept = [run for run in scored if (run / SUMMARY).is_file()]
        if len(kept) > 1 or (kept and out):
            print(tabulate(kept, out))
    except Exception as error:
        if not reported(error, overrides):
            raise
        return 2
    return 0 if len(scored) == len(runs) else 2


def score_sets(places: list[Path], reference: Path | None, config: DictConfig, stated: set[str]) -> int:
    """Compare each place with the reference, or with its texts; print and write what came out."""
    out = None if config.out is None else place(config.out)
    if out is not None and out.suffix != ".json":
        raise UserError(f"out={config.out}: must end in .json")
    result = evaluate_sets(places, reference, config, stated)
    print(in_words(result))
    for doubt in dict.fromkeys(figures[DOUBTS] for figures in result["figures"].values() if DOUBTS in figures):
        print(f"warning: {doubt}", file=sys.stderr)
    if out is not None:
        write_atomically(out, lambda path: path.write_text(as_json(result) + "\n"))
    return 0


def whole_path(override: str) -> str:
    """An option that names a path, quoted for Hydra, which reads neither `=` nor letters beyond ASCII otherwise."""
    key, _, value = override.partition("=")
    plain = key not in PATHS or value == "null" or value.startswith(("'", '"'))
    return override if plain else f"{key}={quoted(value)}"


def options_in_words() -> str:
    """The page of options with its comments, as KEY=VALUE, and the names that the two groups know."""
    page = (CONF / "evaluate.yaml").read_text().partition("_self_\n")[2].strip().splitlines()
    rows = [line.partition("#") for line in page]
    lines = [f"  {'='.join(setting.split(': ', 1)):<18}{what.strip()}" for setting, _, what in rows]
    groups = {group: sorted(file.stem for file in (CONF / group).glob("*.yaml")) for group in GROUPS}
    notes = [
        textwrap.fill(f"{group}: {', '.join(names)}", 100, subsequent_indent="  ") for group, names in groups.items()
    ]
    return "\n".join(["options:", *lines, "", *notes])


def reported(error: Exception, overrides: Sequence[str], where: str = "") -> bool:
    """Whether the error is the user's to mend, in which case it was reported in one line; a bug keeps its traceback."""
    line = explain(error, overrides, smaller="lower n, real or batch_size")
    if line is not None:
        print(f"error: {where}{line}", file=sys.stderr)
    return line is not None


def configure(overrides: list[str]) -> DictConfig:
    """conf/evaluate.yaml with these, checked; nothing heavy is imported.

    Raises:
        UserError, and what Hydra raises: there is no such option, or a value is not allowed.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("evaluate", overrides, return_hydra_config=True)
    choices = config.hydra.runtime.choices
    config = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    check_choices(config, choices, PAGE)
    check(config, PAGE)
    config.protocol = kept_name(config)
    if not any((config.metric or {}).values()):
        raise UserError("metric: must name one metric or more")
    return config


def kept_name(config: DictConfig) -> str | None:
    """The name of the protocol that was chosen, unless another option deviates from it, which is said."""
    name: str | None = config.get("protocol")
    if name is None:
        return None
    with initialize_config_dir(str(CONF), version_base="1.3"):
        published = compose("evaluate", [f"protocol={name}"])
    if published.features.get("digest"):  # which tells the published weights; where they lie is no part of it
        published.features.weights = config.features.get("weights")
    deviating = [key for key in DEFINED if config.get(key) != published.get(key)]
    if deviating:
        print(
            f"warning: protocol={name}: {' and '.join(deviating)} deviate from it, so that the figures do not bear its "
            "name",
            file=sys.stderr,
        )
    return None if deviating else name


def succeeds(directory: Path, config: DictConfig, overrides: Sequence[str], several: bool) -> bool:
    """Score one run and print what came out; of several, one that cannot be scored does not keep us from the others."""
    try:
        scores = evaluate(directory, config)
    except Exception as error:
        if not (several and reported(error, overrides, f"{directory}: ")):
            raise
        return False
    show(directory, config, scores)
    if config.neighbours:
        print(f"  the samples nearest to real ones, with these, in {directory / NEIGHBOURS}")
    return True


def evaluate(directory: Path, config: DictConfig) -> dict[str, dict[str, Any]]:
    """Score one run, and add to its summary: for each procedure's key the figures and the procedure.

    Raises:
        UserError: a file of the run is missing or damaged, its data have no such features, or a metric cannot be had.
    """
    import torch
    from hydra.utils import instantiate

    from gan_lab.evaluation.evaluator import Evaluator, Procedure, neighbours
    from gan_lab.experiment.origin import name_of_run
    from gan_lab.experiment.trained import sampling_of, settings_of, trained_of
    from gan_lab.io.weights import find_weights, read_weights
    from gan_lab.metrics.metric import Doubting, Unsure, measure
    from gan_lab.metrics.samples import NO_IMAGES
    from gan_lab.plots.images import save_picture
    from gan_lab.sampling import Plain

    check_inside(directory)
    checkpoint = None if config.checkpoint is None else str(config.checkpoint)
    state = state_of(directory)
    weights = read_weights(find_weights(directory, checkpoint))
    found = weights.generator()
    if checkpoint is not None and weights.run not in (None, name_of_run(directory)):
        raise UserError(f"checkpoint={checkpoint}: is of another run than {directory}; name that run")
    if checkpoint is None and state != found.digest:
        raise UserError(f"{directory}: {SUMMARY} is not of the generator there; evaluate it once the run has ended")
    generator, latent = rebuilt(found, config.weights, config.trust)
    data = data_of(directory, config)
    if config.neighbours and len(data.shape) != 3:
        raise UserError(f"neighbours={config.neighbours}: {NO_IMAGES}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator.to(device)
    sampling = sampling_of(found.recipe, config.get("sampling"))
    trained = trained_of(weights, generator, latent, sampling, config.trust, config.root, device)
    conditional = trained.conditional
    features = instantiate(config.features)
    metrics = {name: instantiate(part) for name, part in config.metric.items() if part is not None}
    evaluation = Evaluator(
        data,
        features,
        metrics,
        **{name: config[name] for name in ("n", "real", "flips", "seed", "batch_size", "floor")},
        device=device,
        conditional=conditional,
        titles=True,
        trained=trained if isinstance(sampling, Plain) else None,
    )
    real, fake = evaluation.real, evaluation.fake(sampling.sampler(trained), latent)
    drawn = settings_of(sampling, config.get("sampling") or found.recipe.get("sampling"))
    protocol = config.protocol
    if protocol is not None and (drawn is not None or real.n < (0 if config.real == "all" else config.real)):
        why = f"{real.n} real samples" if drawn is None else drawn
        print(f"warning: protocol={protocol}: not with {why}; the figures do not bear its name", file=sys.stderr)
        protocol = None
    records = {}
    for name, values in measure(metrics, real, fake).items():
        metric = metrics[name]
        procedure = Procedure(
            features=evaluation.features.identity,
            resize=evaluation.features.resize,
            n=fake.n,
            n_real=real.n,
            seed=config.seed,
            split=config.split,
            weights=config.weights if checkpoint is None else f"{config.weights}, checkpoint={checkpoint}",
            data=real.content[:16],
            metric=OmegaConf.to_yaml(config.metric[name], sort_keys=True).strip().replace("\n", ", "),
            sampling=drawn,
            conditions="of all the data" if evaluation.asks_all else None,
            flips=config.flips or None,
            protocol=protocol,
        )
        described = {**procedure.facts, **{f"best/{figure}": best for figure, best in metric.figures.items()}}
        if isinstance(metric, Unsure):
            described["error"] = metric.error_source
        if config.floor:
            figures = [figure for figure in values if not figure.endswith("/error")]
            floor = evaluation.floor(metric, procedure.metric, figures)
            described |= {FLOOR + figure: value for figure, value in floor.items()}
        records[procedure.key] = {**values, **{PROCEDURE + key: value for key, value in described.items()}}
        doubts = metric.doubts(real, fake) if isinstance(metric, Doubting) else []
        if doubts:
            records[procedure.key][DOUBTS] = "; ".join(doubts)
    if config.neighbours:
        save_picture(neighbours(real, fake, config.neighbours), directory / NEIGHBOURS)
    if checkpoint is not None and not (directory / SUMMARY).exists():
        print(f"{directory}: has not ended yet and has no {SUMMARY}: the figures are only printed", file=sys.stderr)
        return records
    add_to_summary(directory, records, state)
    return records


def data_of(directory: Path, config: DictConfig) -> "GameData":
    """The data that the run learnt from, or their test set.

    Raises:
        UserError: its configuration is missing, trusts other code than ours, or there is no test set.
    """
    from hydra.utils import instantiate

    from gan_lab.data.memory import Held
    from gan_lab.data.paired import Paired
    from gan_lab.experiment.origin import data_of_run

    read_facts(directory)
    parts = parts_of(directory / "config.yaml", config.root, config.trust)
    data: GameData = instantiate(parts["data"])
    difference = data_of_run(directory).difference(data.identity)
    if difference is not None:
        warning = f"{directory}: the run has learnt from other data: {difference}"
        print(f"warning: {one_line(warning)}", file=sys.stderr)
    if config.split == "test":
        if not hasattr(data, "test"):
            raise UserError("split=test: the data have no test set; take split=train")
        data = Held(data.test(), data)
    return Paired(data, instantiate(parts["degradation"])) if parts["degradation"] else data


def state_of(directory: Path) -> str | None:
    """The digest of the generator that the run has left last; None before it has ended."""
    summary = read_json(directory / SUMMARY) if (directory / SUMMARY).exists() else {}
    return cast(str | None, summary.get("generator"))


def add_to_summary(directory: Path, records: dict[str, dict[str, Any]], state: str | None) -> None:
    """Add the figures of a run whose state was this. Two evaluations at once do not lose each other's.

    Raises:
        UserError: the run has gone on meanwhile.
    """
    from gan_lab.experiment.summary import SUMMARY_LOCK, write_summary

    scores = {key: {**record, SCORED: state} for key, record in records.items()}
    with locked(directory, SUMMARY_LOCK):
        summary = read_json(directory / SUMMARY)
        if summary.get("generator") != state:
            raise UserError(
                f"{directory}: the run has gone on while it was scored; evaluate it again once it has ended"
            )
        figures = {f"score/{key}/{name}": value for key, record in scores.items() for name, value in record.items()}
        write_summary(summary | figures, directory)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
