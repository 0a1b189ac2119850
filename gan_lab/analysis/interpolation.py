"""Interpolation between samples, along paths of the latent space."""

import torch
from torch import Tensor

from gan_lab.analysis.space import Space, Styles, space_of
from gan_lab.analysis.subject import Finding, Subject, check_images
from gan_lab.latents import Normal
from gan_lab.plots.rows import Row, labelled_rows
from gan_lab.sampling import sampled

ROWS, POINTS = 8, 10


def path(space: Space, a: Tensor, b: Tensor, y: Tensor | None, points: int, seed: int = 0) -> Tensor:
    """Samples (N, points, *shape) on the paths from codes a (N, ...) to b, ends included; y keeps to its row."""
    codes = space.between(a, b, torch.linspace(0, 1, points)).flatten(0, 1)
    ys = None if y is None else y.repeat_interleave(points)
    return sampled(space.generate, codes, ys, seed).cpu().unflatten(0, (len(a), points))


def analyse(subject: Subject) -> Finding:
    """Rows from one sample to another, of one class each; smooth paths without a jump speak against memorisation."""
    check_images(subject)
    space, y = space_of(subject.trained), None if subject.y is None else subject.y[:ROWS]
    count = len(subject.z[:ROWS])
    a, b = space.codes(subject.z[:count], y), space.codes(subject.z[-count:].flip(0), y)
    rows = [Row("", (row[:1], row[1:-1], row[-1:])) for row in path(space, a, b, y, POINTS, subject.seed)]
    if isinstance(space, Styles):
        how = "straight lines in the space of styles, w"
    elif isinstance(subject.trained.latent, Normal):
        how = "great circles in the space of noise, z"
    else:
        how = "straight lines in the space of noise, z"
    kept = "" if y is None else " The class stays the same along a row."
    return Finding(
        labelled_rows("Interpolation", ("from", "", "to"), rows), f"From one sample to another along {how}.{kept}"
    )
