"""Check of a condition that is an image."""

from torch import Tensor

from gan_lab.errors import UserError


def image_condition(y: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """y (N, *shape), as it is.

    Raises:
        UserError: it is something else, such as labels or an image of another size.
    """
    if tuple(y.shape[1:]) != tuple(shape):
        has = f"images {tuple(y.shape[1:])}" if y.ndim == 4 else f"no images but (N, *{list(y.shape[1:])})"
        raise UserError(f"the condition must be images {tuple(shape)}, and it is {has}; degradation=... chooses it")
    return y
