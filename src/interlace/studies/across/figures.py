"""The figure of a report over several studies: mean ranks with their critical difference."""

from typing import TYPE_CHECKING

import numpy as np

from interlace.report.drawing import Drawing, new_figure, shortened
from interlace.report.ranking import Ranking
from interlace.report.svg import MUTED, SERIES, TEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def critical_words(ranking: Ranking) -> str:
    """The critical difference as text: the least difference of mean ranks that separates two strategies."""
    if not np.isfinite(ranking.critical_difference):
        return f"{ranking.blocks} blocks are too few to separate any two strategies at 0.05"
    return f"critical difference {ranking.critical_difference:.2f} at 0.05"


def rank_drawing(ranking: Ranking) -> Drawing:
    """Mean ranks with bars of half the critical difference to each side; strategies differ if bars do not overlap."""
    ranks = ", ".join(f"{arm} {rank:.2f}" for arm, rank in ranking.ranks.items())
    caption = f"Dot: mean rank, 1 is best ({critical_words(ranking)})."
    if np.isfinite(ranking.critical_difference):
        caption += (
            " Bar: half the critical difference to each side; strategies whose bars overlap are not separable. "
            "Dotted line: the end of the best strategy's bar."
        )
    return Drawing("ranks", f"Mean rank of each strategy: {ranks}", caption, lambda width: draw_ranks(ranking, width))


def draw_ranks(ranking: Ranking, width: float) -> "Figure":
    """Draw the mean ranks, a row for each arm, best first; `width` in inches."""
    arms, ranks = [str(arm) for arm in ranking.ranks.index], ranking.ranks.to_numpy(float)
    bars = bool(np.isfinite(ranking.critical_difference))
    half = ranking.critical_difference / 2 if bars else 0.0
    figure = new_figure(width, 0.75 + 0.29 * len(arms))
    axes = figure.subplots()
    level = {arms[0], *ranking.level}
    for y, (arm, rank) in enumerate(zip(arms, ranks, strict=True)):
        colour = SERIES[0] if arm in level else MUTED
        axes.plot([rank - half, rank + half], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot([rank], [y], "o", color=colour, markersize=6)
        axes.text(1.015, y, f"{rank:.2f}", transform=axes.get_yaxis_transform(), va="center",
                  weight="bold" if y == 0 else "normal")  # fmt: skip
    if bars:
        axes.axvline(ranks[0] + half, color=MUTED, linestyle=":", linewidth=1)
    axes.set_yticks(np.arange(len(arms)), [shortened(arm, 34 if width > 5 else 17) for arm in arms])
    for label, arm in zip(axes.get_yticklabels(), arms, strict=True):
        label.set_color(TEXT if arm in level else MUTED)
        label.set_fontweight("bold" if arm == arms[0] else "normal")
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0.5, len(arms) + 0.5)  # bars are clipped to the range of ranks
    axes.set_xlabel("mean rank (1 is best)")
    return figure
