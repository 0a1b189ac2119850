"""Who moves when: strategies that play one round of the game."""

from gan_lab.updates.alternating import Alternating
from gan_lab.updates.simultaneous import Simultaneous

__all__ = ["Alternating", "Simultaneous"]
