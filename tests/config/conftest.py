"""A package of made-up parts to check."""

from helpers.fake_parts import lab

__all__ = ["lab"]
