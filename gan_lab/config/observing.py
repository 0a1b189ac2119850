"""Overrides that change what a run computes, and those that only change where and how it is observed."""

PLACES = (
    "data.root",
    "data.workers",
    "data.skip_corrupt",
    "data.memory",
    "data.cache",
)  # where data lie, and how they are read
WATCHING = ("resume", "objective", "directory", "callbacks", "logger", "hydra", *PLACES)
ACTING = (  # callbacks that change what comes out, chosen or set, and what decides which checkpoint is the best
    "adaptive_augment", "early_stopping", "fading_blur", "callbacks.checkpoint.monitor", "callbacks.checkpoint.mode",
)  # fmt: skip


def key_of(override: str) -> str:
    """`+a.b=1` -> `a.b`; `term@d_terms=[r1]` -> `d_terms`"""
    group = override.lstrip("+~").partition("=")[0]
    return group.partition("@")[2] or group


def only_observes(override: str) -> bool:
    """Whether runs that differ by this override play the same game."""
    key = key_of(override) + "."
    return key.startswith(tuple(f"{part}." for part in WATCHING)) and not any(name in override for name in ACTING)
