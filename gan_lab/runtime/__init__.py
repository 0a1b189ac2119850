"""Processes of a run: locks, SLURM, memory, imports."""
