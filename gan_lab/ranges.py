"""Annotated ranges of numbers, which parts use in their signatures.

As annotations they are only int, float and tuple; the configuration check reads the bounds out of them.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

__all__ = [
    "DoublingImageShape",
    "DoublingRectangle",
    "ImageShape",
    "NonNegativeFloat",
    "NonNegativeInt",
    "OpenUnitInterval",
    "PositiveFloat",
    "PositiveInt",
    "PowerOfTwoSquare",
    "QuarteringRectangle",
    "Rectangle",
    "Shape",
    "UnitInterval",
]


def _square(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if shape[1] != shape[2]:
        raise ValueError("must be (channels, height, width) with height = width")
    return shape


def _doubling(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    side = _square(shape)[1]
    while side >= 8 and side % 2 == 0:
        side //= 2
    if not 4 <= side < 8 or side == shape[1]:
        raise ValueError(
            "its image size must be 4, 5, 6 or 7 doubled at least once: 8, 10, 12, 14, 16, 20, 24, 28, 32, ..."
        )
    return shape


def _doubling_rectangle(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    height, width = shape[1:]
    while min(height, width) >= 8 and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2
    if not 4 <= min(height, width) < 8 or height == shape[1]:
        raise ValueError(
            "its image size must be one, doubled at least once, whose smaller side is 4, 5, 6 or 7: 8, 12, 28, 32, ... "
            "or [32, 64]"
        )
    return shape


def _quartering(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if shape[1] % 4 or shape[2] % 4:
        raise ValueError("its image size must be a multiple of 4")
    return shape


def _power_of_two(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    side = _square(shape)[1]
    if side < 8 or side & (side - 1):
        raise ValueError("its image size must be a power of 2, at least 8")
    return shape


UnitInterval = Annotated[float, Field(ge=0, le=1)]
OpenUnitInterval = Annotated[float, Field(gt=0, lt=1)]
Shape = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
ImageShape = Annotated[tuple[PositiveInt, PositiveInt, PositiveInt], AfterValidator(_square)]
Rectangle = tuple[PositiveInt, PositiveInt, PositiveInt]  # channels, height, width
DoublingRectangle = Annotated[Rectangle, AfterValidator(_doubling_rectangle)]
DoublingImageShape = Annotated[tuple[PositiveInt, PositiveInt, PositiveInt], AfterValidator(_doubling)]
PowerOfTwoSquare = Annotated[Rectangle, AfterValidator(_power_of_two)]
QuarteringRectangle = Annotated[Rectangle, AfterValidator(_quartering)]
