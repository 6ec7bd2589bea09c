"""The answer in words: the best strategy, its lead, and the strategies that are not separable from it."""

import math
from collections import Counter
from dataclasses import dataclass

from interlace.report import formats
from interlace.report.comparison import Comparison
from interlace.report.ranking import Ranking, setting_name
from interlace.statistics.best import SIGNIFICANT, BestComparison, PairwiseComparison, bonferroni_confidence, num_pairs
from interlace.statistics.bimodality import Bimodality
from interlace.statistics.contrasts import Contrast
from interlace.statistics.intervals import MIN_SEEDS
from interlace.statistics.ranges import metric_range
from interlace.statistics.summary import DIVERGED


@dataclass(frozen=True)
class Answer:
    """The answer as text: `headline` is one sentence, `details` are further sentences."""

    headline: str
    details: tuple[str, ...]

    @property
    def text(self) -> str:
        """All sentences."""
        return " ".join([self.headline, *self.details])


def answer(comparison: Comparison) -> Answer:
    """The answer of a study, with notes on missing runs, too few seeds, and strategies not separable from the best."""
    left = (*_diverged(comparison), *_missing(comparison))
    verdict = comparison.best_comparison
    if verdict is None:
        return Answer(_nothing(comparison), left)
    if comparison.ranking is not None:
        settings = _best_by_setting(comparison, comparison.ranking)
        sentences = (rank_basis(comparison.ranking), *settings, _bimodal_cells(comparison), *left)
        return Answer(over_settings(comparison.ranking), tuple(text for text in sentences if text))
    details = [
        _against_baseline(comparison, verdict),
        _next_best(comparison, verdict),
        _basis(verdict),
        _equivalent(comparison, verdict),
        _bimodal_arms(comparison, verdict),
        _widest_gap(comparison),
        _controls(comparison),
        *left,
    ]
    return Answer(_headline(comparison, verdict), tuple(text for text in details if text))


def over_settings(ranking: Ranking, settings: str = "settings") -> str:
    """A sentence on the strategy with the best mean rank over all settings, and those not separable from it.

    `settings`: the noun for settings, such as "data sets".
    """
    k, n = len(ranking.ranks), ranking.means.shape[1]
    text = f"{ranking.ranks.index[0]} ranks best over {n} {settings}: mean rank {ranking.ranks.iloc[0]:.1f} of {k}"
    if not math.isfinite(ranking.critical_difference):
        few = _blocks(ranking) or f"{n} {settings}"
        return f"{text}; {few} are too few to separate any two of them, whatever their ranks."
    if not ranking.level:
        return f"{text}, ahead of all others{' on these test items' if ranking.by_seed else ''}."
    if ranking.p_value >= SIGNIFICANT:
        return f"{text}; whether ranks differ at all is not decided (Friedman, {formats.p_phrase(ranking.p_value)})."
    return f"{text}; not separable from {formats.listing(ranking.level)}."


def rank_basis(ranking: Ranking) -> str:
    """A sentence on the critical difference of mean ranks and its sources of chance; "" where there is none."""
    if not math.isfinite(ranking.critical_difference):
        return ""
    blocks = _blocks(ranking)
    over = f" over {blocks}" if blocks else ""
    text = f"Mean ranks less than {ranking.critical_difference:.1f} apart are not separable{over}."
    shared = "Blocks of one setting share its data: this holds for other seeds, not for other test items."
    return f"{text} {shared}" if blocks else text


def _blocks(ranking: Ranking) -> str:
    """The blocks as text: "30 blocks of a setting and a seed"; "" where each setting is one block."""
    return f"{ranking.blocks} blocks of a setting and a seed" if ranking.by_seed else ""


def _best_by_setting(comparison: Comparison, ranking: Ranking) -> list[str]:
    """A sentence for each setting: its best arm, the best possible value, and a control with a better mean."""
    sentences = []
    ceilings = ranking.references.to_dict("index").get("ceiling", {})
    sign = 1 if comparison.direction == "max" else -1
    for setting, values in ranking.means.to_dict().items():
        order = sorted((arm for arm, value in values.items() if math.isfinite(value)), key=lambda a: -sign * values[a])
        best = next((arm for arm in order if arm not in ranking.controls), None)
        if best is None:
            continue
        text = f"{setting}: {best} reaches {formats.metric_value(comparison.primary, float(values[best]))}"
        if setting in ceilings:
            text += f", the best rule {formats.metric_value(comparison.primary, float(ceilings[setting]))}"
        if order[0] != best:
            text += f", the control {order[0]} {formats.metric_value(comparison.primary, float(values[order[0]]))}"
            text += f" ({_control_in_setting(comparison, ranking, str(setting), str(order[0]), str(best))})"
        sentences.append(f"{text}.")
    return sentences


def _control_in_setting(comparison: Comparison, ranking: Ranking, setting: str, control: str, best: str) -> str:
    """A clause on the test of a control against the best arm, corrected for all pairs of a control and an arm."""
    cells = {(run.arm, setting_name(run.factors)): cell for cell, run in comparison.runs.first_planned.items()}
    found = comparison.contrast(cells[control, setting], cells[best, setting])
    if not math.isfinite(found.p_value):
        return "not separable from it: too few seeds"
    pairs_tried = len(ranking.controls) * len(ranking.ranks) * ranking.means.shape[1]
    p = min(1.0, found.p_value * pairs_tried)
    return f"{'' if p < SIGNIFICANT else 'not '}separable from it, {formats.p_phrase(p)}"


def _nothing(comparison: Comparison) -> str:
    if comparison.measured:
        return "Only controls have finished: there is no strategy to rank yet."
    if comparison.runs.done:
        return f"No finished run reports {comparison.primary}."
    return f"No run has finished yet, of {len(comparison.runs.runs)} planned."


def _headline(comparison: Comparison, verdict: BestComparison) -> str:
    best, metric = verdict.best, comparison.primary
    row = comparison.rows()[best]
    reached = f"{formats.metric_value(metric, row['mean'])} {formats.metric_name(metric)}"
    spread = formats.interval(metric, row["ci_low"], row["ci_high"])
    reached += f" {spread}" if spread != formats.MISSING else ""
    if best in verdict.bimodal:
        reached += f" on two plateaus ({bimodal_words(metric, verdict.bimodal[best])})"
    if not verdict.others:
        return f"{best} reaches {reached}; there is nothing yet to compare it with."
    fewest = min(int(row["n"]), max(len(comparison.arms[name].seeds) for name in verdict.others))
    if fewest < MIN_SEEDS:
        return (
            f"{best} leads with {reached}, on {formats.plural(int(row['n']), 'seed')}: "
            f"too few to tell a difference from luck (at least {MIN_SEEDS} are needed)."
        )
    if verdict.wins:
        how = "wins" if _over_items(verdict) else "leads over seeds, on these test items alone"
        return f"{best} {how}: {reached}{_ahead(comparison, verdict)}."
    return f"{best} leads with {reached}, and is not separable from {formats.listing(verdict.undecided)}."


def _ahead(comparison: Comparison, verdict: BestComparison) -> str:
    """A clause on the winner's difference from the baseline, or without a baseline from the next best."""
    best, metric = verdict.best, comparison.primary
    baseline, difference = comparison.baseline_cell(best), comparison.rows()[best]["difference"]
    if baseline is None or not math.isfinite(difference):
        baseline, rival = next(iter(verdict.others.items()))
        difference = rival.contrast.difference
    return f", {formats.amount(metric, difference)} {'above' if difference >= 0 else 'below'} {baseline}"


def _next_best(comparison: Comparison, verdict: BestComparison) -> str:
    """A sentence on the best strategy against that with the next best mean."""
    if not verdict.others:
        return ""
    (name, rival), metric = next(iter(verdict.others.items())), comparison.primary
    found = rival.contrast
    if not found.n:
        return f"It shares no seed with the next best, {name}."
    text = f"Its lead over the next best, {name}, is {formats.signed(metric, found.difference)}"
    text += " points" if formats.is_share(metric) else ""
    k = len(verdict.others) + 1
    adjusted = found.p_value if verdict.wins else rival.p_adjusted
    return f"{text}{_sureness(metric, found, adjusted, _p_of_lead(verdict, rival, k))}."


def _p_of_lead(verdict: BestComparison, rival: PairwiseComparison, arms: int) -> str:
    """The p-value of the lead, corrected as in the verdict."""
    if not math.isfinite(rival.p_adjusted):
        return ""
    if arms == 2:
        return formats.p_phrase(rival.contrast.p_value)
    if verdict.wins:
        least = max(each.contrast.p_value for each in verdict.others.values())
        return (
            f"{formats.p_phrase(rival.contrast.p_value)} (a winner passes each of its {arms - 1} comparisons at "
            f"{SIGNIFICANT:g}; the least sure has {formats.p_phrase(least)})"
        )
    return f"{formats.p_phrase(rival.p_adjusted)} {_corrected(f'all {num_pairs(arms)} pairs of strategies')}"


def _corrected(comparisons: str) -> str:
    """The remark that interval and p are corrected, unlike those of the table."""
    return f"(interval and p corrected by Holm over {comparisons})"


def _sureness(metric: str, found: Contrast, adjusted: float, p: str) -> str:
    """The interval and p of a difference, as far as known: " [+19.8, +22.9], p = 0.002".

    The interval is corrected by the same factor as the p-value `adjusted`.
    """
    factor = adjusted / found.p_value if found.p_value > 0 else 1.0
    interval = formats.interval(metric, *found.interval(bonferroni_confidence(factor), metric_range(metric)), sign=True)
    text = f" {interval}" if interval != formats.MISSING else ""
    same = ", the same on every seed" if found.n >= MIN_SEEDS and found.is_constant else ""
    return f"{text}{same}, {p}" if p else f"{text}{same}"


def _over_items(verdict: BestComparison) -> bool:
    """True where every comparison with the best includes test items as a source of chance, which a win requires."""
    return all(rival.contrast.over is not None for rival in verdict.others.values())


def _basis(verdict: BestComparison) -> str:
    """A sentence on the sources of chance of these comparisons."""
    found = [rival.contrast for rival in verdict.others.values() if rival.contrast.n >= MIN_SEEDS]
    if not found:
        return ""
    over = [each.over for each in found if each.over is not None]
    if len(over) < len(found):
        return "These comparisons are over seeds only: the choice of test items is not among their sources of chance."
    fewest = min(over, key=lambda each: each.clusters)
    items = f"{fewest.items_tested:,} test items"
    if fewest.clusters < fewest.items_tested:
        items += f" in {fewest.clusters:,} clusters"
    return f"These comparisons hold for other seeds and other test items of the kind ({items})."


def _equivalent(comparison: Comparison, verdict: BestComparison) -> str:
    """A sentence on strategies that are equivalent to the best within the study's margin; "" without a margin."""
    if comparison.margin is None:
        return ""
    metric, names = comparison.primary, verdict.equivalent(comparison.margin)
    margin = formats.amount(metric, comparison.margin)
    if not names:
        return f"None is shown to be equivalent to it within ±{margin}."
    return f"Equivalent to it within ±{margin} (two one-sided tests): {formats.listing(names)}."


def _bimodal_arms(comparison: Comparison, verdict: BestComparison) -> str:
    """A sentence on the arms whose seeds fall on two plateaus."""
    if not verdict.bimodal:
        return ""
    arms = [
        name if name == verdict.best else f"{name} ({bimodal_words(comparison.primary, found)})"
        for name, found in verdict.bimodal.items()
    ]
    return (
        f"Seeds fall on two plateaus, so that a mean describes no run: {formats.listing(arms)}. A difference from "
        "such an arm counts only where every seed of one is above every seed of the other, on enough seeds."
    )


def _bimodal_cells(comparison: Comparison) -> str:
    """A sentence on the arms of single settings whose seeds fall on two plateaus."""
    found = [
        f"{name} ({bimodal_words(comparison.primary, comparison.bimodal[name])})"
        for name in comparison.contenders
        if name in comparison.bimodal
    ]
    if not found:
        return ""
    return f"Seeds fall on two plateaus, so that a mean describes no run: {formats.listing(found)}."


def bimodal_words(metric: str, found: Bimodality) -> str:
    """Two plateaus as text: "seeds 1 and 3 at 54.2%, 0, 2 and 4 at 98.1%"."""
    low, high = (formats.listing([str(seed) for seed in seeds], 6) for seeds in (found.low, found.high))
    low_mean, high_mean = (formats.metric_value(metric, mean) for mean in (found.low_mean, found.high_mean))
    return f"seeds {low} at {low_mean}, {high} at {high_mean}"


def _against_baseline(comparison: Comparison, verdict: BestComparison) -> str:
    """A sentence on the best strategy against the baseline.

    Interval and p of a winner are those of the test that it passed; the p corrected for all comparisons with the
    baseline, which the table has, is named beside them. For others both are corrected.
    """
    best, metric = str(comparison.best_cell), comparison.primary
    baseline, row = comparison.baseline_cell(best), comparison.rows()[best]
    if baseline is None:
        is_baseline = comparison.baseline in (row["arm"], best)
        return "It is the baseline: no other strategy has a better mean." if is_baseline else ""
    if not math.isfinite(row["difference"]):
        return f"No seed is finished for both {best} and the baseline {baseline}."
    found = comparison.contrast(best, baseline)
    side = "above" if row["difference"] >= 0 else "below"
    text = f"It is {formats.amount(metric, row['difference'])} {side} the baseline {baseline}"
    text += _sureness_of_baseline(comparison, verdict, found, row["p_adjusted"], tested=baseline in verdict.others)
    doubtful = row["p_adjusted"] < SIGNIFICANT and not comparison.apart_from_baseline(best)
    but = ", which the plateaus of seeds leave undecided" if doubtful else ""
    return f"{text}; {formats.plural(found.n, 'seed')}{but}."


def _sureness_of_baseline(
    comparison: Comparison, verdict: BestComparison, found: Contrast, adjusted: float, *, tested: bool
) -> str:
    """The interval and p of the difference from the baseline; `tested`: the baseline is a strategy, no control."""
    comparisons, metric = max(1, int(comparison.summary["p_value"].notna().sum())), comparison.primary
    if not math.isfinite(adjusted) or comparisons == 1:
        return _sureness(metric, found, adjusted, formats.p_phrase(adjusted) if math.isfinite(adjusted) else "")
    if not (verdict.wins and tested):
        phrase = f"{formats.p_phrase(adjusted)} {_corrected(f'{comparisons} comparisons')}"
        return _sureness(metric, found, adjusted, phrase)
    all_comparisons = f"{formats.p_phrase(adjusted)} after Holm over {comparisons} comparisons"
    return _sureness(metric, found, found.p_value, f"{formats.p_phrase(found.p_value)} ({all_comparisons})")


def _widest_gap(comparison: Comparison) -> str:
    """A sentence on the group of test examples on which the best strategy and the baseline differ most."""
    best, metric = str(comparison.best_cell), comparison.primary
    baseline = comparison.baseline_cell(best)
    gaps = {}
    for group in comparison.groups if baseline else []:
        means = comparison.rows(f"{metric}/{group}")
        mine, theirs = float(means[best]["mean"]), float(means[str(baseline)]["mean"])
        if math.isfinite(mine) and math.isfinite(theirs):
            gaps[group] = (mine, theirs)
    if len(gaps) < 2:
        return ""
    group, (mine, theirs) = max(gaps.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    return (
        f"Against {baseline} the difference is largest on “{group}” examples: "
        f"{formats.metric_value(metric, mine)} against {formats.metric_value(metric, theirs)}."
    )


def _controls(comparison: Comparison) -> str:
    controls = [cell for cell in comparison.measured if comparison.is_control(cell)]
    if not controls:
        return ""
    metric, control = comparison.primary, controls[0]
    reached = formats.metric_value(metric, comparison.rows()[control]["mean"])
    found, apart = comparison.against_control(control)
    ahead = found.difference > 0 if comparison.direction == "max" else found.difference < 0
    if not found.n or not ahead:
        is_baseline = control == comparison.baseline_cell(str(comparison.best_cell))
        note = "" if apart or is_baseline or not found.n else ", and is not separable from the best strategy"
        return f"The best control, {control}, reaches {reached}{note}."
    comparisons = found.p_value * len(controls) * len(comparison.contenders)
    p = f", {formats.p_phrase(min(1.0, comparisons))}" if math.isfinite(comparisons) else ""
    if apart:
        return f"But a control does better still: {control} reaches {reached}. Their difference has{p[1:]}."
    return f"A control, {control}, has the better mean, {reached}, and is not separable from the best strategy{p}."


def _diverged(comparison: Comparison) -> tuple[str, ...]:
    """A sentence for each arm with runs whose metrics are not finite."""
    rows = comparison.rows()
    planned = Counter(run.cell for run in comparison.runs.runs)
    return tuple(
        f"{cell} diverged on {int(row['diverged'])} of {formats.plural(planned[cell], 'run')} and is not ranked."
        for cell, row in rows.items()
        if row["diverged"]
    )


def _missing(comparison: Comparison) -> tuple[str, ...]:
    table, sentences = comparison.runs.table, []
    missing_runs = comparison.runs.missing_runs
    missing_runs = missing_runs[missing_runs["status"] != DIVERGED]
    if len(missing_runs):
        counts = missing_runs["status"].value_counts()
        kinds = formats.listing([f"{n} {status}" for status, n in counts.items()])
        sentences.append(
            f"{len(missing_runs)} of {formats.plural(len(table), 'run')} missing ({kinds}): this may still change."
        )
    stale = int(table["stale"].sum()) if len(table) else 0
    if stale:
        verb = "was" if stale == 1 else "were"
        sentences.append(
            f"{formats.plural(stale, 'run')} {verb} made by other code or from other inputs than there are now (stale)."
        )
    return tuple(sentences)
