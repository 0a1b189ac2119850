"""Entry point of a command: its exit code, and one line for a mistake of its user."""

import functools
import os
import select
import signal
import sys
from collections.abc import Callable

from gan_lab.config.exhausted import exhausted
from gan_lab.config.words import one_line
from gan_lab.errors import UserError

Main = Callable[[list[str]], int]
INTERRUPTED, UNREAD = 128 + signal.SIGINT, 128 + signal.SIGPIPE


def entry(smaller: str) -> Callable[[Main], Main]:
    """Make a command of `main(arguments)`: 2 after a mistake or for want of memory, with one line on standard error.

    `smaller` says what to do where memory is short. A command that is interrupted, or whose output is no longer read,
    ends without a word. Everything else is a bug and keeps its traceback.
    """

    def wrapped(main: Main) -> Main:
        @functools.wraps(main)
        def command(arguments: list[str]) -> int:
            try:
                code = main(arguments)
                sys.stdout.flush()
                return code
            except KeyboardInterrupt:
                return INTERRUPTED
            except Exception as error:
                if is_unread(error):
                    return UNREAD
                line = str(error) if isinstance(error, UserError | OSError) else exhausted(error, smaller)
                if line is None:
                    raise
                print(f"error: {one_line(line)}", file=sys.stderr)
                return 2

        return command

    return wrapped


def is_unread(error: Exception) -> bool:
    """Whether standard output is no longer read, as by `| head`; what is left of it then goes nowhere.

    Another pipe that broke, one that data come from, say, is not meant.
    """
    if not isinstance(error, BrokenPipeError):
        return False
    watched, output = select.poll(), sys.stdout.fileno()
    watched.register(output, 0)
    left = any(events & (select.POLLERR | select.POLLHUP) for _, events in watched.poll(0))
    if left:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return left
