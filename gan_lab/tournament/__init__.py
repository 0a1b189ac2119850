"""Tournaments: contestants at equal budgets, their search, final runs, and what the figures decide."""
