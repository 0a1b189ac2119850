"""Error messages of what differentiates gradients."""

from collections.abc import Iterator
from contextlib import contextmanager

from gan_lab.errors import UserError


@contextmanager
def higher_order(who: str = "update") -> Iterator[None]:
    """Where `who` takes gradients of gradients: torch's refusals become one line.

    A term that holds a gradient, such as R1, is thereby differentiated three times, which batch normalisation, for
    one, is not capable of.
    """
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        if "derivative" not in reason and "differentia" not in reason:
            raise
        raise UserError(
            f"{who}: it differentiates gradients, which these networks and terms do not allow ({reason.rstrip('.')}); "
            "leave out terms that hold gradients, or take networks without batch normalisation, such as model=mlp"
        ) from error
