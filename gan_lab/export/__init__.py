"""Generators in the formats of other programs."""
