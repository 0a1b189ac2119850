"""Features: what turns samples into points between which distances mean something."""
