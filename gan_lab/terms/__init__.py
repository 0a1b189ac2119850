"""Terms: weighted penalties and aims of one player, added to its loss, and constraints on its weights."""

from gan_lab.terms.codes import InvariantInformation, MutualInformation
from gan_lab.terms.consistency_regularisation import ConsistencyRegularisation, LatentConsistency, LatentDiversity
from gan_lab.terms.contrastive import ConditionalContrastive, DataToDataCrossEntropy
from gan_lab.terms.cutmix import CutMix
from gan_lab.terms.finite_differences import ApproximateR1, ApproximateR2
from gan_lab.terms.images import Consistency, ModeSeeking, ModeSeekingInverse, Reconstruction
from gan_lab.terms.labels import AuxiliaryClassifier, FeatureMatching, Supervised
from gan_lab.terms.lecam import LeCam
from gan_lab.terms.orthogonal import Orthogonal
from gan_lab.terms.path_length import PathLength
from gan_lab.terms.penalties import DRAGAN, R1, R2, GradientPenalty, MaxGradientPenalty, WeightClip
from gan_lab.terms.rotations import Rotations
from gan_lab.terms.term import Term
from gan_lab.terms.twin_classifiers import DiscriminativeClassifier, TwinAuxiliaryClassifier

__all__ = [
    "DRAGAN",
    "R1",
    "R2",
    "ApproximateR1",
    "ApproximateR2",
    "AuxiliaryClassifier",
    "ConditionalContrastive",
    "Consistency",
    "ConsistencyRegularisation",
    "CutMix",
    "DataToDataCrossEntropy",
    "DiscriminativeClassifier",
    "FeatureMatching",
    "GradientPenalty",
    "InvariantInformation",
    "LatentConsistency",
    "LatentDiversity",
    "LeCam",
    "MaxGradientPenalty",
    "ModeSeeking",
    "ModeSeekingInverse",
    "MutualInformation",
    "Orthogonal",
    "PathLength",
    "Reconstruction",
    "Rotations",
    "Supervised",
    "Term",
    "TwinAuxiliaryClassifier",
    "WeightClip",
]
