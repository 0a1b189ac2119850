"""Samples from a run: `python -m gan_lab.sample`, see `gan_lab.cli.sample`."""

import sys

from gan_lab.cli.sample import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
