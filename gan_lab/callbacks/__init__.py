"""What watches a run: nothing here changes the game."""
