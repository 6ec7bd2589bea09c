"""Common parts of figures: layout, names and legends; matplotlib without pyplot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interlace.report import formats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW = 7.8, 3.25  # inches; narrow: the column width of a paper, also used on phones
MARKERS, DASHES = "osD^vPX*", ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Drawing:
    """A figure: `draw(width)` draws it, `label` is its text alternative, `caption` explains it.

    `factor`: the factor on its horizontal axis, if any.
    """

    name: str
    label: str
    caption: str
    draw: Callable[[float], "Figure"]
    factor: str = ""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure; width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def legend_below(figure: "Figure", axes: "Axes", width: float) -> None:
    """Draw the legend below the figure, in as many columns as the names allow."""
    longest = max((len(name) for name in axes.get_legend_handles_labels()[1]), default=1)
    columns = max(1, min(4, int(width * 72 / (4.9 * longest + 45))))
    figure.legend(loc="outside lower center", ncols=columns, handlelength=2.4)


def axis_label(metric: str) -> str:
    """The name of a metric with its unit."""
    return formats.metric_name(metric) + (" (%)" if formats.is_share(metric) else "")


def shortened(text: str, limit: int) -> str:
    """The text, cut to `limit` characters with an ellipsis."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
