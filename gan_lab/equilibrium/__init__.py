"""Distance from equilibrium: pure functions of logits, samples, densities and published figures.

At equilibrium p_g = p_data and no D tells the two apart. What proves how much of that: `samples` judges batches,
`quadrature` known densities, `duality` the players themselves, `audit` the samples by an independent discriminator, and
`verdict` the record of a run, in words.
"""
