"""Optimisers that torch lacks, and differentiable steps of any optimiser."""

from gan_lab.optimizers.foresight import Foresight
from gan_lab.optimizers.optimistic_adam import OptimisticAdam
from gan_lab.optimizers.root_adam import RootAdam

__all__ = ["Foresight", "OptimisticAdam", "RootAdam"]
