"""Pictures of your own and known sets, before a run: `gan-lab data look PATH`, `pack PATH OUT`, `download NAME`.

  look PATH      what is there: counts, sizes, classes, duplicates, damaged files, and a contact sheet
  pack PATH OUT  all of it at one size in one file, a .zip or .npy, which is read faster
  download NAME  a known set, such as mnist

Each has a page of help: gan-lab data look --help.
"""

import sys

from gan_lab.cli import data_download, data_look, data_pack
from gan_lab.cli.data_options import in_our_words
from gan_lab.config.entry import entry
from gan_lab.config.options import help_page
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError

COMMANDS = {"look": data_look.main, "pack": data_pack.main, "download": data_download.main}
USAGE = "gan-lab data COMMAND [ARGUMENT ...]"


@entry(smaller="take fewer workers, or a smaller image_size")
def main(arguments: list[str]) -> int:
    command = arguments[0] if arguments else ""
    if command in ("", "-h", "--help"):
        print(help_page(USAGE, __doc__ or ""))
        return 0 if command else 2
    if command not in COMMANDS:
        raise UserError(f"{command}: no such command{near(command, COMMANDS)} {listed(COMMANDS)}")
    try:
        return COMMANDS[command](arguments[1:])
    except UserError as error:
        raise UserError(in_our_words(str(error))) from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
