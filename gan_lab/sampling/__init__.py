"""Sampling: how samples are drawn from a trained generator, with or without its discriminator."""

from gan_lab.sampling.calibration import Isotonic, Logistic
from gan_lab.sampling.draws import in_batches, noise_of, sampled
from gan_lab.sampling.langevin import Langevin
from gan_lab.sampling.metropolis_hastings import MetropolisHastings
from gan_lab.sampling.plain import PLAIN, Plain
from gan_lab.sampling.protocol import Sampler, Sampling, Trained
from gan_lab.sampling.rejection import Rejection
from gan_lab.sampling.standing_statistics import StandingStatistics
from gan_lab.sampling.truncation import StyleTruncation, Truncation

__all__ = [
    "PLAIN",
    "Isotonic",
    "Langevin",
    "Logistic",
    "MetropolisHastings",
    "Plain",
    "Rejection",
    "Sampler",
    "Sampling",
    "StandingStatistics",
    "StyleTruncation",
    "Trained",
    "Truncation",
    "in_batches",
    "noise_of",
    "sampled",
]
