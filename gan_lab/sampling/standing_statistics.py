"""Standing statistics: batch normalisation of a generator by the statistics of many of its own samples."""

from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.sampling.estimation import inputs
from gan_lab.sampling.protocol import Sampler, Trained
from gan_lab.sampling.truncation import Truncation
from gan_lab.seeding import derive_seed


@dataclass(frozen=True)
class StandingStatistics:
    """Means and variances of each batch normalisation in G are those of `batches` batches of noise, averaged.

    They take the place of the moving averages of training, which are of earlier weights (Brock et al. 2019;
    ajbrock/BigGAN-PyTorch). Labels are uniform. A variance is the mean over batches of that within a batch, without
    bias. With `truncation`, statistics and samples are both of truncated noise. Weights stay as they are: a spectral
    normalisation makes no further step.

    Raises:
        UserError: G has no batch normalisation with running statistics; or as `Truncation`.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    redraws: ClassVar[bool] = False
    moves_norms: ClassVar[bool] = True  # by calls in training mode

    batches: PositiveInt = 16
    batch_size: PositiveInt = 256
    truncation: NonNegativeFloat = 1.0

    @torch.no_grad()
    def sampler(self, trained: Trained) -> Sampler:
        standing = trained._replace(generator=deepcopy(trained.generator))
        norms = [part for part in standing.generator.modules() if isinstance(part, _BatchNorm)]
        norms = [norm for norm in norms if norm.track_running_stats]
        if not norms:
            raise UserError(
                f"sampling=standing_statistics: {type(trained.generator).__name__} has no batch normalisation; take "
                "sampling=plain"
            )
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over batches
            norm.train()
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(derive_seed(0, "standing statistics"))  # of what G draws itself
            for i in range(self.batches):
                z, y = inputs(trained, self.batch_size, "standing statistics", i)
                standing.generate(trained.latent.truncate(z, self.truncation), y)
        standing.generator.eval()
        return Truncation(self.truncation).sampler(standing)
