"""gan_lab: experiments on generative adversarial networks as the two-player games that they are.

Kept empty on purpose: the configuration is checked before anything heavy is imported.
"""
