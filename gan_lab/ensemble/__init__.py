"""Several seeds of one experiment, trained by one process as if they were one game."""
