"""Columns of a study's tables by name, with heads, texts and the best values."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from interlace.configuration.suggestions import did_you_mean
from interlace.errors import UserError
from interlace.report import formats
from interlace.report.comparison import Comparison
from interlace.report.markup import DAGGER, TableCell
from interlace.report.ranking import setting_name
from interlace.statistics.best import SIGNIFICANT, num_pairs

Row = Mapping[str, Any]  # of the summary of the primary metric, and of the costs
# Name -> head of the column, and its text from a summary row, the costs of the cell and the metric.
COLUMNS: dict[str, tuple[str, Callable[[Row, Row, str], str]]] = {
    "mean": ("mean", lambda row, _, metric: formats.metric_value(metric, row["mean"], unit=False)),
    "sd": ("sd", lambda row, _, metric: formats.metric_value(metric, row["sd"], unit=False)),
    "mean_sd": ("mean ± sd", lambda row, _, metric: formats.with_deviation(metric, row["mean"], row["sd"])),
    "n": ("n", lambda row, _, __: str(int(row["n"]))),
    "ci": ("95% CI", lambda row, _, metric: formats.interval(metric, row["ci_low"], row["ci_high"])),
    "difference": ("difference", lambda row, _, metric: formats.signed(metric, row["difference"])),
    "difference_ci": (
        "95% CI of the difference",
        lambda row, _, metric: formats.interval(metric, row["difference_low"], row["difference_high"], sign=True),
    ),
    "p": ("adjusted p", lambda row, _, __: formats.p_value(row["p_adjusted"])),
    "effect": ("effect size d", lambda row, _, __: formats.number(row["effect_size"])),
    "parameters": ("parameters", lambda _, cost, __: formats.count(cost["num_parameters"])),
    "trainable": ("trained parameters", lambda _, cost, __: formats.count(cost["num_trainable_parameters"])),
    "flops": ("FLOPs", lambda _, cost, __: formats.count(cost["flops_per_example"])),
    "seconds": ("time", lambda _, cost, __: formats.seconds(cost["seconds"])),
    "memory": ("memory", lambda _, cost, __: formats.megabytes(cost["peak_memory_mb"])),
}
ALL = ("mean", "sd", "n", "ci", "difference", "difference_ci", "p", "parameters", "flops", "seconds", "memory")
OF_A_PAPER = ("mean", "ci", "difference", "p", "parameters")
OF_MEANS = ("mean", "mean_sd")  # columns in which the best mean is bold


@dataclass(frozen=True)
class Table:
    """The head of a table, its rows of strategies and of controls, and its caption."""

    head: list[str]
    strategies: list[list[TableCell]]
    controls: list[list[TableCell]]
    caption: str


def parse_columns(text: str) -> tuple[str, ...]:
    """The names in a text such as "mean,ci,p" (`--columns`).

    Raises UserError for a name that is neither a column nor, by its slash, a metric, which `check_columns` checks.
    """
    names = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not names:
        raise UserError(f"--columns {text!r}: no column is named; valid: {', '.join(COLUMNS)}, and metrics (test/loss)")
    for name in names:
        if name not in COLUMNS and "/" not in name:
            raise UserError(f"--columns: no column {name!r}; {did_you_mean(name, COLUMNS)}, and metrics (test/loss)")
    return names


def check_columns(names: Sequence[str], comparison: Comparison) -> None:
    """Raises UserError for a name that is neither in `COLUMNS` nor a metric of the study or of one of its groups."""
    metrics = [each for metric in comparison.metrics for each in (metric, *_groups(comparison, metric))]
    for name in names:
        if name not in (*COLUMNS, *metrics):
            raise UserError(f"--columns: no column {name!r}; {did_you_mean(name, [*COLUMNS, *metrics])}")


def study_table(comparison: Comparison, names: Sequence[str]) -> Table:
    """The ranked comparison in these columns, strategies before controls, best first."""
    head = ["strategy", *(_head(comparison, name) for name in names)]
    best = {name: _best(comparison, name) for name in names}
    level = _level(comparison)
    rows: dict[bool, list[list[TableCell]]] = {True: [], False: []}
    for cell, row in comparison.rows().items():
        cost = comparison.cost_rows[cell]
        texts = [
            TableCell(
                _text(comparison, name, cell, row, cost),
                bold=cell in best[name],
                dagger=name in OF_MEANS and cell in level,
            )
            for name in names
        ]
        rows[comparison.is_control(cell)].append([TableCell(_name(comparison, cell, row)), *texts])
    return Table(head, rows[False], rows[True], caption(comparison, names))


def caption(comparison: Comparison, names: Sequence[str]) -> str:
    """The caption that explains the columns."""
    sentences = [f"{_sentence(formats.metric_name(comparison.primary))}: mean over {_seeds(comparison)}."]
    if "ci" in names:
        sentences.append("95% CI: over seeds, inside the metric's range.")
    sentences += _of_differences(comparison, names)
    if any(_best(comparison, name) for name in names):
        each = " in each setting" if comparison.ranking is not None else ""
        sentences.append(f"Bold: the best mean of the strategies{each}.")
    if set(names) & set(OF_MEANS) and _level(comparison):
        compared = formats.plural(num_pairs(len(comparison.contenders)), "pair")
        sentences.append(
            f"{DAGGER}: not separable from the best at {SIGNIFICANT:g}, after Holm's correction over {compared}."
        )
    if any(comparison.is_control(cell) for cell in comparison.rows()):
        sentences.append("Controls, which are not ranked, stand last.")
    return " ".join(sentences)


def _of_differences(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """Sentences on the shown columns about differences from the baseline."""
    found = []
    if {"difference", "difference_ci", "p", "effect"} & set(names):
        against = f"from {comparison.name_of_arm(comparison.baseline)}" if comparison.baseline else "from the baseline"
        found.append(f"Difference: mean paired difference {against} on shared seeds.")
    shown = [word for name, word in (("difference_ci", "CI"), ("p", "p")) if name in names]
    if shown:
        chance = "seeds and test items" if comparison.summary["over"].eq("seeds and items").any() else "seeds alone"
        text = f"Its {' and '.join(shown)} {'take' if len(shown) > 1 else 'takes'} {chance} as sources of chance"
        found.append(f"{text}; p is after Holm's correction." if "p" in names else f"{text}.")
    return found


def _seeds(comparison: Comparison) -> str:
    """The number of seeds as text: "3 seeds", or "2 to 3 seeds" where strategies differ."""
    counts = sorted({int(row["n"]) for row in comparison.rows().values()} - {0})
    if not counts:
        return "seeds"
    return formats.plural(counts[-1], "seed") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"


def _level(comparison: Comparison) -> set[str]:
    """The cells that are not separable from the best; empty where strategies are ranked over settings."""
    if comparison.ranking is not None or comparison.best_comparison is None:
        return set()
    return set(comparison.best_comparison.undecided)


def _head(comparison: Comparison, name: str) -> str:
    metric = comparison.primary if name in OF_MEANS else name
    unit = " (%)" if formats.is_share(metric) else ""
    if name == "difference" and comparison.baseline:
        return f"difference from {comparison.name_of_arm(comparison.baseline)}"
    if name in COLUMNS:
        return COLUMNS[name][0] + (unit if name in OF_MEANS else "")
    return f"{formats.metric_name(name)}{unit}"


def _text(comparison: Comparison, name: str, cell: str, row: Row, cost: Row) -> str:
    if name in COLUMNS:
        return COLUMNS[name][1](row, cost, comparison.primary)
    return formats.metric_value(name, comparison.rows(name)[cell]["mean"], unit=False)


def _best(comparison: Comparison, name: str) -> set[str]:
    """The cells with a bold mean in a column: the best strategy, or that of each setting."""
    metric = comparison.primary if name in OF_MEANS else name
    if name in COLUMNS and name not in OF_MEANS:
        return set()
    parent = max((each for each in comparison.metrics if metric.startswith(each)), key=len)
    sign = 1 if comparison.metrics[parent] == "max" else -1
    rows = comparison.rows(metric)
    best: dict[str, str] = {}
    key = partial(_merit, rows, sign)
    for cell in comparison.contenders:
        setting = setting_name(comparison.runs.first_planned[cell].factors) if comparison.ranking is not None else ""
        best[setting] = max((best.get(setting, cell), cell), key=key)
    several = len(comparison.contenders) > len(best)
    return {cell for cell in best.values() if several and math.isfinite(rows[cell]["mean"])}


def _merit(rows: Mapping[str, Row], sign: int, cell: str) -> float:
    mean = float(rows[cell]["mean"])
    return sign * mean if math.isfinite(mean) else -math.inf


def _name(comparison: Comparison, cell: str, row: Row) -> str:
    name = comparison.name_of(cell)
    return f"{name} (diverged on {formats.plural(row['diverged'], 'run')})" if row["diverged"] else name


def _groups(comparison: Comparison, metric: str) -> list[str]:
    return [f"{metric}/{group}" for group in comparison.groups_of(metric)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
