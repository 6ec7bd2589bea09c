"""Figures of attention and token contributions over the image, audio and text of examples."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from interlace.report.drawing import Drawing, new_figure
from interlace.report.svg import MUTED, SERIES, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AGAINST, FOR, HEAT = SERIES[1], SERIES[0], "#c81e5b"
CHARACTER = 0.602  # width of a monospaced character, in font sizes (DejaVu Sans Mono)
WORD_SIZE = 8.0
PALE = 0.4  # blend of a picture with white, so that tints are visible
MAX_LINES = 7


@dataclass(frozen=True)
class Media:
    """The inputs of an example: arrays and sample rates by modality; None for a missing modality."""

    arrays: Mapping[str, np.ndarray | None]
    sample_rates: Mapping[str, int]


def example_drawing(analysis: Mapping[str, Any], media: Sequence[Media]) -> Drawing | None:
    """The figure of the examples in an analysis, with a `Media` for each; None without examples."""
    examples = (analysis.get("attention") or {}).get("examples") or []
    if not examples:
        return None
    caption = (
        "Attention: share of the read-out that flows from each token (rollout). Contribution: Shapley value of each "
        "token for the probability of the answer; blue speaks for it, orange against. One scale an example and row."
    )
    return Drawing(
        "examples", "attention and contribution of tokens", caption, lambda w: draw_examples(examples, media, w)
    )


def draw_examples(examples: Sequence[Mapping[str, Any]], media: Sequence[Media], width: float) -> "Figure":
    """Draw a row of attention, where available, and of contributions for each example; a column for each modality."""
    names = list(examples[0]["modalities"])
    rows = [
        (example, shown, kind)
        for example, shown in zip(examples, media, strict=True)
        for kind in ("attention", "shapley")
        if any(part[kind] is not None for part in example["modalities"].values())
    ]
    figure = new_figure(width, 1.5 * len(rows) + 0.2)
    grid = figure.subplots(len(rows), len(names), squeeze=False)
    for line, (example, shown, kind) in zip(grid, rows, strict=True):
        values = [part[kind] or [] for part in example["modalities"].values()]
        greatest = max((abs(value) for part in values for value in part), default=0.0) or 1.0
        for axes, name, weights in zip(line, names, values, strict=True):
            part = example["modalities"][name]
            _panel(axes, part["kind"], shown.arrays[name], shown.sample_rates.get(name), part["words"],
                   np.array(weights) / greatest, kind == "shapley")  # fmt: skip
        first = kind == "attention" or len(rows) == len(examples)
        title = f"{example['id']}: answer {example['prediction']}"
        title += f" ({100 * example['probability']:.0f}%)" if example["probability"] is not None else ""
        title += "" if example["prediction"] == example["label"] else f", right is {example['label']}"
        what = "attention" if kind == "attention" else "contribution"
        line[0].set_title(
            f"{title} · {what}" if first else what, loc="left", fontsize=8, color=TEXT if first else MUTED
        )
    return figure


def _panel(
    axes: "Axes",
    kind: str,
    array: np.ndarray | None,
    sample_rate: int | None,
    words: Sequence[str] | None,
    weights: np.ndarray,
    signed: bool,
) -> None:
    """Draw one modality of one example; `weights` (N,) in [-1, 1]."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    if array is None or not len(weights):
        axes.text(0.5, 0.5, "missing", ha="center", va="center", color=MUTED, transform=axes.transAxes)
    elif kind == "image":
        _picture(axes, array, weights, signed)
    elif kind == "audio":
        _sound(axes, array, sample_rate or 16000, weights, signed)
    elif words is not None:
        _words(axes, words, weights, signed)
    else:
        colours = [_colour(weight, signed) for weight in weights]
        axes.bar(range(len(weights)), weights, color=colours)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.set_xlabel("token", fontsize=7)


def grid_shape(tokens: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of a picture's token grid: the factors of `tokens` whose cells are nearest to square."""
    pairs = [(rows, tokens // rows) for rows in range(1, tokens + 1) if tokens % rows == 0]
    return min(pairs, key=lambda pair: abs(math.log((height / pair[0]) / (width / pair[1]))))


def _picture(axes: "Axes", array: np.ndarray, weights: np.ndarray, signed: bool) -> None:
    """Draw a picture, (C, H, W) bytes, blended with white, with tinted cells of the token grid."""
    from matplotlib.colors import to_rgb

    picture = np.broadcast_to(array.transpose(1, 2, 0) / 255.0, (*array.shape[1:], 3))  # grey has one channel
    height, width = picture.shape[:2]
    rows, columns = grid_shape(len(weights), height, width)
    # Enlarged, so that the token grid need not match the pixels.
    scale = max(1, -(-128 // max(height, width)))
    big = PALE + (1.0 - PALE) * np.kron(picture, np.ones((scale, scale, 1)))
    across = np.arange(big.shape[0]) * rows // big.shape[0], np.arange(big.shape[1]) * columns // big.shape[1]
    cells = weights.reshape(rows, columns)[np.ix_(*across)]
    alpha = (0.78 * np.abs(cells))[..., None]
    tint = np.where((cells < 0)[..., None], to_rgb(AGAINST), to_rgb(_colour(1.0, signed)))
    axes.imshow((1 - alpha) * big + alpha * tint, interpolation="nearest")


def _sound(axes: "Axes", array: np.ndarray, sample_rate: int, weights: np.ndarray, signed: bool) -> None:
    """Draw the spectrogram of a waveform in grey, with a tinted span of time for each token."""
    from scipy.signal import stft

    wave = array.astype(np.float64) / (32768.0 if array.dtype == np.int16 else 1.0)
    window = int(min(len(wave), max(16, round(0.025 * sample_rate))))
    _, _times, spectrum = stft(wave, sample_rate, nperseg=window, noverlap=window // 2)
    level = 10 * np.log10(np.abs(spectrum) ** 2 + 1e-10)
    seconds = len(wave) / sample_rate
    axes.imshow(level, origin="lower", aspect="auto", cmap="Greys", extent=(0, seconds, 0, sample_rate / 2000),
                vmin=level.max() - 70, vmax=level.max() + 10)  # fmt: skip
    edges = np.linspace(0, seconds, len(weights) + 1)
    for left, right, weight in zip(edges[:-1], edges[1:], weights, strict=True):
        axes.axvspan(left, right, color=_colour(weight, signed), alpha=0.6 * abs(weight), linewidth=0)
    axes.set_xlim(0, seconds)
    axes.set_xlabel(f"{seconds:.2g} s", fontsize=7, loc="right", labelpad=1)


def _words(axes: "Axes", words: Sequence[str], weights: np.ndarray, signed: bool) -> None:
    """Draw words in reading order on tinted backgrounds; the number of words that do not fit is shown."""
    inches = axes.get_figure().get_figwidth() / axes.get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    room = max(8, int(inches * 72 * 0.92 / (CHARACTER * WORD_SIZE)))
    line, column = 0, 0
    for index, (word, weight) in enumerate(zip(words, weights, strict=True)):
        text = word if len(word) <= room else f"{word[: room - 1]}…"
        if column and column + len(text) > room:
            line, column = line + 1, 0
        if line >= MAX_LINES:
            axes.text(0, 1 - line / MAX_LINES, f"and {len(words) - index} more", fontsize=7, color=MUTED, va="top")
            break
        ground = {"facecolor": _colour(weight, signed), "alpha": 0.62 * abs(float(weight)), "edgecolor": "none",
                  "boxstyle": "square,pad=0.15"}  # fmt: skip
        axes.text(column / room, 1 - (line + 0.5) / MAX_LINES, text, fontsize=WORD_SIZE, family="monospace",
                  va="center", bbox=ground)  # fmt: skip
        column += len(text) + 1
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.05, 1.05)


def _colour(weight: float, signed: bool) -> str:
    if not signed:
        return HEAT
    return AGAINST if weight < 0 else FOR
