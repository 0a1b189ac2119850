"""The command `gan-lab`, and the list of its sub-commands."""

import argparse
import runpy
import signal
import sys
from pathlib import Path
from typing import NamedTuple

from gan_lab.config.words import listed, near
from gan_lab.version import __version__


class Command(NamedTuple):
    """A sub-command: its module, which is a program of its own, and what it does."""

    module: str
    what: str


COMMANDS = {
    "train": Command("gan_lab.cli.train", "run an experiment, or a sweep of them; go on with a run"),
    "sample": Command("gan_lab.cli.sample", "draw samples from a run"),
    "evaluate": Command(
        "gan_lab.cli.evaluate", "compare samples with real ones: FID and other metrics of runs and pictures"
    ),
    "statistics": Command("gan_lab.cli.statistics", "keep mean and covariance of the features of pictures or of a run"),
    "compare": Command("gan_lab.cli.compare", "make one table of evaluated runs, with intervals and tests"),
    "tournament": Command("gan_lab.cli.tournament", "compare contestants at equal budgets, search and seeds"),
    "ablate": Command("gan_lab.cli.ablate", "play subsets of the parts of a recipe; main effects and interactions"),
    "status": Command("gan_lab.cli.status", "list the jobs of a sweep: done, running, failed or waiting"),
    "watch": Command("gan_lab.cli.watch", "show a run or the jobs of a sweep as they go on, in the terminal"),
    "data": Command("gan_lab.cli.data", "look at pictures of your own, pack them in one file, fetch known sets"),
    "analyse": Command("gan_lab.cli.analyse", "draw what a run has learnt: truncation, neighbours, spectrum, ..."),
    "reconstruct": Command("gan_lab.cli.reconstruct", "make an average of a run's generator that it did not keep"),
    "export": Command("gan_lab.cli.export", "write the generator as ONNX, a torch archive, a hub folder or pictures"),
    "import": Command("gan_lab.cli.import_weights", "bring the generator of another framework into this lab"),
    "new": Command("gan_lab.cli.new", "write a project of your own, with a loss, networks and data"),
    "check-part": Command("gan_lab.cli.check_part", "hold a part of your own to the lab's laws"),
    "report": Command("gan_lab.cli.report", "make a page (HTML) of a run, of a sweep, or of several runs"),
    "dashboard": Command("gan_lab.cli.dashboard", "make a W&B workspace for the figures of this lab"),
}
EXAMPLES = """\
examples:
  gan-lab train loss=hinge rounds=5000 hydra.run.dir=RUN_DIR
  gan-lab train -m seed=0,1,2 loss=hinge,non_saturating hydra.sweep.dir=SWEEP_DIR
  gan-lab sample RUN_DIR n=64 out=grid.png
  gan-lab evaluate SWEEP_DIR
  gan-lab COMMAND --help
"""


def main() -> None:
    """Run the module of a sub-command as `python -m` does, so that a run can start further processes of its own."""
    command = _parser().parse_args(sys.argv[1:2]).command  # what follows is for the sub-command to read
    if command not in COMMANDS:
        print(f"error: {command}: no such command{near(command, COMMANDS)} {listed(COMMANDS)}", file=sys.stderr)
        raise SystemExit(2)
    sys.path.append(str(Path.cwd()))  # a script's path lacks it, and one's own parts may be there
    del sys.argv[1]
    try:
        runpy.run_module(COMMANDS[command].module, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:  # before the command has begun
        raise SystemExit(128 + signal.SIGINT) from None


def _parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:<11} {command.what}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        "gan-lab",
        usage="gan-lab COMMAND [ARGUMENT ...]",
        description=f"Experiments on generative adversarial networks.\n\ncommands:\n{commands}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gan-lab {__version__}")
    parser.add_argument("command", metavar="COMMAND", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
