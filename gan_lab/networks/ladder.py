"""Sizes and widths of the maps between the smallest and an image."""


def ladder(shape: tuple[int, int, int], width: int, max_width: int) -> tuple[tuple[int, int], list[int]]:
    """Height and width of the smallest map, and the channels of all maps from the smallest to the largest.

    Both sides are halved while the smaller is at least 8; channels double meanwhile, from `width` up to `max_width`.
    """
    height, across = shape[1:]
    channels = [min(width, max_width)]
    while min(height, across) >= 8:
        height, across = height // 2, across // 2
        channels.append(min(2 * channels[-1], max_width))
    return (height, across), channels[::-1]
