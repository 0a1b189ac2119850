"""Networks for the two players: any generator goes with any discriminator of the same sample shape."""
