"""What can be known about a configuration before anything heavy is imported."""
