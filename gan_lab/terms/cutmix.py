"""CutMix consistency of a discriminator that judges every pixel (Schoenfeld, Schiele & Khoreva 2020)."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from gan_lab.errors import UserError
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class CutMix(Term):
    """E (D(M x + (1 - M) G(z)) - M D(x) - (1 - M) D(G(z)))^2 over samples and pixels, of pixel logits (eq. 7).

    M is 0 in a box and 1 outside, or the other way round, with equal chances, for each sample. The box has a share
    u ~ U(0, 1) of the area and the image's proportions; its centre is uniform, and what lies outside the image is cut
    off. Pixel logits are those (N, H, W) of D's scales. The authors also let D call the mixed images fake, and mix
    more and more often during the first epochs: neither is part of this term.

    Raises:
        UserError: D has no logits for pixels.
    """

    acts_on = ("d",)

    def value(self, context: StepContext) -> Tensor:
        size = context.real.shape[-2:]
        kept = boxes(len(context.real), size[0], size[1], context.real.device)
        mask = kept[:, None]
        mixed = context.discriminate(mask * context.real + (1 - mask) * context.fake.detach())
        for scale, logits in enumerate(mixed.scales):
            if logits.shape[1:] == size:
                of_real, of_fake = (output.scales[scale] for output in (context.real_output, context.fake_output))
                return mse_loss(logits, kept * of_real + (1 - kept) * of_fake)
        raise UserError("cutmix: D has no logits for pixels; take model=unet_d")


def boxes(n: int, height: int, width: int, device: torch.device) -> Tensor:
    """n masks (n, height, width) of 0 and 1, each a box in which it differs from the rest."""
    area, flip, *centre = torch.rand(4, n, 1, device=device)
    inside = []
    for side, middle in zip((height, width), centre, strict=True):
        half, middle = torch.floor(area.sqrt() * side) // 2, torch.floor(middle * side)
        places = torch.arange(side, device=device)
        inside.append((places >= middle - half) & (places < middle + half))
    box = inside[0][:, :, None] & inside[1][:, None, :]
    return (box ^ (flip < 0.5)[:, :, None]).float()
