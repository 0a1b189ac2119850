"""Callbacks: logging, samples, checkpoints, equilibrium. None changes the game, except the controller of ADA."""
