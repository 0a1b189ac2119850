"""Self-supervision by rotations (SSGAN): D says by how many quarter turns an image was turned."""

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class Rotations(Term):
    """-E log Q(r | x turned by r quarters), D's over real samples, G's over its own (Chen et al. 2019, eqs. 2 and 3).

    Q is the softmax of D's class logits, which `wrapper=rotation_head` makes. r is 0 for the first quarter of the
    batch, 1 for the second, and so on, as in kwotsin/mimicry: sample i has r = floor(4 i / N). So D sees N more images
    a step. Weights there and in the paper are 1 for D and 0.2 for G. In a conditional game D is given a turned image
    with its own y.

    Raises:
        UserError: the samples are no square images, or D does not say which way they were turned.
    """

    def value(self, context: StepContext) -> Tensor:
        x = context.real if self.player == "d" else context.fake
        if x.ndim != 4 or x.shape[2] != x.shape[3]:
            raise UserError(f"rotations: turns square images (N, C, H, H), and samples are {tuple(x.shape)}")
        turned, r = quarter_turned(x)
        class_logits = context.discriminate(turned).class_logits
        if class_logits is None or class_logits.shape[1] != 4:
            raise UserError("rotations: D does not tell turned images apart; add wrapper@d_wrappers=[rotation_head]")
        return F.cross_entropy(class_logits, r)


def quarter_turned(x: Tensor) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, H) turned anticlockwise by r quarters, and r (N,), which grows from 0 to 3 along the batch."""
    n = len(x)
    r = torch.arange(n, device=x.device) * 4 // n
    ends = [-(-n * quarter // 4) for quarter in range(5)]  # the first sample of each quarter, rounded up
    return torch.cat([x[ends[k] : ends[k + 1]].rot90(k, (2, 3)) for k in range(4)]), r
