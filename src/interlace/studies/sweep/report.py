"""Writes the report folder of a sweep."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from interlace.report import formats
from interlace.report.writing import PageFigure, render_template, write_figure, write_report_folder
from interlace.studies.sweep.figures import drawings
from interlace.studies.sweep.planning import as_overrides
from interlace.studies.sweep.results import SweepResults

TOP = 10  # trials in the table of the page; trials.csv has all


def build_sweep_report(
    folder: Path, results: SweepResults, *, title: str, question: str, command: str, arms: Mapping[str, Sequence[str]]
) -> Path:
    """Writes index.html, trials.csv, table.md and figures/*.{svg,png}; returns the page.

    `arms`: the overrides of each arm, which come before the options of a trial. Files are written to a temporary folder
    and renamed, the page last.
    """

    def fill(temporary: Path) -> dict[str, str]:
        drawn = {arm: _figures(results, arm, temporary / "figures") for arm in results.arms}
        sections = [_section(results, arm, arms[arm], drawn[arm]) for arm in results.arms]
        figures = [figure for each in drawn.values() for figure in each]
        return {
            "trials.csv": results.table.to_csv(index=False),
            "table.md": table_md(results),
            "index.html": _page(results, sections, figures, title=title, question=question, command=command),
        }

    write_report_folder(folder, fill)
    return folder / "index.html"


def table_md(results: SweepResults) -> str:
    """The best trials of each arm as a Markdown table."""
    names = [formats.metric_name(name) for name in results.objectives]
    head = ["arm", "trial", *names, *results.search.space]
    rows = [[arm, *row["cells"]] for arm in results.arms for row in _rows(results, arm)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:], ""])


def _figures(results: SweepResults, arm: str, folder: Path) -> list[PageFigure]:
    """The figures of an arm, written to `folder`."""
    return [write_figure(each, f"{arm}-{each.name}", folder) for each in drawings(results, arm)]


def _section(
    results: SweepResults, arm: str, overrides: Sequence[str], figures: Sequence[PageFigure]
) -> dict[str, Any]:
    """The section of the page for one arm."""
    counted = results.table[results.table["arm"] == arm]["state"].value_counts()
    best = results.best(arm)
    return {
        "arm": arm,
        "statuses": [(name, int(number)) for name, number in counted.items()],
        "rows": _rows(results, arm),
        "best": [
            {
                "trial": trial.number,
                "values_text": _values_text(results, trial.values),
                "overrides": " ".join(_quoted([*overrides, *as_overrides(results.options(trial))])),
            }
            for trial in best
        ],
        "figures": [figure.name for figure in figures],
        "failed": _failures(results, arm),
    }


def _quoted(overrides: Sequence[str]) -> list[str]:
    return [shlex.quote(text) for text in overrides]


def _rows(results: SweepResults, arm: str) -> list[dict[str, Any]]:
    """The best trials as texts; with several objectives the Pareto front first."""
    best = results.best(arm)
    others = [trial for trial, _ in sorted(results.losses(arm), key=lambda pair: pair[1])]
    ordered = [*best, *(trial for trial in others if trial.number not in {b.number for b in best})][:TOP]
    return [
        {
            "best": trial in best,
            "cells": [
                str(trial.number),
                *(formats.metric_value(n, v) for n, v in zip(results.objectives, trial.values, strict=True)),
                *(_text(value) for value in results.options(trial).values()),
            ],
        }
        for trial in ordered
    ]


def _values_text(results: SweepResults, values: Sequence[float]) -> str:
    named = zip(results.objectives, values, strict=True)
    return ", ".join(f"{formats.metric_name(name)} {formats.metric_value(name, value)}" for name, value in named)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _failures(results: SweepResults, arm: str) -> list[tuple[int, str]]:
    table = results.table
    failed = table[(table["arm"] == arm) & (table["state"] == "failed")]
    return [(int(number), str(error)) for number, error in zip(failed["trial"], failed["error"], strict=True)]


def _page(
    results: SweepResults,
    sections: Sequence[Mapping[str, Any]],
    figures: Sequence[PageFigure],
    *,
    title: str,
    question: str,
    command: str,
) -> str:
    search = results.search
    return render_template(
        Path(__file__).parent,
        figures,
        title=f"{title}, sweep",
        question=question,
        command=command,
        headline=_headline(results),
        caution=_caution(results),
        statuses=list(results.counts().items()),
        columns=["trial", *map(formats.metric_name, results.objectives), *search.space],
        sections=sections,
        several=len(results.objectives) > 1,
        facts=[
            ("Sampler", f"{search.sampler}, seed {search.seed}"),
            ("Pruner", search.pruner.name),
            ("Trials of each arm", str(search.trials)),
            ("Seeds of each trial", ", ".join(map(str, search.seeds))),
            ("Objectives", ", ".join(f"{name} ({direction})" for name, direction in search.objectives.items())),
        ],
    )


def _headline(results: SweepResults) -> str:
    """The best trial of all arms, or the number of trials on each Pareto front."""
    if len(results.objectives) > 1:
        fronts = ", ".join(f"{arm}: {len(results.best(arm))}" for arm in results.arms)
        return f"Trials on the Pareto front: {fronts}."
    best = [(arm, trial) for arm in results.arms for trial in results.best(arm)]
    if not best:
        return "No trial is done yet."
    sign = 1 if next(iter(results.search.objectives.values())) == "max" else -1
    arm, trial = max(best, key=lambda pair: sign * pair[1].values[0])
    return f"Best: trial {trial.number} of {arm} with {_values_text(results, trial.values)}."


def _caution(results: SweepResults) -> str:
    """A note on the selection bias of the best of many trials; empty below two trials, and for a Pareto front."""
    done = results.counts().get("done", 0)
    if done < 2 or len(results.objectives) > 1:
        return ""
    seeds = "one seed" if len(results.search.seeds) == 1 else f"{len(results.search.seeds)} seeds"
    return (
        f"The best of {done} trials was chosen by its value on {seeds}, which is therefore too optimistic. Before "
        "you report it, train it and the defaults with other seeds, and compare them on test data."
    )
