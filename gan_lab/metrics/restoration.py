"""PSNR and SSIM of restored images (N, C, H, W) in [-1, 1]."""

from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from gan_lab.errors import UserError

RANGE = 2.0  # from -1 to 1
RIM = 5  # pixels; half the window of 11


def psnr(restored: Tensor, truth: Tensor) -> Tensor:
    """The peak signal-to-noise ratio of each image in dB: (N,) float64, infinite where they are equal.

    10 log10(2^2 / mean squared error), with 2 the range of the pixels.
    """
    matched(restored, truth)
    return peak_signal_noise_ratio(restored.double(), truth.double(), RANGE, reduction="none", dim=(1, 2, 3))


def ssim(restored: Tensor, truth: Tensor) -> Tensor:
    """The structural similarity of each image: (N,) float64, at most 1; H and W at least 11.

    (2 m_x m_y + c_1) (2 s_xy + c_2) / ((m_x^2 + m_y^2 + c_1) (s_x^2 + s_y^2 + c_2)), with means m and (co)variances s
    under a Gaussian window (sigma 1.5, 11 x 11) around each pixel, c_1 = (0.01 * 2)^2, c_2 = (0.03 * 2)^2; averaged
    over channels and the windows that lie wholly inside (Wang et al. 2004; torchmetrics alone would count the rim).
    """
    matched(restored, truth)
    if min(truth.shape[2:]) <= 2 * RIM:
        raise UserError(f"SSIM needs images of 11 x 11 pixels or more, not {tuple(truth.shape[2:])}")
    found = structural_similarity_index_measure(
        restored.double(), truth.double(), data_range=RANGE, reduction="none", return_full_image=True
    )
    return found[1][..., RIM:-RIM, RIM:-RIM].mean(dim=(1, 2, 3))


def matched(restored: Tensor, truth: Tensor) -> None:
    if restored.shape != truth.shape or truth.ndim != 4:
        raise UserError(f"two sets of images (N, C, H, W): {tuple(restored.shape)}, {tuple(truth.shape)}")
