"""Records (a line of a manifest, an example to predict for) to arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.audio import decode_audio
from interlace.data.features import decode_features
from interlace.data.graphs import decode_graph
from interlace.data.images import decode_image
from interlace.data.media_bytes import media_folder
from interlace.data.problems import BadExample, Problem, error_of
from interlace.data.sequences import JOINER, SequenceTokenizer
from interlace.data.spellings import canonical, number_of
from interlace.data.split import Split
from interlace.data.text import WordTokenizer
from interlace.data.videos import decode_video
from interlace.errors import UserError
from interlace.tokens import Kind, ModalitySpec

# How each kind of modality is stored.
DTYPES: dict[Kind, str] = {
    "text": "<i8", "image": "u1", "audio": "<i2", "features": "<f4", "video": "u1", "graph": "<f4"
}  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Bounds on what a record may name."""

    max_pixels: int = 50_000_000
    allow_outside: bool = False


@dataclass(frozen=True)
class RecordEncoder:
    """Encodes records with known modalities; nothing is learned from them."""

    modalities: Mapping[str, ModalitySpec]
    tokenizers: Mapping[str, WordTokenizer | SequenceTokenizer]
    limits: Limits

    def encode(self, records: Sequence[Mapping[str, Any]], folder: Path, classes: Sequence[str] | None) -> Split:
        """All records as a split; UserError names every bad one. Labels are read where there are any: class id by
        `classes`, or numbers when that is None; 0 stands for none.
        """
        arrays = {name: empty_array(spec, len(records)) for name, spec in self.modalities.items()}
        problems = []
        for row, record in enumerate(records):
            try:
                self.write(record, folder, arrays, row)
            except BadExample as bad:
                problems.append(Problem(row + 1, bad.reason, bad.detail))
        if problems:
            raise error_of("the examples to encode", problems, "mend them or take them out")
        ids = [str(row + 1) if record.get("id") is None else str(record["id"]) for row, record in enumerate(records)]
        texts = {
            name: [self.shown(name, record) for record in records]
            for name, spec in self.modalities.items()
            if spec.kind == "text"
        }
        return Split(arrays, _labels(records, classes), ids, texts=texts)

    def write(self, record: Mapping[str, Any], folder: Path, arrays: Mapping[str, RawArray], row: int) -> None:
        """Writes one record into `row` of zeroed arrays; raises BadExample, and may leave the row half written."""
        items = {name: self.read(name, record, folder) for name in self.modalities}
        if all(value is None for value in items.values()):
            raise BadExample("nothing there", f"it has none of {', '.join(self.modalities)}")
        for name, value in items.items():
            if value is None:
                continue
            array = arrays[name]
            if self.modalities[name].kind == "image":
                array.x[row] = value
                array.length[row] = 1
            elif len(value) > array.x.shape[1]:
                raise BadExample(f"unreadable {self.modalities[name].kind}", f"{name} is longer than its header says")
            else:
                array.x[row, : len(value)] = value
                array.length[row] = len(value)
            array.present[row] = True

    def read(self, name: str, record: Mapping[str, Any], folder: Path) -> np.ndarray | None:
        """One modality of a record without its batch axis, as long as it is; None when it is missing."""
        tokenizer = self.tokenizers.get(name)
        if isinstance(tokenizer, SequenceTokenizer):
            texts = tokenizer.texts_of(record, name)
            if texts is None:
                return None
            return np.asarray(tokenizer.encode([check_text(name, text) for text in texts]), dtype=np.int64)
        value = lookup(record, name)
        return None if value is None else self._read(name, self.modalities[name], value, folder)

    def shown(self, name: str, record: Mapping[str, Any]) -> str:
        """The text of a modality as people read it, "" when it is missing."""
        tokenizer = self.tokenizers.get(name)
        if isinstance(tokenizer, SequenceTokenizer):
            return JOINER.join(map(str, tokenizer.texts_of(record, name) or ()))
        return str(record.get(name) or "")

    def _read(self, name: str, spec: ModalitySpec, value: Any, folder: Path) -> np.ndarray:
        if spec.kind == "text":
            return self._read_text(name, spec, value)
        path = resolve(name, value, folder, self.limits.allow_outside, or_folder=spec.kind == "video")
        if spec.kind == "video":
            return decode_video(path, spec.shape[2], spec.shape[1], spec.shape[0], self.limits.max_pixels)
        if spec.kind == "graph":
            return _read_graph(path, spec)
        if spec.kind == "image":
            return decode_image(path, spec.shape[1], spec.shape[0], self.limits.max_pixels)
        if spec.kind == "audio":
            rate = spec.sample_rate or 16000
            return decode_audio(path, rate, spec.shape[0] / rate)[: spec.shape[0]]
        rows = decode_features(path)
        if rows.shape[1] != spec.shape[1]:
            raise BadExample("wrong type", f"{path.name} has rows of {rows.shape[1]} values, others of {spec.shape[1]}")
        if len(rows) > spec.shape[0]:
            raise BadExample("features too long", f"{path.name} has {len(rows)} rows, expected at most {spec.shape[0]}")
        return rows

    def _read_text(self, name: str, spec: ModalitySpec, value: Any) -> np.ndarray:
        ids = self.tokenizers[name].encode(check_text(name, value))
        if len(ids) > spec.shape[0]:
            raise BadExample(
                "text too long", f"{name} has {len(ids)} words, more than {spec.shape[0]} (data.max_tokens)"
            )
        return np.asarray(ids, dtype=np.int64)


def lookup(record: Mapping[str, Any], name: str) -> Any:
    """A modality's value: its own field, or its entry of a `features` mapping."""
    value = record.get(name)
    nested = record.get("features")
    if isinstance(nested, Mapping):
        value = nested.get(name) if name == "features" or value is None else value
    return value


def check_text(name: str, value: Any) -> str:
    """The value, if it is text that can be encoded and has a character that is not a space."""
    if not isinstance(value, str):
        raise BadExample("wrong type", f"{name} is {type(value).__name__} {str(value)[:40]!r}, expected text")
    if not value.strip():
        raise BadExample("empty text", f"{name} has no words; use null for a missing modality")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise BadExample("wrong type", f"{name} holds a lone surrogate, which is not text") from None
    return value


def _read_graph(path: Path, spec: ModalitySpec) -> np.ndarray:
    graph = decode_graph(path)
    most, width = spec.shape[0], spec.shape[1] - spec.shape[0]
    if graph.nodes.shape[1] != width:
        raise BadExample("wrong type", f"{path.name} has {graph.nodes.shape[1]} values a node, others {width}")
    if len(graph.nodes) > most:
        raise BadExample("graph too large", f"{path.name} has {len(graph.nodes)} nodes, expected at most {most}")
    return graph.rows(most)


def resolve(name: str, value: Any, folder: Path, allow_outside: bool, *, or_folder: bool = False) -> Path:
    """The file (or folder) a record names; BadExample unless it exists and lies in `folder` (links followed), or
    is what `media_bytes` has put into the cache."""
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
        what = "a folder, not a file" if path.is_dir() else "not there"
    except (OSError, ValueError, RuntimeError) as error:
        what = f"not a usable path ({error})"
    raise BadExample("missing file", f"{name} {value[:200]!r} is {what}")


def empty_array(spec: ModalitySpec, num: int) -> RawArray:
    """Zeros for `num` missing examples of a modality."""
    x = np.zeros((num, *spec.shape), DTYPES[spec.kind])
    return RawArray(x, np.zeros(num, np.int64), np.zeros(num, bool))


def prompts_of(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The "prompt" of every record, "" for none; UserError for one that is not text."""
    prompts = ["" if record.get("prompt") is None else record["prompt"] for record in records]
    for row, prompt in enumerate(prompts):
        if not isinstance(prompt, str):
            raise UserError(f"line {row + 1}: prompt is {type(prompt).__name__} {str(prompt)[:40]!r}, expected text")
    return prompts


def _labels(records: Sequence[Mapping[str, Any]], classes: Sequence[str] | None) -> np.ndarray:
    labels = [record.get("label") for record in records]
    if classes is None:
        return np.asarray([number_of(v) or 0.0 for v in labels], dtype=np.float32)
    known = {canonical(name): index for index, name in enumerate(classes)}
    for row, label in enumerate(labels):
        if label is not None and canonical(label) not in known:
            raise UserError(f"line {row + 1}: label {label!r} is not one of the classes {', '.join(classes)}")
    return np.asarray([0 if v is None else known[canonical(v)] for v in labels], dtype=np.int64)
