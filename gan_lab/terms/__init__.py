"""Terms: weighted penalties and aims of one player, added to its loss, and constraints on its weights."""

from gan_lab.terms.codes import MutualInformation
from gan_lab.terms.images import Consistency, ModeSeeking, ModeSeekingInverse, Reconstruction
from gan_lab.terms.labels import AuxiliaryClassifier, FeatureMatching, Supervised
from gan_lab.terms.penalties import R1, R2, GradientPenalty, WeightClip
from gan_lab.terms.term import Term

__all__ = [
    "R1",
    "R2",
    "AuxiliaryClassifier",
    "Consistency",
    "FeatureMatching",
    "GradientPenalty",
    "ModeSeeking",
    "ModeSeekingInverse",
    "MutualInformation",
    "Reconstruction",
    "Supervised",
    "Term",
    "WeightClip",
]
