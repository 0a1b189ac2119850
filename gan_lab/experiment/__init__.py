"""Experiment: from a checked configuration to a finished run directory."""
