"""The answer in words: who leads, by how much, and whether the runs at hand can tell."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlace.studies.report import formats
from interlace.studies.report.comparison import SIGNIFICANT, Comparison
from interlace.studies.report.ranking import Ranking
from interlace.studies.statistics import MIN_SEEDS, named_rows


@dataclass(frozen=True)
class Answer:
    """`headline` is one sentence; `details` are further sentences, each true of the data at hand."""

    headline: str
    details: tuple[str, ...]

    @property
    def text(self) -> str:
        """All sentences in a row."""
        return " ".join([self.headline, *self.details])


def answer(comparison: Comparison) -> Answer:
    """The study's answer. Says so when runs are missing, seeds too few, or the leader not separable."""
    holes = _holes(comparison)
    if comparison.leader is None:
        return Answer(_nothing(comparison), holes)
    if comparison.ranking is not None:
        return Answer(over_settings(comparison.ranking), (*_best_by_setting(comparison, comparison.ranking), *holes))
    details = [
        _against_baseline(comparison),
        _next_best(comparison),
        _widest_gap(comparison),
        _controls(comparison),
        *holes,
    ]
    return Answer(_headline(comparison), tuple(text for text in details if text))


def over_settings(ranking: Ranking, settings: str = "settings") -> str:
    """Who ranks best over all settings (or whatever they are called), and who cannot be told from it."""
    k, n = len(ranking.ranks), ranking.means.shape[1]
    leader = str(ranking.ranks.index[0])
    text = f"{leader} ranks best over {n} {settings}: mean rank {ranking.ranks.iloc[0]:.1f} of {k}"
    if math.isfinite(ranking.p_value) and ranking.p_value >= SIGNIFICANT:
        return f"{text}, but ranks differ no more than by chance (Friedman, {formats.p_phrase(ranking.p_value)})."
    apart = f"mean ranks less than {ranking.critical_difference:.1f} apart are not told from each other"
    if not ranking.level:
        return f"{text}, ahead of all others ({apart})."
    return f"{text}; not separable from {formats.listing(ranking.level)} ({apart})."


def _best_by_setting(comparison: Comparison, ranking: Ranking) -> list[str]:
    """One sentence a setting: its best arm, and what could be had."""
    said = []
    ceilings = ranking.references.to_dict("index").get("ceiling", {})
    for setting, figures in ranking.means.drop(list(ranking.controls)).to_dict().items():
        known = {arm: float(figure) for arm, figure in figures.items() if math.isfinite(figure)}
        best = (max if comparison.direction == "max" else min)(known, key=known.__getitem__)
        text = f"{setting}: {best} reaches {formats.figure(comparison.primary, known[best])}"
        if setting in ceilings:
            text += f", the best rule {formats.figure(comparison.primary, float(ceilings[setting]))}"
        said.append(f"{text}.")
    return said


def _nothing(comparison: Comparison) -> str:
    if comparison.measured:
        return "Only controls have finished: there is no strategy to rank yet."
    if comparison.runs.done:
        return f"No finished run reports {comparison.primary}."
    return f"No run has finished yet, of {len(comparison.runs.runs)} planned."


def _headline(comparison: Comparison) -> str:
    leader, metric = str(comparison.leader), comparison.primary
    row = comparison.rows()[leader]
    reached = f"{formats.figure(metric, row['mean'])} {formats.metric_name(metric)}"
    spread = formats.interval(metric, row["ci_low"], row["ci_high"])
    reached += f" {spread}" if spread != formats.MISSING else ""
    rivals = comparison.rivals
    if rivals.empty:
        return f"{leader} reaches {reached}; there is nothing yet to compare it with."
    fewest = min(int(row["n"]), int(rivals["n"].max()))
    if fewest < MIN_SEEDS:
        return (
            f"{leader} leads with {reached}, on {formats.plural(int(row['n']), 'seed')}: "
            f"too few to tell a difference from luck (at least {MIN_SEEDS} are needed)."
        )
    level = level_with_leader(comparison)
    if not level:
        return f"{leader} wins: {reached}{_ahead(comparison)}."
    return f"{leader} leads with {reached}, and is not separable from {formats.listing(level)}."


def level_with_leader(comparison: Comparison) -> list[str]:
    """The contenders that the paired test does not separate from the leader."""
    rivals = comparison.rivals
    ahead = rivals["difference"] > 0 if comparison.direction == "max" else rivals["difference"] < 0
    return [str(cell) for cell in rivals.index[~(ahead & (rivals["p_adjusted"] < SIGNIFICANT))]]


def _ahead(comparison: Comparison) -> str:
    """How far the winner is from the baseline, or from the next best where there is none."""
    leader, metric = str(comparison.leader), comparison.primary
    baseline, difference = comparison.baseline_cell(leader), comparison.rows()[leader]["difference"]
    if baseline is None or not math.isfinite(difference):
        baseline, row = next(iter(named_rows(comparison.rivals).items()))
        difference = row["difference"]
    return f", {formats.amount(metric, difference)} {'above' if difference >= 0 else 'below'} {baseline}"


def _next_best(comparison: Comparison) -> str:
    """The leader against the contender with the next best mean."""
    if comparison.rivals.empty:
        return ""
    (rival, row), metric = next(iter(named_rows(comparison.rivals).items())), comparison.primary
    if not math.isfinite(row["difference"]):
        return f"It shares no seed with the next best, {rival}."
    text = f"Its lead over the next best, {rival}, is {formats.signed(metric, row['difference'])}"
    text += " points" if formats.is_share(metric) else ""
    return f"{text}{_sureness(metric, row, row['low'], row['high'], len(comparison.rivals), int(row['n']))}."


def _sureness(metric: str, row: Mapping[str, Any], low: float, high: float, comparisons: int, n: int) -> str:
    """ " [19.8, 22.9], p = 0.002 after Holm over 8 comparisons", as far as it is known."""
    span = formats.interval(metric, low, high, sign=True)
    text = f" {span}" if span != formats.MISSING else ""
    if math.isfinite(row["p_adjusted"]):
        after = f" after Holm over {comparisons} comparisons" if comparisons > 1 else ""
        return f"{text}, {formats.p_phrase(row['p_adjusted'])}{after}"
    return f"{text}, the same on every seed" if n >= MIN_SEEDS else text


def _against_baseline(comparison: Comparison) -> str:
    leader, metric = str(comparison.leader), comparison.primary
    baseline, row = comparison.baseline_cell(leader), comparison.rows()[leader]
    if baseline is None:
        is_baseline = comparison.baseline in (row["arm"], leader)
        return "It is the baseline: no other strategy has a better mean." if is_baseline else ""
    if not math.isfinite(row["difference"]):
        return f"No seed is finished for both {leader} and the baseline {baseline}."
    side = "above" if row["difference"] >= 0 else "below"
    comparisons = int(comparison.summary["p_value"].notna().sum())
    sure = _sureness(metric, row, row["difference_low"], row["difference_high"], comparisons, int(row["n_pairs"]))
    text = f"It is {formats.amount(metric, row['difference'])} {side} the baseline {baseline}{sure}"
    return f"{text}; {formats.plural(int(row['n_pairs']), 'seed')}."


def _widest_gap(comparison: Comparison) -> str:
    """The group of test examples on which leader and baseline differ most."""
    leader, metric = str(comparison.leader), comparison.primary
    baseline = comparison.baseline_cell(leader)
    gaps = {}
    for group in comparison.groups if baseline else []:
        means = comparison.rows(f"{metric}/{group}")
        mine, theirs = float(means[leader]["mean"]), float(means[str(baseline)]["mean"])
        if math.isfinite(mine) and math.isfinite(theirs):
            gaps[group] = (mine, theirs)
    if len(gaps) < 2:
        return ""
    group, (mine, theirs) = max(gaps.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    return (
        f"Against {baseline} the difference is largest on “{group}” examples: {formats.figure(metric, mine)} against "
        f"{formats.figure(metric, theirs)}."
    )


def _controls(comparison: Comparison) -> str:
    controls = [cell for cell in comparison.measured if comparison.is_control(cell)]
    if not controls:
        return ""
    rows = comparison.rows()
    best, leader = rows[controls[0]], rows[str(comparison.leader)]
    ahead = best["mean"] > leader["mean"] if comparison.direction == "max" else best["mean"] < leader["mean"]
    reached = formats.figure(comparison.primary, best["mean"])
    if ahead:
        return f"But a control does better still: {controls[0]} reaches {reached}."
    return f"The best control, {controls[0]}, reaches {reached}."


def _holes(comparison: Comparison) -> tuple[str, ...]:
    table, said = comparison.runs.table, []
    holes = comparison.runs.holes
    if len(holes):
        counts = holes["status"].value_counts()
        kinds = formats.listing([f"{n} {status}" for status, n in counts.items()])
        said.append(f"{len(holes)} of {formats.plural(len(table), 'run')} missing ({kinds}): this may still change.")
    stale = int(table["stale"].sum()) if len(table) else 0
    if stale:
        verb = "was" if stale == 1 else "were"
        said.append(
            f"{formats.plural(stale, 'run')} {verb} made by other code or from other inputs than there are now (stale)."
        )
    return tuple(said)
