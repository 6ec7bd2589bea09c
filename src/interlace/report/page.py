"""The page of a report: values for its template."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.report import formats
from interlace.report.answer import answer
from interlace.report.comparison import Comparison
from interlace.report.confusion import Confusion
from interlace.report.contribution import Analyses, contribution_view, robustness_view
from interlace.report.coverage import coverage_view
from interlace.report.examples import choose_examples
from interlace.report.results import STATUSES
from interlace.report.setup import set_up
from interlace.report.writing import PageFigure, render_template
from interlace.statistics.best import SIGNIFICANT, num_pairs
from interlace.statistics.corrections import seeds_to_reject
from interlace.statistics.intervals import MIN_SEEDS
from interlace.statistics.summary import named_rows

if TYPE_CHECKING:
    from interlace.judging.summary import Summary

MAX_FACTS = 60
MAX_VALUES = 40  # of one fact


def render_page(
    comparison: Comparison,
    *,
    title: str,
    question: str,
    command: str,
    figures: Sequence[PageFigure],
    confusions: Sequence[Confusion],
    analyses: Analyses,
    labels: Mapping[str, str],
    arms: Mapping[str, Sequence[str]],
    judged: "Summary | None" = None,
) -> str:
    """The page as one HTML document; texts are escaped, and it loads no other files."""
    if judged is not None:
        from interlace.report.judged import judged_view  # imports scipy.stats, which other reports do not need
    return render_template(
        Path(__file__).parent,
        figures,
        title=labels.get(title, title),
        question=question,
        command=command,
        answer=answer(comparison),
        metric=formats.metric_name(comparison.primary),
        unit="%" if formats.is_share(comparison.primary) else "",
        baseline=comparison.baseline,
        statuses=status_counts(comparison),
        rows=comparison_rows(comparison, labels),
        over_items=bool(comparison.items["low"].notna().any()),
        others=other_metrics(comparison),
        groups=comparison.groups,
        group_rows=group_rows(comparison),
        confusions=[confusion_view(matrix) for matrix in confusions],
        judged=None if judged is None else judged_view(judged),
        robustness=robustness_view(analyses),
        contribution=contribution_view(analyses),
        coverage=coverage_view(analyses),
        examples=choose_examples(comparison),
        probability=lambda value: f"{100 * value:.0f}%" if math.isfinite(value) else "",
        missing_runs=missing_run_rows(comparison),
        stale=[f"{row['cell']}, seed {row['seed']}" for row in _stale(comparison)],
        seeds=seeds(comparison),
        setup=set_up(comparison),
        arms=arm_rows(comparison, labels, arms),
        facts=facts(comparison.data)[:MAX_FACTS],
        footnotes=footnotes(comparison),
    )


def label_text(comparison: Comparison, cell: str, labels: Mapping[str, str]) -> str:
    """The labels of a cell's arm and factor levels; "" without any."""
    run = comparison.runs.first_planned[cell]
    return ", ".join(labels[name] for name in (run.arm, *map(str, run.factors.values())) if name in labels)


def arm_rows(
    comparison: Comparison, labels: Mapping[str, str], arms: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    """Each arm with its overrides that change the base, as written in the study file."""
    known = list(dict.fromkeys(run.arm for run in comparison.runs.runs))
    named = {arm: f"{arm} ({labels[arm]})" if arm in labels else arm for arm in known}
    return [(named[arm], shlex.join(arms[arm]) or "as the base") for arm in known if arm in arms]


def status_counts(comparison: Comparison) -> list[tuple[str, int]]:
    """(status, number of runs), done first; stale runs are counted once more as the last entry."""
    counts = comparison.runs.table["status"].value_counts()
    found = [(name, int(counts.get(name, 0))) for name in ("done", *(s for s in STATUSES if s != "done"))]
    stale = ("stale", len(_stale(comparison)))
    return [(name, n) for name, n in [*found, stale] if n or name == "done"]


def comparison_rows(comparison: Comparison, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The ranked table: texts of each cell, with flags for the best, the baseline and the controls."""
    rows, metric, rank = [], comparison.primary, 0
    all_costs, all_items = named_rows(comparison.costs), named_rows(comparison.items)
    for cell, row in comparison.rows().items():
        cost, items = all_costs[cell], all_items[cell]
        control = comparison.is_control(cell)
        ranked = bool(row["n"]) and not control
        rank += ranked
        rows.append(
            {
                "rank": str(rank) if ranked else "",
                "cell": cell,
                "label": label_text(comparison, cell, labels),
                "best": cell == comparison.best_cell,
                "baseline": comparison.baseline in (row["arm"], cell),
                "control": control,
                "diverged": int(row["diverged"]),
                "mean": formats.metric_value(metric, row["mean"], unit=False),
                "sd": formats.metric_value(metric, row["sd"], unit=False),
                "n": int(row["n"]),
                "ci": formats.interval(metric, row["ci_low"], row["ci_high"]),
                "over_items": formats.interval(metric, items["low"], items["high"]),
                "difference": formats.signed(metric, row["difference"]),
                "difference_ci": formats.interval(metric, row["difference_low"], row["difference_high"], sign=True),
                "difference_items": formats.interval(
                    metric, items["difference_low"], items["difference_high"], sign=True
                ),
                "p": formats.p_value(row["p_adjusted"]),
                "significant": comparison.apart_from_baseline(cell),
                "effect": formats.number(row["effect_size"]),
                "parameters": formats.count(cost["num_parameters"]),
                "flops": formats.count(cost["flops_per_example"]),
                "seconds": formats.seconds(cost["seconds"]),
                "memory": formats.megabytes(cost["peak_memory_mb"]),
            }
        )
    return rows


def other_metrics(comparison: Comparison) -> dict[str, Any]:
    """The study's further metrics, mean and interval per cell; empty when there is one metric only."""
    metrics = list(comparison.metrics)[1:]
    summaries = {metric: comparison.rows(metric) for metric in metrics}
    rows = [
        (cell, [_mean_and_interval(metric, summaries[metric][cell]) for metric in metrics])
        for cell in comparison.measured
    ]
    return {"names": [formats.metric_name(m) + _better(comparison.metrics[m]) for m in metrics], "rows": rows}


def group_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The primary metric by group: for each measured cell and prior the text and shade (0 to 1) of each group."""
    metric, groups = comparison.primary, comparison.groups
    summaries = {group: comparison.rows(f"{metric}/{group}") for group in groups}
    rows: list[dict[str, Any]] = []
    for cell in comparison.measured:
        found = [summaries[group][cell] for group in groups]
        values = [(*_mean_and_interval(metric, row), _shade(metric, row["mean"])) for row in found]
        kind = "control" if comparison.is_control(cell) else "best" if cell == comparison.best_cell else ""
        rows.append({"name": cell, "kind": kind, "values": values})
    for name, prior in comparison.priors.items():
        if set(prior) & set(groups):
            known = [prior.get(group, math.nan) for group in groups]
            values = [(formats.metric_value(metric, value, unit=False), "", _shade(metric, value)) for value in known]
            rows.append({"name": name, "kind": "prior", "values": values})
    return rows if groups else []


def confusion_view(matrix: Confusion) -> dict[str, Any]:
    """A confusion matrix for the template: rows with label, number of examples and (text, shade) of each cell."""
    rows = []
    for label, counts, shares in zip(matrix.classes, matrix.counts, matrix.shares, strict=True):
        cells = [(f"{100 * share:.0f}" if share >= 0.005 else "", round(float(share), 3)) for share in shares]
        rows.append({"label": label, "n": int(counts.sum()), "cells": cells})
    diagonal = int(np.trace(matrix.counts))
    return {"cell": matrix.cell, "classes": matrix.classes, "rows": rows, "runs": matrix.runs, "right": diagonal,
            "total": int(matrix.counts.sum())}  # fmt: skip


def missing_run_rows(comparison: Comparison) -> list[dict[str, str]]:
    """Cell, seed, status and reason of each run without results."""
    reasons = {
        "pending": "not started",
        "running": "still running",
        "preempted": "interrupted; the same command resumes it",
    }
    return [
        {
            "cell": str(row["cell"]),
            "seed": str(row["seed"]),
            "status": str(row["status"]),
            "reason": str(row["error"] or reasons.get(str(row["status"]), "no reason recorded"))[:600],
        }
        for row in comparison.runs.missing_runs.to_dict("records")
    ]


def seeds(comparison: Comparison) -> str:
    """The planned seeds as text: "0, 1, 2"."""
    return ", ".join(str(seed) for seed in sorted({run.seed for run in comparison.runs.runs}))


def facts(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A nested description as (name, text) rows: {"train": {"examples": 5}} -> ("train, examples", "5")."""
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping) and not any(isinstance(inner, Mapping | list) for inner in value.values()):
            shown = [f"{inner} {_fact(value[inner])}" for inner in list(value)[:MAX_VALUES]]
            rows.append((name, " · ".join(shown) + _more(len(value))))
        elif isinstance(value, Mapping):
            rows += facts(value, f"{name}, ")
        elif isinstance(value, list | tuple) and all(not isinstance(item, Mapping | list) for item in value):
            rows.append((name, ", ".join(str(item) for item in value[:MAX_VALUES]) + _more(len(value))))
        else:
            rows.append((name, _fact(value)))
    return rows


def footnotes(comparison: Comparison) -> list[str]:
    """Notes on the statistical methods."""
    k, over_items = len(comparison.contenders), comparison.summary["over"].eq("seeds and items").any()
    chance = (
        "Their p-values and intervals take both seeds and test items as sources of chance: they are the greatest p and "
        "the widest interval over seeds, over items (or clusters of items that depend on each other) and over both at "
        "once (two-way random effects)."
        if over_items
        else "Their p-values are those of the two-sided paired t-test, over seeds alone."
    )
    notes = [
        "Mean and sd (standard deviation) are over seeds. The 95% interval of a mean is Student's t. For a metric with "
        "a range it is the union of that interval, cut off at the ends of the range, and of Student's t on the logit "
        f"scale, which covers better near an end. With fewer than {MIN_SEEDS} seeds there is neither an interval nor a "
        "p-value, and there is no interval where all seeds have the same value.",
        f"Differences are paired: the same seed with and without the change. {chance} p-values of differences from the "
        "baseline are corrected for their number by Holm's method. d is Cohen's d of the paired differences.",
        "The best strategy is the one with the best mean. It wins if it passes a test at "
        f"{SIGNIFICANT:g} against each other strategy. If it does not, strategies are separated from it by Holm's "
        f"method over all {num_pairs(k)} pairs, as any of them could have had the best mean. Controls are not ranked; "
        "the best control is compared with the best strategy over all pairs of a control and a strategy. `interlace "
        "bench statistics` simulates the false positive rates of these rules.",
        "The sign-flip permutation p in summary.json cannot be below 2 / 2^n and rejects from "
        f"{seeds_to_reject()} seeds on. No sentence of this page rests on it.",
    ]
    if comparison.items["low"].notna().any():
        notes.append(
            "Intervals over test items come from 10,000 paired bootstrap samples of the test set, with scores averaged "
            "over seeds. They show how much the result depends on the choice of test items; intervals over seeds show "
            "how much it depends on the training run."
        )
    return [*(f"{note[:1].upper()}{note[1:]}." for note in comparison.data.get("notes", ())), *notes]


def _stale(comparison: Comparison) -> list[dict[str, Any]]:
    table = comparison.runs.table
    return list(named_rows(table[table["stale"].astype(bool)]).values())


def _mean_and_interval(metric: str, row: Any) -> tuple[str, str]:
    interval = formats.interval(metric, row["ci_low"], row["ci_high"])
    return formats.metric_value(metric, row["mean"], unit=False), "" if interval == formats.MISSING else interval


def _shade(metric: str, value: float) -> float:
    """The background strength of a cell, from 0 to 1; 0 for metrics other than shares."""
    return round(min(1.0, max(0.0, value)), 3) if formats.is_share(metric) and math.isfinite(value) else 0.0


def _better(direction: str) -> str:
    return " ↑" if direction == "max" else " ↓"


def _more(number: int) -> str:
    return f" … ({number - MAX_VALUES:,} more)" if number > MAX_VALUES else ""


def _fact(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: formats.MISSING}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
