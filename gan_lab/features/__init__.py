"""Features of samples: points between which distances mean something."""
