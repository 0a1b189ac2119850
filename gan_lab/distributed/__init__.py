"""Several processes: collectives, and the Lightning strategy whose replicas share a batch."""
