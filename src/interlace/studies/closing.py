"""The summary that a study's commands print: headline, first rows of the table, and runs finished before."""

from collections.abc import Sequence
from pathlib import Path

from interlace.report.answer import answer
from interlace.report.columns import study_table
from interlace.report.comparison import Comparison
from interlace.tracking.status import ended_words

SHOWN_ROWS = 5
SHOWN_COLUMNS = ("mean", "sd", "n", "ci", "difference")


def summary_lines(comparison: Comparison) -> list[str]:
    """The answer in a sentence and the first rows of the ranked table, as aligned text."""
    table = study_table(comparison, SHOWN_COLUMNS)
    rows = [[cell.text for cell in row] for row in (*table.strategies, *table.controls)]
    lines = [answer(comparison).headline]
    if rows:
        shown = [table.head, *rows[:SHOWN_ROWS]]
        widths = [max(len(row[column]) for row in shown) for column in range(len(table.head))]
        for name, *cells in shown:
            padded = (f"{text:>{width}}" for text, width in zip(cells, widths[1:], strict=True))
            lines.append("  ".join([f"{name:{widths[0]}}", *padded]))
    if len(rows) > SHOWN_ROWS:
        lines.append(f"and {len(rows) - SHOWN_ROWS} more in table.md in the same folder")
    return lines


def finished_before(name: str, directories: Sequence[Path]) -> str:
    """The sentence for a study whose runs were all finished before."""
    when = ended_words(directories)
    return f"{name}: all {len(directories)} runs were finished already{when}; --refresh all repeats them"
