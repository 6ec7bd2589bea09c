"""The command `interlace`: one file for each verb. Heavy imports happen inside the verbs, so that --help is quick."""

import sys


def main() -> None:
    """Entry point of the console script and of `python -m interlace`."""
    from interlace.cli.application import run

    sys.exit(run(sys.argv[1:]))
