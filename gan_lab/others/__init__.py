"""Weights of other frameworks, brought into the networks of this lab."""
