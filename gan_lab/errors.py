"""Errors that a user can mend."""


class UserError(Exception):
    """Bad input. Its text is one line: what is wrong, where, and what is allowed.

    Entry points print the line and exit with code 2; everything else is a bug and keeps its traceback.
    """


class OtherRun(UserError):
    """What is asked for is not what the directory holds: no failure of the run in there."""
