"""One table of many runs: `python -m gan_lab.compare`, see `gan_lab.cli.compare`."""

import sys

from gan_lab.cli.compare import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
