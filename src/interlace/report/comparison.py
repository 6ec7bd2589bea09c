"""The numbers of a report, cached: summaries, the best cell, costs, groups, learning curves."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from interlace.configuration.cores import available_cores
from interlace.report.items import item_scores, over_seeds
from interlace.report.predictions import Predictions, read_predictions
from interlace.report.priors import Priors, described_priors
from interlace.report.ranking import Ranking, rank_over_settings
from interlace.report.results import COST_COLUMNS, PlannedRun, Runs, cell_name
from interlace.statistics.best import SIGNIFICANT, BestComparison, compare_with_best, completely_separated
from interlace.statistics.bimodality import Bimodality, find_bimodality
from interlace.statistics.bootstrap import bootstrap_mean
from interlace.statistics.contrasts import ArmResults, Contrast, Items, contrast
from interlace.statistics.ranges import is_share, metric_range
from interlace.statistics.summary import SUMMARY_COLUMNS, arm_results, baseline_of, named_rows, seed_values, summarize

MAX_ROWS = 40  # of a figure, for legibility


@dataclass(frozen=True)
class Comparison:
    """The cells of a study compared on its metrics; the first metric is the primary one and ranks them.

    `controls`: reference arms (single modalities, majority) that are not ranked. `conditions`: factors whose values are
    different tasks; metrics are not comparable over them, ranks are. `margin`: the difference of the primary metric
    below which strategies count as equivalent; None: equivalence is not tested. `recorded`: scores of single test items
    by metric and cell, where they do not come from run directories. `labels`: texts for names of arms, factors and
    levels.
    """

    runs: Runs
    metrics: Mapping[str, str]
    baseline: str | None
    controls: frozenset[str]
    data: Mapping[str, Any]
    conditions: tuple[str, ...] = ()
    margin: float | None = None
    recorded: Mapping[str, Mapping[str, Items]] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    _summaries: dict[str, pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)
    _rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _scores: dict[str, Mapping[str, Items]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _curves: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def primary(self) -> str:
        """The metric that ranks."""
        return next(iter(self.metrics))

    @property
    def direction(self) -> str:
        """ "max" or "min", of the primary metric."""
        return self.metrics[self.primary]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """`statistics.summarize` of the primary metric: one row a cell, best first."""
        return self.summary_of(self.primary)

    def summary_of(self, metric: str) -> pd.DataFrame:
        """`statistics.summarize` of a study's metric, or of one of its groups (test/accuracy/both)."""
        if metric not in self._summaries:
            self._summaries[metric] = self._summarize(metric)
        return self._summaries[metric]

    def _summarize(self, metric: str) -> pd.DataFrame:
        parent = max((name for name in self.metrics if metric.startswith(name)), key=len, default=self.primary)
        if not len(self.runs.table):
            return pd.DataFrame(columns=SUMMARY_COLUMNS)
        return summarize(
            self.runs.table,
            metric,
            self.metrics[parent],
            self.baseline,
            items=self.scores_of(metric) if metric in self.metrics else None,
            resolution=self._resolution(metric),
        )

    def _resolution(self, metric: str) -> float:
        """The smallest step of a metric, one test item; 0 where it is not known."""
        if not is_share(metric) or metric not in self.metrics:
            return 0.0
        return 1 / self.runs.num_test if self.runs.num_test else 0.0

    def scores_of(self, metric: str) -> Mapping[str, Items]:
        """Cell -> scores of single test items in a metric that is their mean (accuracy, mae); empty for others."""
        if metric not in self._scores:
            self._scores[metric] = (
                item_scores(self.runs, self.predictions, metric)
                if self.recorded is None
                else self.recorded.get(metric, {})
            )
        return self._scores[metric]

    @cached_property
    def arms(self) -> dict[str, ArmResults]:
        """Each cell's values of the primary metric by seed, with scores of single items where they are known."""
        return arm_results(self.runs.table, self.primary, self.scores_of(self.primary))

    def rows(self, metric: str | None = None) -> dict[str, dict[str, Any]]:
        """`summary_of` the metric (by default the primary one) as cell -> column -> value, in its order.

        The dicts are cached and must not be changed.
        """
        metric = metric or self.primary
        if metric not in self._rows:
            self._rows[metric] = named_rows(self.summary_of(metric))
        return self._rows[metric]

    def groups_of(self, metric: str) -> list[str]:
        """The group values a metric is split by, in the order the data description gives, others after."""
        found = [name.removeprefix(f"{metric}/") for name in self.runs.metrics if name.startswith(f"{metric}/")]
        known = _strings(self.data.get("groups")) or [*described_priors(self.data, found).get("ceiling", ())]
        return sorted(found, key=lambda name: known.index(name) if name in known else len(known))

    @cached_property
    def groups(self) -> list[str]:
        """The group values of the primary metric."""
        return self.groups_of(self.primary)

    def is_control(self, cell: str) -> bool:
        """True if the cell belongs to an arm listed as a control."""
        return self.runs.first_planned[cell].arm in self.controls

    @cached_property
    def measured(self) -> list[str]:
        """Cells with at least one finished run and no diverged one, best first."""
        values = seed_values(self.runs.table, self.primary) if len(self.runs.table) else {}
        means = {cell: sum(seeds.values()) / len(seeds) for cell, seeds in values.items() if seeds}
        return sorted(means, key=lambda cell: -means[cell] if self.direction == "max" else means[cell])

    @cached_property
    def drawn(self) -> list[str]:
        """The cells in figures, best first: all measured cells, above MAX_ROWS the best ones, the baseline and the best
        setting of each control.
        """
        if len(self.measured) <= MAX_ROWS:
            return self.measured
        arms = {name: str(row["arm"]) for name, row in self.rows().items()}
        first = {arms[cell]: cell for cell in reversed(self.measured)}  # the best of each arm
        kept = {*self.measured[:MAX_ROWS], self.baseline_cell(str(self.best_cell))}
        kept |= {first[arm] for arm in (*self.controls, str(self.baseline)) if arm in first}
        return [cell for cell in self.measured if cell in kept]

    @cached_property
    def contenders(self) -> list[str]:
        """Measured cells other than controls, best first."""
        return [cell for cell in self.measured if not self.is_control(cell)]

    @cached_property
    def best_cell(self) -> str | None:
        """The contender with the best mean."""
        return self.contenders[0] if self.contenders else None

    @cached_property
    def best_comparison(self) -> BestComparison | None:
        """The best cell against every other contender; None without contenders."""
        arms = {cell: self.arms[cell] for cell in self.contenders}
        resolution = self._resolution(self.primary)
        return compare_with_best(arms, self.direction, resolution=resolution, bounds=metric_range(self.primary))

    def contrast(self, cell: str, other: str) -> Contrast:
        """One cell minus another, paired by seed and, where scores are known, by test item."""
        return contrast(self.arms[cell], self.arms[other], self._resolution(self.primary))

    def apart_from_baseline(self, cell: str) -> bool:
        """True if a cell is separable from the baseline, corrected for all comparisons with it."""
        other, p = self.baseline_cell(cell), self.rows()[cell]["p_adjusted"]
        if other is None or not p < SIGNIFICANT:
            return False
        comparisons = int(self.summary["p_value"].notna().sum())
        return not self.bimodal or completely_separated(self.arms[cell], self.arms[other], comparisons)

    @cached_property
    def bimodal(self) -> dict[str, Bimodality]:
        """The measured cells whose seeds fall on two plateaus."""
        low, high = metric_range(self.primary)
        width = high - low if math.isfinite(high - low) else None
        found = {cell: find_bimodality(self.arms[cell].seeds, width) for cell in self.measured}
        return {cell: groups for cell, groups in found.items() if groups is not None}

    def against_control(self, control: str) -> tuple[Contrast, bool]:
        """A control minus the best cell, and True where they are separable, corrected for all pairs of a control and a
        contender.
        """
        found = self.contrast(control, str(self.best_cell))
        controls = sum(self.is_control(cell) for cell in self.measured)
        significant = found.p_value * controls * len(self.contenders) < SIGNIFICANT
        return found, significant and (
            not self.bimodal or completely_separated(self.arms[control], self.arms[str(self.best_cell)], 1)
        )

    @cached_property
    def costs(self) -> pd.DataFrame:
        """Mean cost of each cell's finished runs, one column each of `results.COST_COLUMNS`."""
        table = self.runs.table[self.runs.table["status"] == "done"]
        return table.groupby("cell", sort=False)[list(COST_COLUMNS)].mean().reindex(self.summary.index)

    @cached_property
    def cost_rows(self) -> dict[str, dict[str, Any]]:
        """`costs` as cell -> column -> value."""
        return named_rows(self.costs)

    def name_of_arm(self, arm: str | None) -> str:
        """The label of an arm, or its name where it has none."""
        return self.labels.get(str(arm), str(arm))

    def name_of(self, cell: str) -> str:
        """The name of a cell in words: the labels of its arm, factors and levels."""
        run = self.runs.first_planned[cell]
        factors = {self.labels.get(key, key): self.labels.get(str(each), each) for key, each in run.factors.items()}
        return cell_name(self.name_of_arm(run.arm), factors)

    def baseline_cell(self, cell: str) -> str | None:
        """The cell that `cell` is compared with; None for the baseline itself and where there is none."""
        rows = self.rows()
        arms = {name: str(row["arm"]) for name, row in rows.items()}
        factors = {name: str(row["factors"]) for name, row in rows.items()}
        other = baseline_of(cell, arms, factors, self.baseline)
        return None if other == cell else other

    @cached_property
    def items(self) -> pd.DataFrame:
        """Bootstrap intervals over test items: low and high of each cell's metric, difference_low, difference_high.

        NaN unless the primary metric is a mean over items (accuracy, mae).
        """
        cells, scores = [str(cell) for cell in self.summary.index], self.scores_of(self.primary)
        alone = [over_seeds(scores.get(cell)) for cell in cells]
        paired = [over_seeds(scores.get(cell), other) if (other := scores.get(self.baseline_cell(cell) or "")) else
                  over_seeds(None) for cell in cells]  # fmt: skip
        with ThreadPoolExecutor(min(8, available_cores())) as pool:  # drawing samples releases the interpreter lock
            intervals = list(pool.map(lambda each: bootstrap_mean(*each), [*alone, *paired]))
        rows = [(*own, *against) for own, against in zip(intervals[: len(cells)], intervals[len(cells) :], strict=True)]
        columns = ["low", "high", "difference_low", "difference_high"]
        return pd.DataFrame(rows, index=self.summary.index, columns=columns, dtype=np.float64)

    @cached_property
    def predictions(self) -> Mapping[Path, Predictions]:
        """Predictions of each finished run by directory; with answers for the example runs, if there are examples."""
        answered = {run.directory for run in self.example_runs.values()} if self.example_items else set()
        return read_predictions([run.directory for run in self.runs.done], answered)

    @cached_property
    def example_owner(self) -> PlannedRun | None:
        """The first finished run of the best cell, whose examples are shown; None where nothing is measured."""
        return self.first_runs()[self.best_cell or self.measured[0]] if self.measured else None

    @cached_property
    def example_runs(self) -> dict[str, PlannedRun]:
        """The first runs of the cells with the same test items as `example_owner`: those at the same conditions."""
        owner = self.example_owner
        setting = [] if owner is None else [(name, owner.factors.get(name)) for name in self.conditions]
        found = self.first_runs().items()
        return {cell: run for cell, run in found if all(run.factors.get(name) == value for name, value in setting)}

    @cached_property
    def example_items(self) -> list[dict[str, Any]]:
        """The examples with an id in the directory of `example_owner`."""
        found = [] if self.example_owner is None else self.runs.examples(self.example_owner)
        return [item for item in found if isinstance(item.get("id"), str | int)]

    @cached_property
    def ranking(self) -> Ranking | None:
        """The arms ranked over the conditions; None without conditions."""
        return rank_over_settings(self)

    def curve_metric(self) -> str | None:
        """The validation metric of learning curves: that of the primary metric, else the first in the history."""
        wanted = "/".join(["val", *self.primary.split("/")[1:2]])
        for run in self.runs.done:
            rows = self.runs.history(run)
            names = [name for name in dict.fromkeys(key for row in rows for key in row) if name.startswith("val/")]
            if names:
                return wanted if wanted in names else names[0]
        return None

    def curve(self, cell: str, metric: str) -> pd.DataFrame:
        """The learning curve of a cell: step, mean, low, high (minimum and maximum over seeds) of a metric.

        Steps that fewer than half of the seeds reached (early stopping) are left out.
        """
        if (cell, metric) not in self._curves:
            self._curves[cell, metric] = self._curve(cell, metric)
        return self._curves[cell, metric]

    def _curve(self, cell: str, metric: str) -> pd.DataFrame:
        series = {run.seed: _logged(self.runs.history(run), metric) for run in self.runs.of(cell)}
        wide = pd.DataFrame({seed: values for seed, values in series.items() if len(values)}).sort_index()
        wide = wide[wide.notna().sum(axis=1) * 2 >= wide.shape[1]]
        columns = {"step": wide.index, "mean": wide.mean(axis=1), "low": wide.min(axis=1), "high": wide.max(axis=1)}
        return pd.DataFrame(columns).reset_index(drop=True)

    def first_runs(self) -> dict[str, PlannedRun]:
        """Measured cell -> its finished run with the lowest seed."""
        return {cell: self.runs.of(cell)[0] for cell in self.measured}

    @cached_property
    def priors(self) -> Priors:
        """Reference values of the primary metric; empty unless it is accuracy."""
        return described_priors(self.data, self.groups) if self.primary.split("/")[1:2] == ["accuracy"] else {}


def _logged(history: Sequence[Mapping[str, Any]], metric: str) -> pd.Series:
    """A metric by step, the last entry of each step."""
    rows = [(row.get("step"), row.get(metric)) for row in history]
    found = {step: float(value) for step, value in rows if step is not None and value is not None}
    return pd.Series({step: value for step, value in found.items() if not math.isnan(value)}, dtype=np.float64)


def _strings(value: Any) -> list[str]:
    """Group names from a list, or from a mapping of a group's name to its values."""
    if isinstance(value, Mapping):
        return [name for key, inner in value.items() for name in (_strings(inner) or [str(key)])]
    return [str(item) for item in value] if isinstance(value, list | tuple) else []
