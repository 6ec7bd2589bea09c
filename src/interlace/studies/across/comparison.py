"""Arms of several studies matched by name: a row per strategy, a column per study and setting of factors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from interlace.configuration.plugins import command_line
from interlace.errors import UserError
from interlace.report import formats
from interlace.report.answer import over_settings
from interlace.report.comparison import Comparison
from interlace.report.ranking import Ranking, rank_arms, setting_name

MAX_LISTED = 6  # arms of each study that an error lists


@dataclass(frozen=True)
class Setting:
    """A column: a study, the values of its factors ("" without any), and the metric that ranks there."""

    study: str
    factors: str
    metric: str
    direction: str

    @property
    def name(self) -> str:
        """The study with the values of its factors: "fusion-scenes", or "interactions · synergy"."""
        return f"{self.study} · {self.factors}" if self.factors else self.study


@dataclass(frozen=True)
class Estimate:
    """Mean over the `n` of `planned` runs that have a value, with its 95% interval over seeds; NaN for `n` = 0."""

    mean: float
    low: float
    high: float
    n: int
    planned: int


@dataclass(frozen=True)
class Across:
    """Arms over all settings. `estimates`: setting -> arm -> estimate. `controls`: controls of any study."""

    settings: tuple[Setting, ...]
    estimates: Mapping[str, Mapping[str, Estimate]]
    controls: frozenset[str]

    @cached_property
    def means(self) -> pd.DataFrame:
        """Means as arm x setting, NaN where missing; arms without any value are left out."""
        columns = {
            name: {arm: estimate.mean for arm, estimate in column.items()} for name, column in self.estimates.items()
        }
        return pd.DataFrame(columns, dtype=float).dropna(how="all")

    @cached_property
    def ranking(self) -> Ranking | None:
        """The ranking of arms that have a value in every setting; None below two such arms or two settings."""
        directions = {setting.name: setting.direction for setting in self.settings}
        return rank_arms(self.means, directions, self.controls)

    @cached_property
    def arms(self) -> list[str]:
        """Arms in the order of the table: ranked ones, others by the number of their settings, then controls."""
        first = [] if self.ranking is None else [str(arm) for arm in self.ranking.ranks.index]
        others = [str(arm) for arm in self.means.index if arm not in first]
        known = self.means.notna().sum(axis=1)
        others.sort(key=lambda arm: (arm in self.controls, -int(known[arm])))
        return [*first, *others]

    def ranks_in(self, setting: str) -> dict[str, float]:
        """The rank of each ranked arm in one setting; 1 is best, ties get their mean rank."""
        if self.ranking is None:
            return {}
        direction = next(each.direction for each in self.settings if each.name == setting)
        column = self.means.loc[self.ranking.ranks.index, setting]
        return {str(arm): float(rank) for arm, rank in column.rank(ascending=direction == "min").items()}

    def best_in(self, setting: Setting) -> str:
        """The strategy with the best mean in a setting; "" where fewer than two have one."""
        column = self.means[setting.name].dropna()
        column = column[[arm for arm in column.index if arm not in self.controls]]
        if len(column) < 2:
            return ""
        return str(column.idxmax() if setting.direction == "max" else column.idxmin())

    @cached_property
    def missing(self) -> list[str]:
        """A sentence for each missing value of the table and each mean over fewer runs than planned."""
        sentences = []
        for arm in self.arms:
            for setting in self.settings:
                estimate = self.estimates[setting.name].get(arm)
                if estimate is None:
                    sentences.append(f"{arm} is no arm of {setting.name}.")
                elif estimate.n < estimate.planned:
                    runs = formats.plural(estimate.planned, "run")
                    sentences.append(f"{arm} in {setting.name}: {estimate.n} of {runs} with a value.")
        return sentences

    @cached_property
    def headline(self) -> str:
        """The answer in a sentence."""
        if self.ranking is not None:
            return over_settings(self.ranking, "data sets")
        complete = [arm for arm in self.means.dropna().index if arm not in self.controls]
        return (
            f"No ranking: {len(complete)} of {len(self.means)} strategies have a value in all of "
            f"{formats.plural(len(self.settings), 'data set')}, and at least 2 are needed."
        )


def compare_across(comparisons: Mapping[str, Comparison]) -> Across:
    """Match the arms of studies by name; settings are in the order of the studies.

    Raises UserError when a study has no value of its metric yet, or shares no arm with any other.
    """
    for name, comparison in comparisons.items():
        if not comparison.measured:
            raise UserError(
                f"study {name}: none of its {formats.plural(len(comparison.runs.runs), 'run')} has finished with a "
                f"value of {comparison.primary}; make them: {command_line(['study', 'run', name])}"
            )
    _check_overlap({name: _measured_arms(comparison) for name, comparison in comparisons.items()})
    settings: dict[str, Setting] = {}
    estimates: dict[str, dict[str, Estimate]] = {}
    for name, comparison in comparisons.items():
        rows, planned = comparison.rows(), comparison.runs.table["cell"].value_counts()
        for cell, run in comparison.runs.first_planned.items():
            setting = Setting(name, setting_name(run.factors), comparison.primary, comparison.direction)
            settings.setdefault(setting.name, setting)
            row = rows[cell]
            estimate = Estimate(row["mean"], row["ci_low"], row["ci_high"], int(row["n"]), int(planned[cell]))
            estimates.setdefault(setting.name, {})[run.arm] = estimate
    controls = frozenset(arm for comparison in comparisons.values() for arm in comparison.controls)
    return Across(tuple(settings.values()), estimates, controls)


def _measured_arms(comparison: Comparison) -> list[str]:
    measured = set(comparison.measured)
    return list(dict.fromkeys(run.arm for cell, run in comparison.runs.first_planned.items() if cell in measured))


def _check_overlap(arms: Mapping[str, Sequence[str]]) -> None:
    for name, own in arms.items():
        others = [arm for other, arms_there in arms.items() if other != name for arm in arms_there]
        if not set(own) & set(others):
            theirs = list(dict.fromkeys(others))
            has = f"{name} has {formats.listing(list(own), MAX_LISTED)}"
            raise UserError(
                f"study {name}: none of its arms with results has the name of an arm of another study ({has}; the "
                f"others have {formats.listing(theirs, MAX_LISTED)}); arms are matched by name: give "
                "the same strategy the same name, or report these studies separately"
            )
