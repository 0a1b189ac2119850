"""Figures of curves and densities, and grids of images."""
