"""The life of a run's processes."""
