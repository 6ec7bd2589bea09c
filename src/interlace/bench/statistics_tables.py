"""Tables of `interlace bench statistics` for a terminal and for the README.md of a record."""

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from interlace.bench.scenarios import SCENARIOS
from interlace.bench.statistics import CLAIMS, SEEDS, SHIFTS, Cell
from interlace.tracking.files import write_atomically

START, END = "<!-- written by `interlace bench statistics` -->", "<!-- end of what is written -->"
BLOCK = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)


def false_rows(cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the largest false positive rates over the numbers of arms, in %, by claim and seeds, for
    each scenario and truth."""
    head = ["scenario", "truth", *(f"{claim}, {n} seeds" for claim in CLAIMS for n in SEEDS)]
    rows = []
    for name in SCENARIOS:
        for truth in SHIFTS:
            found = {(c.procedure, c.k, c.n): c.rate for c in cells if (c.scenario, c.truth) == (name, truth)}
            row = [_greatest([rate for (p, _, m), rate in found.items() if (p, m) == (claim, n)])
                   for claim in CLAIMS for n in SEEDS]  # fmt: skip
            rows.append([name, truth, *row])
    ranks = [c for c in cells if c.procedure == "mean ranks"]
    blocks = sorted({c.n for c in ranks})
    text = ", ".join(f"{n} blocks {_greatest([c.rate for c in ranks if c.n == n])}" for n in blocks)
    return head, [*rows, [f"mean ranks: {text}", *[""] * (len(head) - 1)]]


def coverage_rows(cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the coverage by interval, scenario and seeds, in %."""
    found = {(c.procedure, c.scenario, c.n): c.rate for c in cells if c.truth == "coverage"}
    named = dict.fromkeys((procedure, scenario) for procedure, scenario, _ in found)
    rows = [[*each, *(f"{100 * found[*each, n]:.1f}" if (*each, n) in found else "" for n in SEEDS)] for each in named]
    return ["", "scenario", *(f"{n} seeds" for n in SEEDS)], rows


def block(cells: Sequence[Cell]) -> str:
    """Return both tables in Markdown between the markers."""
    repeats = max(c.repeats for c in cells)
    error = 100 * max(c.error for c in cells if c.repeats == repeats)
    told = f"False positives in %, the greatest over 2 to 20 arms; {repeats} studies a cell, ± {error:.1f} at 5%."
    tables = [_markdown(*false_rows(cells)), "Coverage of 95% intervals in %.", _markdown(*coverage_rows(cells))]
    return "\n\n".join([START, told, *tables, END])


def write_readme(path: Path, cells: Sequence[Cell]) -> None:
    """Replace the block in a README.md that has its markers; other files are unchanged."""
    if path.is_file() and BLOCK.search(earlier := path.read_text(encoding="utf-8")):
        text = BLOCK.sub(lambda _: block(cells), earlier)
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def show(cells: Sequence[Cell], console: Console) -> None:
    """Print both tables on a terminal."""
    for head, rows in (false_rows(cells), coverage_rows(cells)):
        table = Table(*head, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        console.print(table)


def _greatest(rates: Sequence[float]) -> str:
    return f"{100 * max(rates):.1f}" if rates else ""


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])
