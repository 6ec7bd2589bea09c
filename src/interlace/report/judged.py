"""Judgements by people in a report: a section of a study's page, and a page of their own."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from interlace.judging.lines import interval, number, p_value, percent, share_text
from interlace.judging.summary import Rater, Summary
from interlace.report import formats
from interlace.report.drawing import Drawing, new_figure, shortened
from interlace.report.svg import MUTED, SERIES
from interlace.report.writing import render_template, write_figure
from interlace.tracking.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "judged"


def judged_view(summary: Summary) -> dict[str, Any]:
    """The texts of the section."""
    rated = [each for each in summary.raters if each.done]
    by = f" by {formats.plural(len(rated), 'rater')}" if rated else ""
    shares = dict(summary.shares)
    return {
        "claims": summary.claims,
        "question": summary.question,
        "size": f"{formats.plural(summary.ratings, 'rating')}{by} about {formats.plural(summary.items, 'test item')}",
        "scale": ", ".join(f"{point} {words}" for point, words in enumerate(summary.anchors, start=1)),
        "pairs": [
            {
                "names": (each.first, each.second),
                "counts": f"{each.wins} / {each.ties} / {each.losses}",
                "rate": percent(each.rate),
                "difference": _signed(each.difference.mean, each.difference.low, each.difference.high)
                if each.difference
                else "",
                "p": p_value(each.p_adjusted),
                "significant": each.preferred is not None,
                "items": each.items,
            }
            for each in summary.pairs
        ],
        "systems": [
            {
                "name": each.system,
                "strength": _signed(each.strength, each.low, each.high),
                "share": percent(shares[each.system]),
                "mean": number(mean, ".2f") if (mean := dict(summary.means).get(each.system)) else "",
            }
            for each in sorted(summary.strengths, key=lambda each: -shares[each.system].mean)
            if each.system in shares
        ],
        "agreement": _agreement(summary),
        "metrics": [
            {
                "name": each.metric,
                "kendall": _signed(*each.kendall),
                "pearson": _signed(*each.pearson),
                "tasks": each.tasks,
            }
            for each in summary.metrics
        ],
        "raters": [_rater(each) for each in rated],
        "notes": summary.notes,
    }


def _agreement(summary: Summary) -> list[tuple[str, str, str]]:
    rows = [
        (f"Krippendorff’s alpha, {each.level}", _signed(each.value, each.low, each.high, ".3f"), str(each.units))
        for each in summary.alphas
    ]
    for name, share in (
        ("two raters gave the same judgement", summary.same),
        ("a rater gave the same judgement twice", summary.themselves),
        ("preferences for the left side", summary.left),
    ):
        if share is not None and share.total:
            rows.append((name, share_text(share), str(share.total)))
    return rows


def _signed(value: float, low: float, high: float, form: str = "+.2f") -> str:
    return interval(value, low, high, form).replace("-", "−")


def _rater(rater: Rater) -> tuple[str, ...]:
    seconds = "–" if math.isnan(rater.seconds) else f"{rater.seconds:.1f}"
    shares = [share_text(each) if each.total else "–" for each in (rater.themselves, rater.left)]
    return (str(rater.number), f"{rater.done} of {rater.of}", seconds, *shares)


def judged_drawing(summary: Summary) -> Drawing | None:
    """The figure of each system's share against all others; None where nothing has been rated."""
    if not summary.shares:
        return None
    rows = sorted(summary.shares, key=lambda each: -each[1].mean)
    spoken = ", ".join(f"{name} {percent(share)}" for name, share in rows)
    return Drawing(
        NAME,
        f"Dot plot of the share of comparisons that each system wins: {spoken}",
        "Dot: share of comparisons with all other systems that raters decided for it, ties half. Bar: 95% interval. "
        "Dotted line: one half.",
        lambda width: _draw(rows, width),
    )


def _draw(rows: list[tuple[str, Any]], width: float) -> "Figure":
    figure = new_figure(width, 0.62 + 0.29 * len(rows))
    axes = figure.subplots()
    for row, (_, share) in enumerate(rows):
        axes.plot([100 * share.low, 100 * share.high], [row, row], color=SERIES[0], solid_capstyle="butt")
        axes.plot([100 * share.mean], [row], "o", color=SERIES[0], markersize=5, clip_on=False)
    axes.axvline(50, color=MUTED, linestyle=":", linewidth=1)
    axes.set_yticks(range(len(rows)), [shortened(name, max(8, int(width * 4.5))) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("share of comparisons won (%)")
    return figure


def write_judged_page(summary: Summary, path: Path, command: str) -> Path:
    """Write the judgements as one HTML file, which loads no others; return its path."""
    drawing = judged_drawing(summary)
    with TemporaryDirectory() as folder:
        figures = [] if drawing is None else [write_figure(drawing, NAME, Path(folder))]
    page = render_template(
        Path(__file__).parent / "judged_page",
        figures,
        title="Judged by people",
        judged=judged_view(summary),
        command=command,
    )
    write_atomically(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))
    return path
