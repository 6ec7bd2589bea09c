"""The summary of judgements as lines of text for a terminal."""

import math
from collections.abc import Sequence

from interlace.judging.agreement import Share
from interlace.judging.comparing import Estimate
from interlace.judging.summary import Summary


def summary_lines(summary: Summary) -> list[str]:
    """Return the lines: claims, pairs, strengths, agreement, notes."""
    asked = f'"{summary.question}" ' if summary.question else ""
    lines = [*summary.claims, f"{asked}{summary.ratings} ratings about {summary.items} test items", ""]
    rows = [
        [
            f"{each.first} : {each.second}", f"{each.wins} / {each.ties} / {each.losses}", percent(each.rate),
            *([number(each.difference, "+.2f")] if each.difference else []), p_value(each.p_adjusted),
        ]
        for each in summary.pairs
    ]  # fmt: skip
    scale = ["difference of points"] if summary.means else []
    lines += table(["pair", "won / tied / lost", "share of the first", *scale, "p (Holm)"], rows)
    if summary.means:
        lines += table(["system", "mean points"], [[name, number(each, ".2f")] for name, each in summary.means])
    strengths = [
        [each.system, interval(each.strength, each.low, each.high, "+.2f"), percent(shares[each.system])]
        for shares in [dict(summary.shares)]
        for each in sorted(summary.strengths, key=lambda each: -each.strength)
        if each.system in shares
    ]
    lines += table(["system", "Bradley-Terry strength", "share against all others"], strengths)
    lines += _agreement(summary)
    return [*lines, *(f"note: {note}" for note in summary.notes)]


def _agreement(summary: Summary) -> list[str]:
    rows = [
        [f"Krippendorff's alpha, {each.level}", interval(each.value, each.low, each.high, ".3f"), f"{each.units} tasks"]
        for each in summary.alphas
    ]
    for name, each in (
        ("two raters judged the same", summary.same),
        ("a rater judged the same twice", summary.themselves),
        ("preferences for the left side", summary.left),
    ):
        if each is not None and each.total:
            rows.append([name, share_text(each), f"of {each.total}"])
    lines = table(["agreement", "value [95%]", "of"], rows)
    correlations = [
        [each.metric, interval(*each.kendall, "+.2f"), interval(*each.pearson, "+.2f"), f"{each.tasks} tasks"]
        for each in summary.metrics
    ]
    return lines + table(["automatic metric", "Kendall's tau-b", "Pearson's r", "of"], correlations)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines with a head and an empty line at the end; none without rows."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in [head, *rows]] + [""]  # fmt: skip


def interval(value: float, low: float, high: float, form: str, unit: str = "") -> str:
    """A value with the ends of its interval; "none" without a value, and an open end as ∞."""
    if math.isnan(value):
        return "none"
    ends = "" if math.isnan(low) or math.isnan(high) else f" [{_end(low, form)}, {_end(high, form)}]"
    return f"{_end(value, form)}{unit}{ends}"


def number(estimate: Estimate, form: str) -> str:
    """An estimate with its interval."""
    return interval(estimate.mean, estimate.low, estimate.high, form)


def percent(estimate: Estimate) -> str:
    """A rate with its interval in percent."""
    return interval(100 * estimate.mean, 100 * estimate.low, 100 * estimate.high, ".0f", "%")


def share_text(share: Share) -> str:
    """A share with its interval in percent."""
    return interval(100 * share.value, 100 * share.low, 100 * share.high, ".0f", "%")


def p_value(p: float) -> str:
    """A p-value with three digits."""
    return "none" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _end(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "∞" if value > 0 else "-∞"
