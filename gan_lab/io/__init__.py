"""Files of a run: their format, and how they are written and read."""
