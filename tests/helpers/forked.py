"""What the processes of tests' command lines are forked from: Hydra has read this project's files already."""

from helpers import composing
from helpers.disk import skip_fsync

composing.keep_what_is_read()
skip_fsync()
composing.composed()
