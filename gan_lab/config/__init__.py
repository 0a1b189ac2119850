"""Checks of a configuration before anything heavy is imported."""
