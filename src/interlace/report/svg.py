"""Matplotlib figures as SVG, PNG and PDF: standalone on white, or inline in the colours of the page.

The inline version replaces the colours of this module by `currentColor` and CSS variables.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT, MUTED, RULE = "#1a1b1e", "#6b6e76", "#d9dbe0"
# Distinguishable with common colour blindness, and with a contrast of 3:1 on white; lines differ in style too.
SERIES = ("#0b6bb5", "#c8501e", "#0a8563", "#8a5ab5", "#9a6f00", "#2a8fb9", "#c2528b", "#55606f")

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 9,
    "legend.fontsize": 8,
    "text.parse_math": False,  # names of arms are not formulas: "$" stays a dollar sign
    "text.color": TEXT,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": TEXT,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextlib.contextmanager
def style(name: str) -> Iterator[None]:
    """The common style while figures are drawn and written; `name` is the salt of reproducible ids in SVG."""
    import matplotlib

    with matplotlib.rc_context(cast(Any, {**STYLE, "svg.hashsalt": name})):
        yield


def settled(figure: "Figure") -> "Figure":
    """The figure with a fixed layout, computed once for all formats."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def standalone_svg(figure: "Figure") -> str:
    """The figure as an SVG document on white; the same figure gives the same bytes."""
    return _svg(figure)


def png(figure: "Figure") -> bytes:
    """The figure as a PNG on white, 200 dpi."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def pdf(figure: "Figure") -> bytes:
    """The figure as a PDF with embedded TrueType fonts (type 42), as publishers require; reproducible bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf", metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))
    return buffer.getvalue()


def inline_svg(figure: "Figure", name: str, label: str) -> str:
    """The figure as an <svg> element for HTML: colours of the page, ids with prefix `name`, `label` as aria-label."""
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    text = _svg(figure)
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = text.replace(TEXT, "currentColor").replace(MUTED, "var(--muted)").replace(RULE, "var(--rule)")
    for index, colour in enumerate(SERIES):
        text = text.replace(colour, f"var(--s{index})")
    text = re.sub(r"(font: [^;'\"]*?px )[^;\"]*", r"\1var(--sans)", text)
    head, rest = text.split(">", 1)
    head = re.sub(r'\s(width|height|version|xmlns:xlink)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{_attribute(label)}">{rest}'


def _svg(figure: "Figure") -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _attribute(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace('"', "&quot;")
