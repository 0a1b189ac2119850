"""What the processes of tests' command lines are forked from: Hydra has read this project's files already."""

from helpers import composing

composing.keep_what_is_read()
composing.composed()
