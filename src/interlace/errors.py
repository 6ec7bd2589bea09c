"""Errors that a user can mend: the command line prints their sentence and nothing else."""


class UserError(Exception):
    """Bad input or configuration: one sentence saying what, where, what was expected and how to mend it."""

    exit_code = 2


class RunFailure(Exception):
    """A run that was started and did not finish; its status.json holds the reason."""

    exit_code = 1


def one_line(error: BaseException) -> str:
    """An error as one line."""
    text = str(error).strip().splitlines()
    if isinstance(error, UserError | RunFailure) and text:
        return text[0]
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")
