"""What the fields of a manifest are, told from names, suffixes and values."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from interlace.data import audio, features, graphs, images, videos
from interlace.data.encoding import check_text, label_name
from interlace.data.manifest.lines import Record
from interlace.data.problems import BadExample
from interlace.errors import UserError
from interlace.tokens import KINDS, Kind

RESERVED = ("id", "split", "label", "target")
MANY_NUMBERS = 20  # distinct numbers, not all whole, from which labels are quantities and not classes
_SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys(images.SUFFIXES, "image"),
    **dict.fromkeys(audio.SUFFIXES, "audio"),
    **dict.fromkeys(features.SUFFIXES, "features"),
    **dict.fromkeys(videos.SUFFIXES, "video"),
}  # type: ignore[dict-item]
LOOKED_INTO = 20  # files of a field that are opened to tell what it is, where suffixes do not say


def infer_modalities(records: Sequence[Record], groups: Sequence[str], folder: Path) -> dict[str, Kind]:
    """Kind by modality, ordered by kind (text, image, audio, features, video, graph) and then by name.

    A field whose values are strings is a modality: of the kind that most suffixes say, else text. Where that leaves it
    open, the first LOOKED_INTO paths of the field, relative to `folder`, decide: pictures with several frames and
    folders of pictures are videos, an .npz with `nodes` and `edges` is a graph. `features` may be a mapping of names to
    paths; each name is a modality. Fields in RESERVED and in `groups` are none.
    """
    votes: dict[str, Counter[Kind]] = {}
    values: dict[str, list[str]] = {}
    for record in records:
        nested = record.get("features")
        named = dict(nested) if isinstance(nested, Mapping) else {}
        for name, value in {**record, **named}.items():
            if isinstance(value, str) and value.strip() and name not in RESERVED and name not in groups:
                kind = _SUFFIXES.get(PurePosixPath(value).suffix.lower(), "text")
                votes.setdefault(name, Counter())[kind] += 1
                values.setdefault(name, []).append(value)
    # A nested entry is a file of rows whatever its suffix says.
    inside = {n for r in records if isinstance(r.get("features"), Mapping) for n in r["features"]}
    kinds = {n: "features" if n in inside and c.most_common(1)[0][0] == "text" else c.most_common(1)[0][0]
             for n, c in votes.items()}  # fmt: skip
    kinds = {name: _looked_into(kind, values[name][:LOOKED_INTO], folder) for name, kind in kinds.items()}
    found: dict[str, Kind] = {n: k for k in KINDS for n in sorted(kinds) if kinds[n] == k}
    if not found:
        raise UserError("data.path: no field is a modality; expected at least one of text, or paths to files ending in "
                        f"{', '.join(_SUFFIXES)}; or name them in data.modalities")  # fmt: skip
    return found


def _looked_into(kind: Kind, values: Sequence[str], folder: Path) -> Kind:
    """The kind of a field after a look at some of its files."""
    tests: dict[Kind, tuple[Callable[[Path], bool], Kind]] = {
        "image": (lambda path: path.suffix.lower() in videos.ANIMATED and videos.is_video(path), "video"),
        "text": (lambda path: path.is_dir() and videos.is_video(path), "video"),
        "features": (lambda path: path.suffix.lower() == graphs.SUFFIX and graphs.is_graph(path), "graph"),
    }
    if kind not in tests:
        return kind
    test, other = tests[kind]
    return other if sum(_holds(test, folder, value) for value in values) > len(values) / 2 else kind


def _holds(test: Callable[[Path], bool], folder: Path, value: str) -> bool:
    try:
        return test(folder / value)
    except (OSError, ValueError):  # text that is no path
        return False


def infer_task(records: Sequence[Record]) -> Literal["classification", "regression", "generation"]:
    """Texts are to be written where there are `target`s and no `label`; else what the labels are."""
    labels = [record.get("label") for record in records]
    if all(label is None for label in labels) and any(record.get("target") is not None for record in records):
        return "generation"
    return "regression" if is_regression(labels) else "classification"


def target_of(record: Record) -> str:
    """The text to be written, with a prompt that is text or absent; else BadExample."""
    target, prompt = record.get("target"), record.get("prompt")
    if target is None:
        raise BadExample("no target", "every training example needs a text to write")
    if prompt is not None and not isinstance(prompt, str):
        raise BadExample("wrong type", f"prompt is {type(prompt).__name__} {str(prompt)[:40]!r}, expected text")
    return check_text("target", target)


def is_regression(labels: Sequence[Any]) -> bool:
    """Whether labels are quantities: all numbers, not all whole, and many distinct ones."""
    numbers = [v for v in labels if is_number(v)]
    if not numbers or len(numbers) < len(labels):
        return False
    return len(set(numbers)) > MANY_NUMBERS and any(v != int(v) for v in numbers if math.isfinite(v))


def is_number(value: Any) -> bool:
    """A number that float32 can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 3.4e38  # False for NaN as well


def class_name(value: Any) -> str:
    """The name of a class: text as it is, numbers and truth values as JSON writes them."""
    if isinstance(value, str) and value:
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool) or is_number(value):
        return label_name(value)
    raise BadExample("wrong type", f"label is {str(value)[:40]!r}, expected text or a number")


def label_of(record: Record, regression: bool) -> str | float:
    """A class name or a number; BadExample when there is none or it is of the wrong type."""
    value = record.get("label")
    if value is None:
        raise BadExample("no label", "every training example needs a label")
    if not regression:
        return class_name(value)
    if not is_number(value):
        raise BadExample("wrong type", f"label is {str(value)[:40]!r}, expected a number")
    return float(value)


def sorted_classes(names: set[str]) -> list[str]:
    """Class names in order, numbers by value and before words."""

    def key(name: str) -> tuple[int, float, str]:
        try:
            number = float(name)
        except ValueError:
            return 1, 0.0, name
        return (0, number, name) if math.isfinite(number) else (1, 0.0, name)

    return sorted(names, key=key)
