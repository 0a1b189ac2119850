"""Many runs with one command: what they have in common, and how far they are."""
