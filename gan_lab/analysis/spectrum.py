"""Power spectrum of images, averaged over directions."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_lab.analysis.subject import Finding, Subject, check_images
from gan_lab.errors import UserError
from gan_lab.plots.analyses import spectra

AT_ONCE = 64  # images whose transforms, of 16 bytes a number, are in memory


class Spectrum(NamedTuple):
    """Frequencies (K,) in cycles per pixel, from 0 to 1/2, and the power (N, K) of each image there."""

    frequencies: Tensor
    power: Tensor


def radial_power(images: Tensor) -> Spectrum:
    """The power of images (N, C, H, W), averaged over channels and over rings of frequencies.

        P_j = mean over |f| nearest to j / min(H, W) of |sum_x I(x) exp(-2 pi i f x)|^2 / (H W)

    In the square of the images' unit: of white noise of variance s^2 it is s^2 at all frequencies. No window is
    applied, so that edges which do not meet count as a jump. Frequencies beyond 1/2, which only the diagonals have, are
    left out.
    """
    height, width = images.shape[-2:]
    down, across = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    side = min(height, width)
    rings = (side * torch.hypot(down[:, None], across[None])).round().long().flatten()
    kept = rings <= side // 2
    transformed = (torch.fft.fft2(part.double()) for part in images.split(AT_ONCE))
    power = torch.cat([part.abs().square().mean(1).flatten(1)[:, kept] for part in transformed]) / (height * width)
    sums = torch.zeros(len(images), side // 2 + 1, dtype=torch.float64).index_add_(1, rings[kept], power)
    return Spectrum(torch.arange(side // 2 + 1) / side, sums / rings[kept].bincount())


def analyse(subject: Subject) -> Finding:
    """Power of real and of generated images over frequency, and their ratio.

    Raises:
        UserError: the images are too small to have frequencies.
    """
    check_images(subject)
    if min(subject.fake.images.shape[-2:]) < 4:
        raise UserError("needs images of 4 pixels or more")
    real, fake = (radial_power(of.images) for of in (subject.real, subject.fake))
    return Finding(
        spectra(real.frequencies, real.power, fake.power),
        f"Of {subject.real.n} real and {subject.fake.n} generated images, values in [-1, 1]. Left: the mean, and the "
        "band that holds the middle 80 % of images. Right: the means' ratio with its 95 % interval; 1 is right. Too "
        "little on the right-hand side is blur, too much is noise or the pattern of an enlargement.",
    )
