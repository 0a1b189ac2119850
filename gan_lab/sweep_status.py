"""State of a sweep and of its jobs: `python -m gan_lab.sweep_status`, see `gan_lab.cli.status`."""

import sys

from gan_lab.cli.status import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
