"""Ensemble of several seeds of one experiment, trained by one process."""
