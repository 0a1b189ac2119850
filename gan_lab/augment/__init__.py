"""Augmentations that D is shown in place of the images, drawn for each image, and the wrapper that applies them."""

from gan_lab.augment import adaptive, diff_augment
from gan_lab.augment.wrapper import Augmented

__all__ = ["Augmented", "adaptive", "diff_augment"]
