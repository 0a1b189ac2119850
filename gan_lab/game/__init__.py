"""The game: the LightningModule, the players, and what one step of a round sees."""
