"""What D is shown in place of the images themselves: transformations, drawn for each, and the aid that applies them."""

from gan_lab.augment import adaptive, diff_augment
from gan_lab.augment.aid import Augmented

__all__ = ["Augmented", "adaptive", "diff_augment"]
