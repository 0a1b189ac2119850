"""A W&B workspace for the runs of a project: `python -m gan_lab.dashboard`, see `gan_lab.cli.dashboard`."""

import sys

from gan_lab.cli.dashboard import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
