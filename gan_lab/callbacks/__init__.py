"""What watches a run: nothing here changes the game, but for ADA's controller of augmentation."""
