"""Outcomes as a table: with rich on a terminal, as plain lines elsewhere."""

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from interlace.bench.rows import Contender, Outcome

COLUMNS = ("row", "contender", "figure", "memory MB", "ratio", "target")


def lines(outcome: Outcome) -> list[tuple[str, ...]]:
    """The cells of a row's contenders, peers first; the ratio stands beside the one of ours that is compared."""
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
                target(outcome) if compared and outcome.ratios else bound(outcome, contender),
            )
        )
    return shown


def figure(contender: Contender, unit: str) -> str:
    """Median and range of a contender's figures, or why there is none."""
    if contender.median is None or contender.status != "ran":
        return f"{contender.status}: {contender.reason}"
    values = contender.values
    spread = f" ({number(min(values))} to {number(max(values))})" if len(values) > 1 else ""
    return f"{number(contender.median)} {unit}{spread}"


def ratio(outcome: Outcome) -> str:
    """Median and range of how many times as fast ours is."""
    if outcome.ratio is None:
        return ""
    spread = f" ({min(outcome.ratios):.2f} to {max(outcome.ratios):.2f})" if len(outcome.ratios) > 1 else ""
    return f"{outcome.ratio:.3g} x{spread}"


def target(outcome: Outcome) -> str:
    """What the ratio should be, and whether it is."""
    if outcome.row.target is None or outcome.reached is None:
        return ""
    return f"{outcome.row.target:.3g} x: {'reached' if outcome.reached else 'MISSED'}"


def bound(outcome: Outcome, contender: Contender) -> str:
    """What a contender's figure may be at most, and whether it is."""
    held = outcome.held(contender)
    if held is None:
        return ""
    return f"at most {number(outcome.row.at_most[contender.label])}: {'reached' if held else 'MISSED'}"


def number(value: float) -> str:
    """Three significant digits and more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """Prints all rows; "*" marks the two that the ratio compares."""
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
