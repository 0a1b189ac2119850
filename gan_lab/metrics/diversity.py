"""Diversity of a generator's images."""

import math
from random import Random
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from gan_lab.errors import UserError
from gan_lab.metrics.restoration import RANGE, RIM, ssim
from gan_lab.seeding import derive_seed

EXPONENTS = (
    0.0448,
    0.2856,
    0.3001,
    0.2363,
    0.1333,
)  # of the scales, from fine to coarse (Wang et al. 2003, section 3.2)
WINDOW = 2 * RIM + 1


class Similarity(NamedTuple):
    """Mean MS-SSIM of two images of a class: averaged over classes, and of each class (K,) float64."""

    mean: float
    by_class: Tensor


def ms_ssim_diversity(
    images: Tensor, labels: Tensor | None = None, pairs: int = 100, seed: int = 0, chunk: int = 500
) -> Similarity:
    """How alike two images of one class are, at most 1: lower is more diverse (Odena et al. 2017, section 4.2).

    The mean MS-SSIM of `pairs` random pairs (all of them where there are no more) of different images (N, C, H, W) in
    [-1, 1] from each class in `labels` (N,), or from all images. Compare with that of real images: noise is most
    diverse of all. The paper takes 100 pairs of each class; the number of scales, and with it the figure, depends on
    the size of the images, see `ms_ssim`. Classes stand in rising order.

    Raises:
        UserError: a class has a single image.
    """
    if labels is not None and labels.shape != images.shape[:1]:
        raise UserError(f"{len(images)} images need a label each, (N,): not {tuple(labels.shape)}")
    classes = torch.zeros(len(images), dtype=torch.int64) if labels is None else labels.cpu()
    rng, means = Random(derive_seed(seed, "pairs")), []
    for label in classes.unique():
        members = (classes == label).nonzero()[:, 0]
        if len(members) < 2:
            raise UserError(f"class {int(label)}: has one image; a pair needs two")
        possible = len(members) * (len(members) - 1) // 2
        some = members[torch.tensor([pair(p) for p in rng.sample(range(possible), min(pairs, possible))])]
        found = [ms_ssim(images[part[:, 0]], images[part[:, 1]]) for part in some.split(chunk)]
        means.append(torch.cat(found).mean())
    by_class = torch.stack(means)
    return Similarity(by_class.mean().item(), by_class)


def pair(number: int) -> tuple[int, int]:
    """The pairs i < j in a row: (0, 1), (0, 2), (1, 2), (0, 3), ..."""
    j = (1 + math.isqrt(1 + 8 * number)) // 2
    return number - j * (j - 1) // 2, j


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """The multi-scale structural similarity of each pair of images (N, C, H, W) in [-1, 1]: (N,) float64, at most 1.

        ssim_S^(b_S) prod_(j < S) cs_j^(b_j),    cs = (2 s_xy + c_2) / (s_x^2 + s_y^2 + c_2)

    with ssim as in `gan_lab.metrics.restoration`, the images' sides halved by 2 x 2 means from scale to scale, and the
    exponents b of Wang et al. (2003, section 3.2). Their five scales need 176 pixels; smaller images have the first S
    that their 11 x 11 window fits into (28 pixels: two), with exponents scaled to sum to one. Factors below zero
    count as zero.

    Raises:
        UserError: images of different shapes, or of fewer than 11 pixels.
    """
    if x.shape != y.shape or x.ndim != 4 or min(x.shape[2:]) < WINDOW:
        raise UserError(f"images {tuple(x.shape)}, {tuple(y.shape)}: must be (N, C, H, W), H and W at least {WINDOW}")
    x, y = x.double(), y.double()
    fitting = [b for scale, b in enumerate(EXPONENTS) if min(x.shape[2:]) >> scale >= WINDOW]
    product = torch.ones(len(x), dtype=torch.float64, device=x.device)
    for exponent in fitting[:-1]:
        # torchmetrics leaves the rim out of the contrast, but counts it in the similarity, which is ours therefore.
        _, contrast = structural_similarity_index_measure(
            x, y, data_range=RANGE, reduction="none", return_contrast_sensitivity=True
        )
        product = product * contrast.clamp(min=0) ** (exponent / sum(fitting))
        x, y = (F.avg_pool2d(images, 2) for images in (x, y))
    return product * ssim(x, y).clamp(min=0) ** (fitting[-1] / sum(fitting))
