"""From a checked configuration to a finished run: what it comes from, and how it begins."""
