"""Sweeps: their plan, identity and search."""
