"""gan_lab: experiments on generative adversarial networks as the two-player games that they are.

Names are looked up in `gan_lab.api` at their first use, so that `import gan_lab` takes no time, and a mistake in a
configuration is found before anything heavy is imported.
"""

from typing import TYPE_CHECKING, Any

from gan_lab.errors import UserError
from gan_lab.version import __version__

if TYPE_CHECKING:
    from gan_lab.api import Experiment, TrainedRun, build, compare, compose, evaluate, load, train

__all__ = [
    "Experiment",
    "TrainedRun",
    "UserError",
    "__version__",
    "build",
    "compare",
    "compose",
    "evaluate",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gan_lab import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
