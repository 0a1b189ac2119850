"""Pages of runs and of comparisons: one HTML file each, which needs neither a server nor a network."""
