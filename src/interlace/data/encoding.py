"""Conversion of records (a line of a manifest, an example for prediction) to arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from interlace.data.arrays import RawArray
from interlace.data.audio import decode_sounds
from interlace.data.graphs import decode_graph
from interlace.data.images import decode_image
from interlace.data.media_fields import feature_rows, parse_clips, paths_in
from interlace.data.parallel_reading import read_in_order
from interlace.data.problems import BadExample, Problem
from interlace.data.sequences import JOINER, SequenceTokenizer
from interlace.data.split import Split
from interlace.data.text import WordTokenizer
from interlace.data.videos import decode_clips
from interlace.tokens import Kind, ModalitySpec

# The dtype in which each kind of modality is stored.
DTYPES: dict[Kind, str] = {
    "text": "<i8", "image": "u1", "audio": "<i2", "features": "<f4", "video": "u1", "graph": "<f4"
}  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Limits of the media that a record may name, and the treatment of longer texts (error or truncation)."""

    max_pixels: int = 50_000_000
    allow_outside: bool = False
    on_long: Literal["error", "truncate"] = "error"


class Encoded(NamedTuple):
    """New examples: the readable ones as a split, and the problems of the others.

    `rows`: the indices of the split's examples among the records. `problems`: the other records by number, from 1.
    `truncated`: for each example of the split, the original number of tokens of each truncated text, by modality.
    """

    split: Split
    rows: list[int]
    problems: list[Problem]
    truncated: list[dict[str, int]]


@dataclass(frozen=True)
class RecordEncoder:
    """An encoder of records with known modalities; nothing is fitted to the records."""

    modalities: Mapping[str, ModalitySpec]
    tokenizers: Mapping[str, WordTokenizer | SequenceTokenizer]
    limits: Limits

    def encode(
        self,
        records: Sequence[Mapping[str, Any]],
        folder: Path,
        check: Callable[[Mapping[str, Any]], None],
        labels: Callable[[Sequence[Mapping[str, Any]]], tuple[np.ndarray, Mapping[str, Any]]],
    ) -> Encoded:
        """Encodes the records that can be read as a split, padded to the longest. `check` raises BadExample for a
        record that the task cannot use; `labels` returns the labels of the others, and further arguments of `Split`.
        Files are read by several threads where that pays (`read_in_order`).
        """
        found: list[dict[str, np.ndarray | None]] = []
        rows, problems, truncated = [], [], []

        def read(record: Mapping[str, Any]) -> tuple[dict[str, np.ndarray | None], dict[str, int]]:
            check(record)
            return self.read_all(record, folder), self.truncated_lengths(record)

        for row, result in enumerate(read_in_order(read, records)):
            if isinstance(result, BadExample):
                problems.append(Problem(row + 1, result.reason, result.detail))
                continue
            found.append(result[0])
            rows.append(row)
            truncated.append(result[1])
        longest = {n: max((len(v) for f in found if (v := f[n]) is not None), default=1) for n in self.modalities}
        arrays = {name: empty_array(spec, len(rows), longest[name]) for name, spec in self.modalities.items()}
        for row, items in enumerate(found):
            self.put(items, arrays, row)
        kept = [records[row] for row in rows]
        ids = [str(row + 1) if record.get("id") is None else str(record["id"]) for row, record in enumerate(records)]
        texts = {
            name: [self.display_text(name, record) for record in kept]
            for name, spec in self.modalities.items()
            if spec.kind == "text"
        }
        known, written = labels(kept)
        split = Split(arrays, known, [ids[row] for row in rows], texts=texts, **written)
        return Encoded(split, rows, problems, truncated)

    def read_all(self, record: Mapping[str, Any], folder: Path) -> dict[str, np.ndarray | None]:
        """Reads every modality of a record. Raises BadExample for a record that has none of them."""
        items = {name: self.read(name, record, folder) for name in self.modalities}
        if all(value is None for value in items.values()):
            raise BadExample("nothing there", f"it has none of {', '.join(self.modalities)}")
        return items

    def put(self, items: Mapping[str, np.ndarray | None], arrays: Mapping[str, RawArray], row: int) -> None:
        """Copies the result of `read_all` into `row` of zeroed arrays. On BadExample the row may be partly written."""
        for name, value in items.items():
            if value is None:
                continue
            array, kind = arrays[name], self.modalities[name].kind
            if kind == "image":
                array.x[row] = value
                array.length[row] = 1
            elif len(value) > array.x.shape[1]:
                raise BadExample(f"unreadable {kind}", f"{name} is longer than its header states")
            else:
                place = (row, slice(len(value)), slice(value.shape[1])) if kind == "graph" else (row, slice(len(value)))
                array.x[place] = value
                array.length[row] = len(value)
            array.present[row] = True

    def truncated_lengths(self, record: Mapping[str, Any]) -> dict[str, int]:
        """The original number of tokens of each text of a record that `read` cuts, by modality."""
        found = {}
        for name, tokenizer in self.tokenizers.items():
            if isinstance(tokenizer, SequenceTokenizer):
                parts = tokenizer.bare([texts])[0] if (texts := tokenizer.texts_of(record, name)) is not None else ()
                if parts and tokenizer.is_cut(parts):
                    found[name] = sum(map(len, parts))
            elif self.limits.on_long == "truncate" and (text := lookup(record, name)) is not None:
                count = len(tokenizer.encode(text))
                if count > self.modalities[name].shape[0]:
                    found[name] = count
        return found

    def read(self, name: str, record: Mapping[str, Any], folder: Path) -> np.ndarray | None:
        """Reads one modality of a record, without batch axis and padding; None if it is missing."""
        tokenizer = self.tokenizers.get(name)
        if isinstance(tokenizer, SequenceTokenizer):
            texts = tokenizer.texts_of(record, name)
            if texts is None:
                return None
            return np.asarray(tokenizer.encode([check_text(name, text) for text in texts]), dtype=np.int64)
        value = lookup(record, name)
        return None if value is None else self._read(name, self.modalities[name], value, folder)

    def display_text(self, name: str, record: Mapping[str, Any]) -> str:
        """The text of a modality for display, "" if it is missing."""
        tokenizer = self.tokenizers.get(name)
        if isinstance(tokenizer, SequenceTokenizer):
            return JOINER.join(map(str, tokenizer.texts_of(record, name) or ()))
        return str(record.get(name) or "")

    def _read(self, name: str, spec: ModalitySpec, value: Any, folder: Path) -> np.ndarray:
        if spec.kind == "text":
            return self._read_text(name, spec, value)
        if spec.kind == "features":
            rows = feature_rows(name, value, folder, self.limits.allow_outside)
            if rows.shape[1] != spec.shape[1]:
                where = Path(*paths_in(value)[:1]).name or name
                raise BadExample("wrong type", f"{where} has rows of {rows.shape[1]} values, others of {spec.shape[1]}")
            return rows
        clips = parse_clips(name, spec.kind, value, folder, self.limits.allow_outside)
        if spec.kind == "video":
            return decode_clips(clips, spec.shape[2], spec.shape[1], spec.shape[0], self.limits.max_pixels)
        if spec.kind == "audio":
            rate = spec.sample_rate or 16000
            return decode_sounds(clips, rate, spec.shape[0] / rate)[: spec.shape[0]]
        path = clips[0].path
        if spec.kind == "graph":
            return _read_graph(path, spec)
        return decode_image(path, spec.shape[1], spec.shape[0], self.limits.max_pixels)

    def _read_text(self, name: str, spec: ModalitySpec, value: Any) -> np.ndarray:
        ids = self.tokenizers[name].encode(check_text(name, value))
        check_length(name, len(ids), spec.shape[0], self.limits.on_long)
        return np.asarray(ids[: spec.shape[0]], dtype=np.int64)


def check_length(name: str, count: int, most: int, on_long: str) -> None:
    """Raise BadExample for a text of more than `most` tokens, unless it may be truncated."""
    if count > most and on_long == "error":
        raise BadExample(
            "text too long",
            f"{name} has {count} tokens, more than {most}; data.on_long=truncate keeps the first, data.max_tokens all",
        )


def lookup(record: Mapping[str, Any], name: str) -> Any:
    """The value of a modality: its own field, or its entry in a `features` mapping; None for an empty list."""
    value = record.get(name)
    nested = record.get("features")
    # The last test is slow.
    if nested is not None and not isinstance(nested, list | str) and isinstance(nested, Mapping):
        value = nested.get(name) if name == "features" or value is None else value
    return None if isinstance(value, list) and not value else value


def check_text(name: str, value: Any) -> str:
    """Return the value if it is non-blank text that can be encoded as UTF-8; raise BadExample otherwise."""
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
    width = spec.shape[1] - spec.shape[0]
    if graph.nodes.shape[1] != width:
        raise BadExample("wrong type", f"{path.name} has {graph.nodes.shape[1]} values a node, others {width}")
    return graph.rows(len(graph.nodes))


def empty_array(spec: ModalitySpec, num: int, longest: int) -> RawArray:
    """A zeroed array for `num` examples of a modality with up to `longest` items each, all marked as missing."""
    x = np.zeros((num, *shape_for(spec, longest)), DTYPES[spec.kind])
    return RawArray(x, np.zeros(num, np.int64), np.zeros(num, bool))


def shape_for(spec: ModalitySpec, longest: int) -> tuple[int, ...]:
    """The shape of an example padded to `longest` items: feature rows, nodes, tokens, samples or frames."""
    if spec.kind == "image":
        return spec.shape
    if spec.kind == "graph":
        return longest, spec.shape[1] - spec.shape[0] + longest
    return longest, *spec.shape[1:]


def check_prompt(record: Mapping[str, Any]) -> None:
    """Raise BadExample for a "prompt" that is not text."""
    prompt = record.get("prompt")
    if prompt is not None and not isinstance(prompt, str):
        raise BadExample("wrong type", f"prompt is {type(prompt).__name__} {str(prompt)[:40]!r}, expected text")


def prompts_of(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The "prompt" of every record, "" if it has none."""
    return ["" if record.get("prompt") is None else str(record["prompt"]) for record in records]
