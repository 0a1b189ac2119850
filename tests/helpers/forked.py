"""What the processes of tests' command lines are forked from: Hydra has read this project's files already."""

from helpers import composing
from helpers.disk import wait_for_no_disk

composing.keep_what_is_read()
wait_for_no_disk()
composing.composed()
