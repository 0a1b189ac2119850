"""Evaluation of one set of samples against another, neither of which need be a run's."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_lab.cli.compare import GENERATOR
from gan_lab.cli.sample import rebuilt
from gan_lab.config.arguments import place
from gan_lab.errors import UserError
from gan_lab.evaluation.copying import along
from gan_lab.evaluation.copying import in_words as copies
from gan_lab.io.run_file import RUN
from gan_lab.io.strict_json import in_json

if TYPE_CHECKING:
    from gan_lab.evaluation.sets import SampleSet
    from gan_lab.evaluation.statistics import Statistics
    from gan_lab.features.protocol import Features

USUAL = 10_000  # samples of a generator
OF_RUNS = ("split", "floor", "neighbours")  # options that act where a run is compared with its own data
OF_GENERATORS = ("checkpoint", "weights", "trust", "root", "sampling")
OF_PICTURES = ("image_size", "range", "held_out")
OF_SAMPLES = ("features", "seed", "batch_size")  # of either, not of statistics


def holds_generator(path: Path) -> bool:
    """Whether it is a generator file, or a run directory."""
    return path.name == GENERATOR or any((path / name).is_file() for name in (GENERATOR, RUN))


def holds_runs(path: Path) -> bool:
    """Whether it is one of these, or a folder with run directories in it or below."""
    return holds_generator(path) or any({GENERATOR, RUN} & set(files) for _, _, files in os.walk(path))


def reference_of(places: list[Path], against: str | None, alone: bool = False) -> tuple[list[Path], Path | None]:
    """The sets to evaluate, and the one that they are compared with; None: each run with its own data.

    The reference is `against`, or the second of two places of which one is not a run. `alone`: there need be none.

    Raises:
        UserError: it is not clear which is which, or one is not there.
    """
    others = [path for path in places if not holds_runs(path)]
    reference = None if against is None else place(against)
    if reference is None and others and len(places) == 2:
        places, reference = places[:1], places[1]
    if reference is not None:
        missing = next((path for path in [*places, reference] if not path.exists()), None)
        if missing is not None:
            raise UserError(f"{missing}: no such file or folder")
        if not places:
            raise UserError(f"against={against}: name what is compared with it, gan-lab evaluate A against={against}")
    elif others and len(places) > 2:
        raise UserError(f"{others[0]}: is no run; say which of the {len(places)} is the reference, against=REFERENCE")
    elif others and others[0].exists() and not alone:
        raise UserError(
            f"{others[0]}: no run directory with a finished run (no {GENERATOR} in it or below); "
            f"pictures are compared with others, gan-lab evaluate {others[0]} REFERENCE"
        )
    return places, reference


def with_texts_alone(config: DictConfig) -> bool:
    """Whether there are captions, and all metrics compare samples with these: then each place is one of the sets."""
    from hydra.utils import instantiate

    parts = [part for part in config.metric.values() if part is not None]
    return config.captions is not None and all("texts" in instantiate(part).needs for part in parts)


def evaluate_sets(places: list[Path], reference: Path | None, config: DictConfig, stated: set[str]) -> dict[str, Any]:
    """The figures of each place by its name, and the procedure. `stated`: the options that the user gave.

    Without a reference the captions alone are what a place is compared with.

    Raises:
        UserError: a place cannot be read, or does not fit the reference, the captions or a metric.
    """
    check_acts(stated, [*places, reference or places[0]])

    import torch
    from hydra.utils import instantiate

    from gan_lab.evaluation.sets import SampleSet, check_not_in, prepared, space
    from gan_lab.evaluation.statistics import Statistics
    from gan_lab.metrics.measures.memorisation import Copying

    device = "cuda" if torch.cuda.is_available() else "cpu"
    metrics = {name: instantiate(part) for name, part in config.metric.items() if part is not None}
    held_out = None if config.held_out is None else held_out_of(place(config.held_out), config, device)
    if held_out is not None:
        metrics.setdefault("copying", Copying())
    captions = captions_for(places, reference, metrics, config)
    target = None if reference is None else target_of(reference, config, device)
    n = config.n if stated & {"n", "protocol"} else None
    sets = {path: opened(path, config, n, device, captions) for path in places}
    everything = [*([] if target is None else [target]), *sets.values()]
    check_range(config, [*places, *(place(str(one)) for one in (reference, config.held_out) if one is not None)])
    if isinstance(held_out, SampleSet) and isinstance(target, SampleSet):
        check_not_in(target, held_out)
    shapes = [found.shape for found in everything if not isinstance(found, Statistics)]
    features = prepared(instantiate(config.features), shapes[0]) if shapes else None
    figures = {}
    for path, found in sets.items():
        names = (str(path), str(reference))
        figures[str(path)] = _figures(found, target or found, names, features, metrics, device, held_out)
    known = None if features is None else space(features)
    unsure = any(one.features != known or known is None for one in everything if isinstance(one, Statistics))
    drawn = any(one.sampling for one in everything if not isinstance(one, Statistics))
    if config.protocol is not None and (unsure or drawn):
        why = "statistics that do not say they are of its features" if unsure else "sampling that is not plain"
        print(f"warning: protocol={config.protocol}: not with {why}; the figures do not bear its name", file=sys.stderr)
        config.protocol = None
    return {
        "against": str(reference or captions),
        "captions": None if captions is None else str(captions),
        "features": "as the files say" if features is None else space(features),
        "protocol": config.protocol,
        "flips": config.flips,
        "seed": config.seed,
        "figures": figures,
    }


def captions_for(
    places: list[Path], reference: Path | None, metrics: Mapping[str, Any], config: DictConfig
) -> Path | None:
    """The list of what the pictures of each place are to show, if there is one.

    Raises:
        UserError: it acts on nothing, or stands in for a reference that a metric or an option needs.
    """
    if config.captions is None:
        return None
    others = [name for name, metric in metrics.items() if "texts" not in metric.needs]
    if len(others) == len(metrics):
        raise UserError("captions: acts with metric=clip_score; leave it out")
    without = next((path for path in places if holds_runs(path) or _is_statistics(path)), None)
    if without is not None:
        raise UserError(f"captions: say what pictures show, and {without} is none of them; leave it out")
    if reference is None:
        others += [f"{name}={config[name]}" for name in ("real", "flips", "held_out") if config[name]]
    if reference is None and others:
        raise UserError(
            f"{', '.join(others)}: of a reference; name it, gan-lab evaluate {places[0]} "
            "against=REFERENCE, or take metric=clip_score alone"
        )
    return place(config.captions)


def target_of(path: Path, config: DictConfig, device: str) -> "SampleSet | Statistics":
    """The reference: `real` of its samples or all, with mirror images if these count."""
    real = None if config.real == "all" else config.real
    found = opened(path, config, None if config.flips else real, device)
    return with_mirror_images(found, path, real) if config.flips else found


def held_out_of(path: Path, config: DictConfig, device: str) -> "SampleSet | Statistics":
    """Real samples that were not learnt from. Raises UserError where a generator would draw them."""
    if holds_generator(path):
        raise UserError(f"held_out={path}: holds a generator, and must be real pictures that none has learnt from")
    return opened(path, config, None, device)


def with_mirror_images(found: "SampleSet | Statistics", path: Path, n: int | None) -> "SampleSet":
    """The first n of the pictures, all of these, and their mirror images after them; None: all of both.

    Raises:
        UserError: there are no pictures, or fewer than n with their mirror images.
    """
    from gan_lab.evaluation.sets import SampleSet
    from gan_lab.metrics.samples import mirrored

    if not isinstance(found, SampleSet) or holds_generator(path):
        raise UserError(f"flips=true: mirrors pictures, and {path} holds none; leave it out")
    if n is not None and n > 2 * found.n:
        raise UserError(f"{path}: has {found.n} pictures and their mirror images, fewer than the {n} asked for")
    return found._replace(n=n or 2 * found.n, batches=lambda: mirrored(found.batches, found.n))


def check_acts(stated: set[str], places: list[Path]) -> None:
    """Raise a UserError where an option that was given acts on none of these sets."""
    generators = [path for path in places if holds_generator(path)]
    others = [path for path in places if path not in generators]
    kinds = {
        "a run is compared with its own data": (OF_RUNS, False),
        "a generator draws samples": (OF_GENERATORS, bool(generators)),
        "pictures are read": (OF_PICTURES, any(not _is_statistics(path) for path in others)),
        "samples are read or drawn": (OF_SAMPLES, bool(generators) or any(not _is_statistics(p) for p in others)),
    }
    for where, (names, acts) in kinds.items():
        idle = next((name for name in names if name in stated and not acts), None)
        if idle is not None:
            raise UserError(f"{idle}: acts where {where}; leave it out")


def check_range(config: DictConfig, places: list[Path]) -> None:
    """Raise a UserError where there is a range, and none of these sets has pictures that it acts on."""
    from gan_lab.evaluation.sets import has_deep_pictures

    read = (path for path in places if not holds_generator(path) and not _is_statistics(path))
    if config.range is not None and not any(map(has_deep_pictures, read)):
        raise UserError("range: acts on pictures of more than 8 bits, and there are none; leave it out")


def _is_statistics(path: Path) -> bool:
    from gan_lab.evaluation.statistics import is_statistics

    return path.suffix.lower() == ".npz" and is_statistics(path)


def opened(
    path: Path, config: DictConfig, n: int | None, device: str, captions: Path | None = None
) -> "SampleSet | Statistics":
    """The set of samples at a place: n of them, or all; of a generator as many as are usual.

    Raises:
        UserError: there is none, or it does not have n.
    """
    from gan_lab.cli.data_options import in_our_words
    from gan_lab.evaluation.sets import pictures
    from gan_lab.evaluation.statistics import read_statistics

    if _is_statistics(path):
        statistics = read_statistics(path)
        if n not in (None, statistics.n):
            raise UserError(
                f"{path}: statistics are of as many samples as they are; leave n and real out, and a protocol of {n}"
            )
        return statistics
    if holds_generator(path):
        return generated_set(path, config, n or USUAL, device)
    size = None if config.image_size is None else sides(config.image_size)
    try:
        return pictures(path, size, n, config.seed, config.batch_size, captions, config.range)
    except UserError as error:
        raise UserError(in_our_words(str(error))) from error


def sides(image_size: Any) -> tuple[int, int]:
    """Height and width of `image_size`, a number or two of them."""
    return (image_size, image_size) if isinstance(image_size, int) else (image_size[0], image_size[1])


def generated_set(path: Path, config: DictConfig, n: int, device: str) -> "SampleSet":
    """n samples of the generator of a run, of a conditional one with all classes in turn.

    Raises:
        UserError: there is none, or what it takes is no class.
    """
    import torch

    from gan_lab.evaluation.sets import CHANNELS, SampleSet
    from gan_lab.experiment.trained import sampling_of, settings_of, trained_of
    from gan_lab.io.weights import find_weights, read_weights
    from gan_lab.metrics.samples import generated
    from gan_lab.sampling import noise_of
    from gan_lab.seeding import derive_seed
    from gan_lab.types import Batch

    checkpoint = None if config.checkpoint is None else str(config.checkpoint)
    found = read_weights(find_weights(path, checkpoint))
    recipe, (generator, latent) = found.recipe, rebuilt(found.generator(), config.weights, config.trust)
    if "degradation" in recipe or ("num_classes" in recipe and recipe["num_classes"] is None):
        raise UserError(f"{path}: its generator takes the condition of its data; evaluate it by itself")
    if config.image_size is not None:
        raise UserError(f"image_size={config.image_size}: does not resize what {path} generates; leave it out")
    classes, seed = recipe.get("num_classes"), derive_seed(config.seed, "evaluation")
    z = noise_of(latent, n, seed)
    generator.to(device)
    sampling = sampling_of(recipe, config.get("sampling"))
    sampler = sampling.sampler(trained_of(found, generator, latent, sampling, config.trust, config.root, device))

    def sample(z: torch.Tensor, y: torch.Tensor | None, seed: int, first: int = 0) -> torch.Tensor:
        x = sampler(z, y, seed, first)
        return x.expand(-1, CHANNELS, -1, -1) if x.ndim == 4 and x.shape[1] == 1 else x

    def batches() -> Any:
        ys = (torch.arange(n) % classes).split(config.batch_size) if classes else ()
        asked = (Batch(y, y) for y in ys) if classes else None
        return generated(sample, z, config.batch_size, asked, seed)

    shape = tuple(next(batches()).x.shape[1:])
    names = [str(name) for name in recipe["classes"]] if classes and recipe.get("classes") else None
    settings = settings_of(sampling, config.get("sampling") or recipe.get("sampling"))
    return SampleSet(str(path), shape, n, batches, names, sampling=settings)


def _figures(
    fake: "SampleSet | Statistics",
    real: "SampleSet | Statistics",
    names: tuple[str, str],
    features: "Features | None",
    metrics: Mapping[str, Any],
    device: str,
    held_out: "SampleSet | Statistics | None" = None,
) -> dict[str, Any]:
    from gan_lab.evaluation.sets import check_same_space, compare_sets, compression, statistics_of
    from gan_lab.evaluation.statistics import Statistics
    from gan_lab.metrics.distances import between_gaussians
    from gan_lab.metrics.metric import Doubting, measure

    if isinstance(fake, Statistics) or isinstance(real, Statistics) or isinstance(held_out, Statistics):
        if held_out is not None:
            raise UserError("held_out: copies are looked for among samples, not statistics; leave it out")
        if list(metrics) != ["frechet"]:
            named = ", ".join(metrics)
            raise UserError(f"metric=[{named}]: of statistics there is the Frechet distance alone; take metric=frechet")
        both = []
        for one in (fake, real):
            if isinstance(one, Statistics):
                both.append(one)
            else:
                assert features is not None
                both.append(statistics_of(one, features, device))
        check_same_space(both[0], both[1], names)
        return {"frechet": between_gaussians(both[0][:2], both[1][:2]), "n": both[0].n, "n_real": both[1].n}
    assert features is not None
    seen_real, seen_fake = compare_sets(fake, real, features, metrics, device, held_out)
    found: dict[str, Any] = {}
    doubts = compression(fake, real)
    for name, values in measure(metrics, seen_real, seen_fake).items():
        found |= values
        doubts += metrics[name].doubts(seen_real, seen_fake) if isinstance(metrics[name], Doubting) else []
    found |= {"sampling": fake.sampling} if fake.sampling else {}
    found |= {"sampling_real": real.sampling} if real.sampling else {}
    counts = {"n": fake.n} if fake is real else {"n": fake.n, "n_real": real.n}
    return {**found, **counts, **({"doubts": "; ".join(dict.fromkeys(doubts))} if doubts else {})}


def in_words(result: Mapping[str, Any]) -> str:
    """The figures of each set, a line each, and what they are of."""
    lines = []
    for name, figures in result["figures"].items():
        lines.append(f"{name} against {result['against']}")
        for figure, value in figures.items():
            if isinstance(value, float) and not figure.endswith("/error"):
                error = figures.get(f"{figure}/error")
                lines.append(f"  {figure} {value:.5g}" + ("" if error is None else f" ± {error:.2g} (standard error)"))
        of = f" and {figures['n_real'] or 'an unknown number'} of the reference" if "n_real" in figures else ""
        if of:
            z = along({f"evaluation/{figure}": value for figure, value in figures.items()})
            can_be = z is None and not any(_is_statistics(Path(one)) for one in (name, result["against"]))
            cure = "; where the reference is what was learnt from: held_out=FOLDER of other pictures" if can_be else ""
            lines.append(f"  copies of the reference: {copies(z)}{cure}")
        lines.append(f"  {figures['n'] or 'an unknown number of'} samples{of}, seed {result['seed']}")
    named = [f"protocol: {result['protocol']}"] if result["protocol"] else []
    return "\n".join([*lines, f"features: {result['features']}", *named])


def as_json(result: Mapping[str, Any]) -> str:
    return in_json(result)
