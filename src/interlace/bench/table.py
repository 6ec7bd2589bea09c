"""Table of outcomes: with rich on a terminal, else as plain lines."""

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from interlace.bench.rows import Contender, Outcome

COLUMNS = ("row", "contender", "figure", "memory MB", "ratio", "target")


def lines(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the cells of a row's contenders, peers first; the ratio is in the line of the best of `ours`."""
    shown: list[tuple[str, ...]] = []
    for contender in sorted(outcome.contenders, key=lambda c: c.side != "peer"):
        compared = contender is outcome.ours
        shown.append(
            (
                "" if shown else outcome.row.name,
                contender.label + (" *" if contender in (outcome.ours, outcome.peer) and outcome.ratios else ""),
                figure(contender, outcome.row.unit),
                f"{statistics.median(contender.peak_memory_mb):,.0f}" if contender.peak_memory_mb else "",
                ratio(outcome) if compared else "",
                (target(outcome) if compared and outcome.ratios else "") or bound(outcome, contender),
            )
        )
    return shown


def figure(contender: Contender, unit: str) -> str:
    """Return median and range of a contender's values, or the reason why there are none."""
    if contender.median is None or contender.status != "ran":
        return f"{contender.status}: {contender.reason}"
    values = contender.values
    spread = f" ({number(min(values))} to {number(max(values))})" if len(values) > 1 else ""
    return f"{number(contender.median)} {unit}{spread}"


def ratio(outcome: Outcome) -> str:
    """Return median and range of the ratio."""
    if outcome.ratio is None:
        return ""
    spread = f" ({min(outcome.ratios):.2f} to {max(outcome.ratios):.2f})" if len(outcome.ratios) > 1 else ""
    return f"{outcome.ratio:.3g} x{spread}"


def target(outcome: Outcome) -> str:
    """Return the target of the ratio and whether it was reached."""
    if outcome.row.target is None or outcome.reached is None:
        return ""
    return f"{outcome.row.target:.3g} x: {'reached' if outcome.reached else 'MISSED'}"


def bound(outcome: Outcome, contender: Contender) -> str:
    """Return the bound of a contender's value and whether it was kept."""
    held = outcome.held(contender)
    if held is None:
        return ""
    kinds = (("at most", outcome.row.at_most), ("at least", outcome.row.at_least))
    words = [f"{kind} {number(bounds[contender.label])}" for kind, bounds in kinds if contender.label in bounds]
    return f"{', '.join(words)}: {'reached' if held else 'MISSED'}"


def number(value: float) -> str:
    """Return a number with at least three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print all rows; "*" marks the two contenders that the ratio compares."""
    rows = [cells for outcome in outcomes for cells in lines(outcome)]
    if console.is_terminal:
        table = Table(*COLUMNS)
        for outcome in outcomes:
            for cells in lines(outcome):
                table.add_row(*cells)
            table.add_section()
        console.print(table)
        return
    widths = [max(len(row[i]) for row in [COLUMNS, *rows]) for i in range(len(COLUMNS))]
    for row in [COLUMNS, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
