"""`gan-lab data pack` that waits to be killed, however fast the machine is: `-m helpers.packing_that_waits N ...`.

It stops at picture number N, between two lines of its journal, and its loading processes live on.
"""

import signal
import sys
from collections.abc import Iterable, Iterator

from gan_lab.cli.data import main
from gan_lab.data.pack import Encoded, Work


def until(number: int, all_encoded: Iterable[Encoded]) -> Iterator[Encoded]:
    for one in all_encoded:
        if one.number == number:
            signal.pause()
        yield one


if __name__ == "__main__":
    last, write = int(sys.argv[1]), Work.write
    setattr(Work, "write", lambda self, encoded, skip: write(self, until(last, encoded), skip))  # noqa: B010
    sys.exit(main(["pack", *sys.argv[2:]]))
