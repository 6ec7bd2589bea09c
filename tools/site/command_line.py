"""The page of the command line, generated from the typer application."""

from collections.abc import Iterator
from typing import Any

import typer.main

from interlace.cli.application import app


def command_line_page() -> str:
    """Every verb with its usage, help, arguments and options."""
    root = typer.main.get_command(app)
    head = "# Command line\n\nGenerated from the program; `interlace VERB --help` prints the same.\n"
    return "\n".join([head, *(_verb(path, command) for path, command in verbs(root))])


def verbs(command: Any, path: tuple[str, ...] = ("interlace",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below one, with its path: ("interlace", "study", "run")."""
    for name, each in getattr(command, "commands", {}).items():
        if each.hidden:
            continue
        yield (*path, name), each
        yield from verbs(each, (*path, name))


def _verb(path: tuple[str, ...], command: Any) -> str:
    context = command.make_context(path[-1], [], resilient_parsing=True)
    words = " ".join([*path, *command.collect_usage_pieces(context)])
    text = (command.help or "").replace("\b\n", "").strip()
    parts = [f"{'#' * len(path)} {' '.join(path)}", text]
    if not hasattr(command, "commands"):
        parts += [f"```text\n{words}\n```", _table(command, context)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _table(command: Any, context: Any) -> str:
    records = [each.get_help_record(context) or _argument(each, context) for each in command.params]
    rows = [f"| `{_cell(name)}` | {_cell(text)} |" for name, text in filter(None, records) if name != "--help"]
    return "\n".join(["| argument or option | meaning |", "|---|---|", *rows]) if rows else ""


def _argument(parameter: Any, context: Any) -> tuple[str, str] | None:
    return (parameter.make_metavar(context), getattr(parameter, "help", None) or "") if not parameter.hidden else None


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "")
