"""Matplotlib figures as SVG, PNG and PDF: standalone with a white ground, or inline, following the page's theme.

Colours are drawn as marker values that the inline version replaces by `currentColor` and CSS variables.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT, MUTED, RULE = "#1a1b1e", "#6b6e76", "#d9dbe0"
# Hues apart under the common colour blindnesses and at 3:1 on white; line style and marker repeat the identity.
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
    "text.parse_math": False,  # arm names are not formulas: "$" is a dollar
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
    """The house style while figures are drawn and written; `name` makes the ids in an SVG reproducible."""
    import matplotlib

    with matplotlib.rc_context(cast(Any, {**STYLE, "svg.hashsalt": name})):
        yield


def settled(figure: "Figure") -> "Figure":
    """The figure with its layout computed once and kept, however often it is written."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def standalone_svg(figure: "Figure") -> str:
    """The figure as an SVG document on white; the same figure gives the same bytes."""
    return _svg(figure)


def png(figure: "Figure") -> bytes:
    """The figure as a PNG on white, 200 dots an inch."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def pdf(figure: "Figure") -> bytes:
    """The figure as a PDF whose fonts are embedded as TrueType (type 42), as publishers ask; always the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="pdf", metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))
    return buffer.getvalue()


def inline_svg(figure: "Figure", name: str, label: str) -> str:
    """The figure as an <svg> element for HTML: colours from the page, ids unique by `name`, `label` read aloud."""
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
