"""Updates: strategies that play one round and decide which player moves when."""

from gan_lab.updates.alternating import Alternating, SharedFakes
from gan_lab.updates.apa import APA
from gan_lab.updates.balanced import Balanced
from gan_lab.updates.consensus import Consensus
from gan_lab.updates.extragradient import Extragradient
from gan_lab.updates.logan import LOGAN
from gan_lab.updates.lookahead import Lookahead
from gan_lab.updates.optimistic import Optimistic
from gan_lab.updates.past_extragradient import PastExtragradient
from gan_lab.updates.simultaneous import Simultaneous
from gan_lab.updates.unrolled import Unrolled

__all__ = [
    "APA",
    "LOGAN",
    "Alternating",
    "Balanced",
    "Consensus",
    "Extragradient",
    "Lookahead",
    "Optimistic",
    "PastExtragradient",
    "SharedFakes",
    "Simultaneous",
    "Unrolled",
]
