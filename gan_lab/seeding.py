"""Seeds for every purpose, derived from the one seed of a run."""

import zlib

import numpy as np

END = 2**32 - 1  # larger than any counter


def derive_seed(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed that depends on `seed`, on what it is for, and on counters such as the round or the rank.

    Streams of different purposes or counters are independent (numpy's SeedSequence mixes them), so that no
    random state has to be stored in order to continue a run: the state of round t is made anew at round t.

    On the CPU torch's generators take the lower 32 bits alone. So of n streams some n^2 / 2^33 pairs are equal: of the
    160,000 rounds of a long run, three pairs of rounds.
    """
    words = [seed, zlib.crc32(purpose.encode()), *counters]
    if counters and counters[-1] == 0:
        words.append(END)  # SeedSequence pads with zeros, and would take a last counter of zero for none
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
