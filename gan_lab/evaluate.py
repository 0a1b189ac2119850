"""Scores of runs: `python -m gan_lab.evaluate`, see `gan_lab.cli.evaluate`."""

import sys

from gan_lab.cli.evaluate import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
