"""Metrics that an evaluation offers: each applies a pure function to two sets of samples.

A metric says of each of its `figures` where it is best, and in `needs` which views of the samples, beside their
features, it cannot do without, so that it is refused before anything is computed. The standard error of NAME is
NAME/error, where one is known; `error_source` says of what it is the error.
"""
