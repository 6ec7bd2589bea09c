"""Errors that a user can fix: the command line prints only their message, without a stack trace."""


class UserError(Exception):
    """Bad input or configuration: one sentence with the value, its place, what was expected and how to correct it."""

    exit_code = 2


class RunFailure(Exception):
    """A run that started and did not finish; its status.json states the reason."""

    exit_code = 1


def one_line(error: BaseException) -> str:
    """Return the first line of an error's message; for unexpected errors, preceded by the class name."""
    text = str(error).strip().splitlines()
    if isinstance(error, UserError | RunFailure) and text:
        return text[0]
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")
