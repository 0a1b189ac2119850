"""Shape of images in a configuration: `${image_shape:channels,size}`, where the size is a side or [height, width]."""

from collections.abc import Sequence

from omegaconf import ListConfig, OmegaConf


def image_shape(channels: int, size: int | Sequence[int]) -> ListConfig:
    """[C, H, W]; a size that is neither stays as it is, for the check of the shape to refuse."""
    sides = list(size) if isinstance(size, Sequence) and not isinstance(size, str) else [size, size]
    return ListConfig([channels, *sides])


OmegaConf.register_new_resolver("image_shape", image_shape, replace=True)
