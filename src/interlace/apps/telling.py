"""Answers as tables for a terminal."""

from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from interlace.apps.answers import Answer, Highlight, Source
from interlace.apps.asking import Replies
from interlace.errors import UserError

MOST_SHOWN = 3  # tokens of a modality, and sources
LONGEST = 300  # characters of a passage
MOST_CLASSES = 10  # of an answer set


def tell(replies: Replies) -> None:
    """Print answers side by side, a column each, and their sources below."""
    console = Console()
    rows = {name: _rows(reply) for name, reply in replies.items()}
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in replies:
        table.add_column(f"[bold]{escape(name)}[/bold]", overflow="fold")
    for label in dict.fromkeys(label for each in rows.values() for label in each):
        table.add_row(f"[dim]{label}[/dim]", *(escape(each.get(label, "")) for each in rows.values()))
    console.print(table, highlight=False)
    for name, reply in replies.items():
        if isinstance(reply, Answer) and reply.sources:
            console.print(f"\n[dim]sources{f' of {escape(name)}' if len(replies) > 1 else ''}[/dim]", highlight=False)
            for source in reply.sources[:MOST_SHOWN]:
                console.print(_source(source), highlight=False)


def _rows(reply: Answer | UserError) -> dict[str, str]:
    """Return what is told of an answer, by label."""
    if isinstance(reply, UserError):
        return {"error": str(reply)}
    text = " ".join(reply.text.split())
    found = {"answer": text if len(text) <= LONGEST else f"{text[:LONGEST]} …"}
    if "best_guess" in reply.details:
        found["best guess"] = str(reply.details["best_guess"])
    if reply.confidence is not None:
        found["probability"] = f"{100 * reply.confidence:.1f}%"
    if reply.answer_set is not None and reply.coverage is not None:
        shown = ", ".join(reply.answer_set[:MOST_CLASSES]) or "none"
        more = len(reply.answer_set) - MOST_CLASSES
        found[f"with {100 * reply.coverage:g}% one of"] = f"{shown}, and {more} more" if more > 0 else shown
    for label, key in (("no answer set", "uncalibrated"), ("not given to it", "not_taken"), ("reason", "reason")):
        if key in reply.details:
            value = reply.details[key]
            found[label] = ", ".join(value) if isinstance(value, list) else str(value)
    if reply.contributions is not None:
        label = "contribution" if reply.probabilities is None else "contribution (points)"
        found[label] = ", ".join(f"{name} {_share(reply, value)}" for name, value in reply.contributions.items())
    for name, highlight in (reply.highlights or {}).items():
        found[f"looked at: {name}"] = _places(highlight)
    return found


def _share(answer: Answer, value: float) -> str:
    """Return a contribution in points of probability, or for a number in its unit."""
    return f"{value:+.3g}" if answer.probabilities is None else f"{100 * value:+.1f}"


def _places(highlight: Highlight) -> str:
    """Return the places of the greatest weights, in words."""
    best = np.argsort(-np.abs(highlight.weights), kind="stable")[:MOST_SHOWN]
    if highlight.labels:
        return ", ".join(highlight.labels[place] for place in best)
    if len(highlight.shape) == 2:
        rows, columns = highlight.shape
        places = ", ".join(f"row {place // columns + 1} column {place % columns + 1}" for place in best)
        return f"{places} of {rows} x {columns} patches"
    return f"parts {', '.join(str(place + 1) for place in best)} of {highlight.shape[0]}"


def _source(source: Source) -> str:
    """Return a source with the answer in it in bold, shortened around it."""
    text, start, end = source.text, source.start or 0, source.end or 0
    first = max(0, min(start - LONGEST // 2, len(text) - LONGEST))
    last = max(end, first + LONGEST)
    shown = f"{escape(text[first:start])}[bold]{escape(text[start:end])}[/bold]{escape(text[end:last])}"
    shown = " ".join(shown.split())
    marks = ("… " if first else "", " …" if last < len(text) else "")
    score = "" if source.score is None else f" [dim]({source.score:.3g})[/dim]"
    return f"  {escape(source.title)}{score}: {marks[0]}{shown}{marks[1]}"


def plain(replies: Replies) -> Mapping[str, object]:
    """Return answers by name in types of JSON; an error is {"error": sentence}."""
    return {
        name: {"error": str(reply)} if isinstance(reply, UserError) else reply.plain()
        for name, reply in replies.items()
    }
