"""What samples are worth, as pure functions of arrays."""
