"""The answer in words: who leads, by how much, and whether the runs at hand can tell."""

import math
from dataclasses import dataclass

from interlace.studies.report import formats
from interlace.studies.report.comparison import SIGNIFICANT, Comparison
from interlace.studies.statistics import MIN_SEEDS


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
    details = [_against_baseline(comparison), _widest_gap(comparison), _controls(comparison), *holes]
    return Answer(_headline(comparison), tuple(text for text in details if text))


def _nothing(comparison: Comparison) -> str:
    if comparison.measured:
        return "Only controls have finished: there is no strategy to rank yet."
    if comparison.runs.done:
        return f"No finished run reports {comparison.primary}."
    return f"No run has finished yet, of {len(comparison.runs.runs)} planned."


def _headline(comparison: Comparison) -> str:
    leader, metric = str(comparison.leader), comparison.primary
    row = comparison.summary.loc[leader]
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
    level = [str(cell) for cell in rivals.index[~(rivals["p_adjusted"] < SIGNIFICANT)]]
    if not level:
        return f"{leader} wins: {reached}, ahead of every other strategy."
    if len(level) == 1:
        return f"{leader} leads with {reached}, and is not separable from {level[0]}{_margin(comparison, level[0])}."
    return f"{leader} leads with {reached}, and is not separable from {formats.listing(level)}."


def _margin(comparison: Comparison, rival: str) -> str:
    row, metric = comparison.rivals.loc[rival], comparison.primary
    if not math.isfinite(row["difference"]):
        return " (no shared seeds)"
    span = formats.interval(metric, row["low"], row["high"], sign=True)
    p = f", {formats.p_phrase(row['p_adjusted'])}" if math.isfinite(row["p_adjusted"]) else ""
    span = f", 95% interval {span}" if span != formats.MISSING else ""
    return f" (difference {formats.signed(metric, row['difference'])}{span}{p})"


def _against_baseline(comparison: Comparison) -> str:
    leader, metric = str(comparison.leader), comparison.primary
    baseline = comparison.baseline_cell(leader)
    if baseline is None:
        is_baseline = comparison.baseline in (comparison.summary.loc[leader, "arm"], leader)
        return "It is the baseline: no other strategy has a better mean." if is_baseline else ""
    row = comparison.summary.loc[leader]
    if not math.isfinite(row["difference"]):
        return f"No seed is finished for both {leader} and the baseline {baseline}."
    side = "above" if row["difference"] >= 0 else "below"
    span = formats.interval(metric, row["difference_low"], row["difference_high"], sign=True)
    text = f"It is {formats.amount(metric, row['difference'])} {side} the baseline {baseline}"
    text += f" {span}" if span != formats.MISSING else ""
    if math.isfinite(row["p_adjusted"]):
        comparisons = int(comparison.summary["p_value"].notna().sum())
        text += f", {formats.p_phrase(row['p_adjusted'])}"
        text += f" after Holm over {formats.plural(comparisons, 'comparison')}"
    elif row["n_pairs"] >= MIN_SEEDS:
        text += ", the same on every seed"
    return f"{text}; {formats.plural(int(row['n_pairs']), 'seed')}."


def _widest_gap(comparison: Comparison) -> str:
    """The group of test examples on which leader and baseline differ most."""
    leader, metric = str(comparison.leader), comparison.primary
    baseline = comparison.baseline_cell(leader)
    gaps = {}
    for group in comparison.groups if baseline else []:
        means = comparison.summary_of(f"{metric}/{group}")["mean"]
        if math.isfinite(means[leader]) and math.isfinite(means[str(baseline)]):
            gaps[group] = (means[leader], means[str(baseline)])
    if len(gaps) < 2:
        return ""
    group, (mine, theirs) = max(gaps.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    return (
        f"They differ most on “{group}” examples: {formats.figure(metric, mine)} against "
        f"{formats.figure(metric, theirs)}."
    )


def _controls(comparison: Comparison) -> str:
    controls = [cell for cell in comparison.measured if comparison.is_control(cell)]
    if not controls:
        return ""
    best, leader = comparison.summary.loc[controls[0]], comparison.summary.loc[comparison.leader]
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
        said.append(f"{formats.plural(stale, 'run')} {verb} made by other code than the present one (stale).")
    return tuple(said)
