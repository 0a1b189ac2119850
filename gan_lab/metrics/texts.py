"""Agreement of images with texts."""

from torch import Tensor
from torch.nn import functional as F

from gan_lab.errors import UserError


def clip_scores(images: Tensor, texts: Tensor, weight: float = 2.5) -> Tensor:
    """The CLIP-S of each image embedding (N, F) and its text's (N, F): (N,) float64, 0 to `weight`; higher is better.

        w max(cos(image, text), 0)

    (Hessel et al. 2021, section 3).

    Raises:
        UserError: the shapes differ.
    """
    if images.shape != texts.shape or images.ndim != 2:
        raise UserError(f"images {list(images.shape)} and texts {list(texts.shape)}: must both be (N, F)")
    return weight * F.cosine_similarity(images.double(), texts.double()).clamp_min(0)
