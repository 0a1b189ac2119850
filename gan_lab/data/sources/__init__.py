"""Pictures where they lie: folders, archives and arrays, all of which are n items and item i."""
