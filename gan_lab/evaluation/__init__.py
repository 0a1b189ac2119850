"""Evaluation of a generator by metrics, and the comparison of several."""
