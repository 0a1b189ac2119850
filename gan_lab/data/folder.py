"""Folder of images as version 0.1 read it, for the runs that have learnt from it."""

from typing import Literal

from gan_lab.data.identity import DataIdentity
from gan_lab.data.images import Images
from gan_lab.ranges import NonNegativeInt, PositiveInt, Rectangle


class ImageFolder(Images):
    """What `data=image_folder` was: `Images` with a bilinear filter, known by the names and sizes of the files alone.

    Only the configurations of old runs name it, so that they can be evaluated; new ones take `data=images`. Pictures
    that are transparent or have more than 8 bits are shown as `Images` shows them.
    """

    def __init__(
        self,
        root: str,
        shape: Rectangle,
        num_classes: PositiveInt | None,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        crop: Literal["center", "random"] = "center",
        flip: bool = False,
        workers: NonNegativeInt = 2,
        skip_corrupt: bool = False,
    ) -> None:
        super().__init__(
            root,
            shape,
            num_classes,
            batch_size,
            seed,
            crop,
            flip,
            workers,
            skip_corrupt,
            labels="folders",
            resample="bilinear",
        )

    @property
    def identity(self) -> DataIdentity:
        return super().identity._replace(digest=self.source.digest)
