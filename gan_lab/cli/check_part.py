"""The lab's laws on a part of one's own, such as `gan-lab check-part mine.losses.Exponential`.

PATH is the dotted path of a class: a loss, a Term, an update, a generator (forward(z)), a discriminator (forward(x))
or a GameData. It is held to the laws of its kind (finite at large logits, gradients equal finite differences, shapes,
any device without a look at numbers, ...) and, in a small game, to those of all parts: a move of one player leaves the
other alone, and a run that goes on is the same to the bit. KEY=VALUE sets a parameter of the part, or an option of that
game: data=digits for a network that wants images.

The exit code is 0 where all laws hold, else 1; 2 where there is no such part.
"""

import sys

from gan_lab.config.entry import entry
from gan_lab.config.explain import SMALLER, explain
from gan_lab.config.options import help_page, print_help
from gan_lab.config.words import one_line
from gan_lab.runtime.imports import importing

USAGE = "gan-lab check-part PATH [KEY=VALUE ...]"


@entry(smaller=SMALLER)
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or ""))
    if code is not None:
        return code
    with importing():
        from gan_lab.laws.check import check_part
    try:
        found = check_part(*arguments)
    except Exception as error:
        line = explain(error, arguments[1:])
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2
    for law, problem in found:
        print(f"holds   {law}" if problem is None else f"BROKEN  {law}: {one_line(problem)}")
    return 1 if any(problem is not None for _, problem in found) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
