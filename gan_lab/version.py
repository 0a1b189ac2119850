"""Version of gan_lab."""

__version__ = "0.2.0"
