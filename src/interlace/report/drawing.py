"""Parts of all figures: frame, names and legends; matplotlib without pyplot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interlace.report import formats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW = 7.8, 3.25  # inches; the narrow one is as wide as a column of a paper, and shown on phones
MARKERS, DASHES = "osD^vPX*", ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Drawing:
    """A figure by name: `draw(width)` draws it anew, `label` says in words what it shows, `caption` explains it."""

    name: str
    label: str
    caption: str
    draw: Callable[[float], "Figure"]
    factor: str = ""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure with the house layout; inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def legend_below(figure: "Figure", axes: "Axes", width: float) -> None:
    """Below the figure, in as many columns as the names leave room for."""
    longest = max((len(name) for name in axes.get_legend_handles_labels()[1]), default=1)
    columns = max(1, min(4, int(width * 72 / (4.9 * longest + 45))))
    figure.legend(loc="outside lower center", ncols=columns, handlelength=2.4)


def axis_label(metric: str) -> str:
    """A metric with its unit."""
    return formats.metric_name(metric) + (" (%)" if formats.is_share(metric) else "")


def shortened(text: str, limit: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
