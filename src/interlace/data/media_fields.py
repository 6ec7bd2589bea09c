"""Values of media fields: the path of a file, a span of it, several of these, or rows of numbers."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.features import decode_features
from interlace.data.media_bytes import media_folder
from interlace.data.problems import BadExample
from interlace.data.spans import FULL, Clip, Span
from interlace.tokens import Kind

TIMED: tuple[Kind, ...] = ("audio", "video")  # kinds with spans of time
JOINED: tuple[Kind, ...] = ("audio", "video", "features")  # kinds whose files are concatenated
KEYS = ("path", "start", "end")


def parse_clips(name: str, kind: Kind, value: Any, folder: Path, allow_outside: bool) -> list[Clip]:
    """The files, or folders of frames, that a value names, in order. The value is a path, {"path", "start", "end"} with
    seconds for a span of audio or video, or a list of these.

    Raises BadExample for other values, several images or graphs, spans of kinds without time, and files that do not
    exist or lie outside `folder` (`resolve`).
    """
    found = [_path_and_span(name, entry) for entry in _as_list(value)]
    if len(found) > 1 and kind not in JOINED:
        advice = f"; data.modalities={{{name}: video}} reads them as frames" if kind == "image" else ""
        raise BadExample("several files", f"{name} is a list of {len(found)} files, expected one {kind}{advice}")
    clips = []
    for path, span in found:
        if not span.is_full and kind not in TIMED:
            raise BadExample(
                "wrong segment", f"{name}: {span} was given for a file of kind {kind}, which has no time axis"
            )
        clips.append(Clip(resolve(name, path, folder, allow_outside, or_folder=kind == "video"), span))
    return clips


def paths_in(value: Any) -> list[str]:
    """The paths that a value names, existing or not."""
    paths = [entry.get("path") if isinstance(entry, Mapping) else entry for entry in _as_list(value)]
    return [path for path in paths if isinstance(path, str)]


def paths_with_spans(value: Any) -> list[str]:
    """The paths for which a value gives a span."""
    return [path for entry in _as_list(value) if isinstance(entry, Mapping) and entry.keys() & set(KEYS[1:])
            if isinstance(path := entry.get("path"), str)]  # fmt: skip


def feature_rows(name: str, value: Any, folder: Path, allow_outside: bool) -> np.ndarray:
    """Feature rows (N, D) float32: of one or several files, concatenated, or the value itself, a list of D numbers (one
    row) or of N such lists. Raises the BadExample of `parse_clips` and `decode_features`.
    """
    if is_inline(value):
        return _inline(name, value)
    clips = parse_clips(name, "features", value, folder, allow_outside)
    parts = [decode_features(clip.path) for clip in clips]
    if len(widths := sorted({part.shape[1] for part in parts})) > 1:
        raise BadExample("wrong type", f"{name} names files with rows of {widths} values, expected one width")
    return np.concatenate(parts)


def is_inline(value: Any) -> bool:
    """True if a value is a list of numbers, or of lists of them, instead of a path."""
    return isinstance(value, list) and bool(value) and not isinstance(value[0], str | Mapping)


def resolve(name: str, value: Any, folder: Path, allow_outside: bool, *, or_folder: bool = False) -> Path:
    """The file (or folder) that a record names. Raises BadExample unless it exists and lies in `folder` (symbolic links
    followed) or in the media folder of the cache (`media_bytes`).
    """
    if not isinstance(value, str) or not value:
        raise BadExample("wrong type", f"{name} is {type(value).__name__} {str(value)[:40]!r}, expected a path")
    try:
        path = (folder / value).resolve()
        inside = path.is_relative_to(folder.resolve()) or path.is_relative_to(media_folder().resolve())
        if not allow_outside and not inside:
            raise BadExample(
                "outside the folder",
                f"{name} {value!r} lies outside {folder.name or folder}/ (allow with data.allow_outside=true)",
            )
        if path.is_file() or (or_folder and path.is_dir()):
            return path
        what = "a folder, not a file" if path.is_dir() else "not found"
    except (OSError, ValueError, RuntimeError) as error:
        what = f"not a usable path ({error})"
    raise BadExample("missing file", f"{name} {value[:200]!r} is {what}")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _path_and_span(name: str, value: Any) -> tuple[Any, Span]:
    if not isinstance(value, Mapping):
        return value, FULL
    if unknown := [key for key in value if key not in KEYS]:
        raise BadExample("wrong type", f"{name} has the key {unknown[0][:40]!r}, expected {', '.join(KEYS)}")
    if "path" not in value:
        raise BadExample("wrong type", f"{name} is a mapping without a path")
    start, end = (_seconds(name, key, value.get(key)) for key in KEYS[1:])
    if end is not None and end <= (start or 0.0):
        raise BadExample("wrong segment", f"{name}: the end, {end:g} s, is not after the start, {start or 0:g} s")
    return value["path"], Span(start, end)


def _seconds(name: str, key: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadExample("wrong segment", f"{name}: {key} is {str(value)[:40]!r}, expected seconds, 0 or more")
    return float(value)


def _inline(name: str, value: list[Any]) -> np.ndarray:
    rows = value if isinstance(value[0], list) else [value]
    widths = {len(row) if isinstance(row, list) else -1 for row in rows}
    if len(widths) > 1 or min(widths) < 1:
        raise BadExample("wrong type", f"{name} is lists that differ in length or are empty, expected rows of numbers")
    for row in rows:
        if set(map(type, row)) <= {int, float}:  # the usual case
            continue
        for number in row:
            if isinstance(number, bool) or not isinstance(number, int | float):
                odd = f"{type(number).__name__} {str(number)[:40]!r}"
                raise BadExample("wrong type", f"{name} holds {odd} among its numbers, expected only numbers")
    with np.errstate(over="ignore"):
        try:
            found = np.asarray(rows, dtype=np.float64).astype(np.float32)
        except OverflowError:  # an integer beyond the range of floats
            found = np.full((1, 1), np.inf, dtype=np.float32)
    if not np.isfinite(found).all():
        raise BadExample("features not finite", f"{name} has a value that is not a finite float32 number")
    return found
