"""Analyses of a trained generator: pictures of its samples, its latent space and its distance from the data."""

from gan_lab.analysis import (
    classes,
    directions,
    embedding,
    interpolation,
    inversion,
    neighbours,
    samples,
    spectrum,
    truncation,
)
from gan_lab.analysis.subject import Analysis

ANALYSES: dict[str, Analysis] = {
    "samples": samples.analyse,
    "truncation": truncation.analyse,
    "neighbours": neighbours.analyse,
    "classes": classes.analyse,
    "interpolation": interpolation.analyse,
    "spectrum": spectrum.analyse,
    "embedding": embedding.analyse,
    "directions": directions.analyse,
    "inversion": inversion.analyse,
}
