"""Perceptual path length: how far samples move when their latent codes move a little."""

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.latents import Normal
from gan_lab.sampling import Trained, sampled
from gan_lab.types import Styled

OUTLIERS = 0.01  # of the distances at either end
LARGEST = 256  # pixels of a side, to which larger images are averaged down


def path_length(distances: Tensor) -> Tensor:
    """Those of the distances (N,) that count: between their 1st and 99th percentile, both included.

    A percentile that lies between two of them is the lower one below, and the higher one above. The perceptual path
    length is their mean (Karras et al. 2019, section 4.1; NVlabs/stylegan3).
    """
    low = distances.quantile(OUTLIERS, interpolation="lower")
    high = distances.quantile(1 - OUTLIERS, interpolation="higher")
    return distances[(distances >= low) & (distances <= high)]


def arc(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Noise (N, d) at t (N,) on the great circles from a to b (N, d), on the sphere that normal noise lies near.

    Its radius is sqrt(d); only the directions of a and b count.
    """
    a, b = (x / x.norm(dim=1, keepdim=True) for x in (a, b))
    cosine = (a * b).sum(1, keepdim=True)
    across = torch.nn.functional.normalize(b - cosine * a, dim=1)
    angle = t[:, None] * torch.acos(cosine.clamp(-1, 1))
    return a.shape[1] ** 0.5 * (a * torch.cos(angle) + across * torch.sin(angle))


def neighbours_on_paths(
    trained: Trained,
    ends: tuple[Tensor, Tensor],
    t: Tensor,
    y: Tensor | None,
    epsilon: float,
    space: str,
    first: int = 0,
) -> tuple[Tensor, Tensor]:
    """Samples at t and at t + epsilon, (N, *shape) each, on the paths between both ends (N, latent dim) of noise.

    `space` is "w", straight lines between styles, or "z", great circles. Of a generator that draws something itself,
    both are samples of one number, `first` and so on, which see the same draws.

    Raises:
        UserError: the generator has no styles, or its noise is not normal.
    """
    generator = trained.generator
    if space == "w":
        if not isinstance(generator, Styled):
            raise UserError(f"space=w: {type(generator).__name__} has no styles; take space=z")
        labels = None if y is None else y.to(trained.device)
        with torch.no_grad():
            a, b = (generator.styles(end.to(trained.device), labels) for end in ends)
        at = t.view(-1, 1, 1).to(a)
        codes = torch.lerp(a, b, at), torch.lerp(a, b, at + epsilon)
        one, other = (sampled(lambda w, _: generator.synthesise(w), w, None, 0, first) for w in codes)
    else:
        if not isinstance(trained.latent, Normal):
            raise UserError("space=z: takes great circles, on which latent=normal lies alone")
        one, other = (sampled(trained.generate, arc(*ends, at), y, 0, first) for at in (t, t + epsilon))
    return one, other


def centre(images: Tensor) -> Tensor:
    """The part (N, C, H/2, W/2) of square images in which StyleGAN's code looks at faces: below the middle.

    Raises:
        UserError: they are not square, or have fewer than eight pixels a side.
    """
    height, width = images.shape[2:]
    if height != width or height < 8:
        raise UserError(f"crop: needs square images of 8 pixels or more, not {height} x {width}")
    eighth = height // 8
    return images[:, :, 3 * eighth : 7 * eighth, 2 * eighth : 6 * eighth]


def reduced(images: Tensor) -> Tensor:
    """Images of 512 pixels or more averaged down by a whole factor, to 256 where that divides them."""
    factor = images.shape[-1] // LARGEST
    return images if factor < 2 else torch.nn.functional.avg_pool2d(images, factor)


def rounded(images: Tensor) -> Tensor:
    """Images in [-1, 1] on the 256 levels of bytes."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
