"""gan_lab: experiments on generative adversarial networks as the two-player games that they are."""

__version__ = "0.2.0"
