"""First check of every record: problems that show without decoding, and the sizes that arrays need."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlace.data.audio import probe_sounds
from interlace.data.encoding import Limits, RecordEncoder, check_length, check_text, lookup
from interlace.data.graphs import decode_graph
from interlace.data.images import probe_image
from interlace.data.manifest.batch_tokenizing import BatchTokenizer
from interlace.data.manifest.example import Example
from interlace.data.manifest.lines import Record
from interlace.data.media_fields import feature_rows, is_inline, parse_clips, paths_in
from interlace.data.parallel_reading import read_in_order
from interlace.data.problems import BadExample, Problem
from interlace.data.progress import with_progress
from interlace.data.text import WordTokenizer
from interlace.data.videos import probe_video
from interlace.inputs import hash_files, note, note_folder
from interlace.tokens import Kind

# Decoding may slightly exceed the length that the header of compressed audio states.
SLACK_SECONDS = 0.25


@dataclass
class Prober:
    """A check of records that also collects the longest item of each modality and the number of texts that are cut."""

    modalities: dict[str, Kind]
    folder: Path
    limits: Limits
    sample_rate: int
    max_seconds: float
    max_tokens: int
    max_frames: int
    characters: bool
    longest: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    widths: dict[str, Counter[int]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        splitter = WordTokenizer([], characters=self.characters)
        self._splitters = {name: BatchTokenizer(splitter) for name, kind in self.modalities.items() if kind == "text"}

    def look_ahead(self, records: Sequence[Record]) -> None:
        """Tokenizes the texts of records together before each of them is checked by `look`."""
        for name, splitter in self._splitters.items():
            splitter.fill(name, records)

    def look(self, record: Record) -> None:
        """Checks a record. Raises BadExample for its first problem."""
        found = {name: value for name in self.modalities if (value := lookup(record, name)) is not None}
        if not found:
            raise BadExample("nothing there", f"it has none of {', '.join(self.modalities)}")
        sizes = {name: self._size(name, value) for name, value in found.items()}
        for name, size in sizes.items():
            self.longest[name] = max(self.longest[name], size)
            self.cut[name] += self.modalities[name] == "text" and size > self.max_tokens

    def _size(self, name: str, value: Any) -> int:
        kind = self.modalities[name]
        if kind == "text":
            count = len(self._splitters[name].encode(check_text(name, value)))
            check_length(name, count, self.max_tokens, self.limits.on_long)
            return count
        for path in paths_in(value):
            note(self.folder / path)  # even if it does not exist, as its line may be skipped
        inline = kind == "features" and is_inline(value)
        clips = [] if inline else parse_clips(name, kind, value, self.folder, self.limits.allow_outside)
        self.files += [file for clip in clips for file in self._files_of(clip.path)]
        if kind == "video":
            frames = sum(probe_video(path, self.limits.max_pixels, span) for path, span in clips)
            return min(frames, self.max_frames)
        if kind == "graph":
            graph = decode_graph(clips[0].path)
            self.widths.setdefault(name, Counter())[graph.nodes.shape[1]] += 1
            return len(graph.nodes)
        if kind == "image":
            probe_image(clips[0].path, self.limits.max_pixels)
            return 1
        if kind == "audio":
            inexact = sum(path.suffix.lower() != ".wav" for path, _ in clips)
            samples = probe_sounds(clips, self.sample_rate, self.max_seconds)
            return samples + int(SLACK_SECONDS * self.sample_rate) * inexact
        rows = feature_rows(name, value, self.folder, self.limits.allow_outside)
        self.widths.setdefault(name, Counter())[rows.shape[1]] += 1
        return len(rows)

    def notes(self) -> list[str]:
        """Sentences with the number of texts that are cut, by modality."""
        return [
            f"{name}: {count:,} texts have more than {self.max_tokens} tokens; "
            "the first are kept (data.on_long=truncate)"
            for name, count in self.cut.items()
            if count
        ]

    def contents(self) -> list[tuple[str, str | None]]:
        """Path, relative to the folder, and content hash of every named file."""
        folder = self.folder.resolve()
        return sorted((os.path.relpath(name, folder), digest) for name, digest in hash_files(self.files).items())

    @staticmethod
    def _files_of(path: Path) -> list[Path]:
        """The file itself, or the files of a folder of frames."""
        if not path.is_dir():
            return [path]
        note_folder(path)
        return sorted(path.iterdir())


def decode_problems(examples: Sequence[Example], encoder: RecordEncoder, folder: Path) -> list[Problem]:
    """Problems that show only in decoding the media of lines that passed the first check; paths are relative to
    `folder`.
    """
    media = [name for name, spec in encoder.modalities.items() if spec.kind != "text"]

    def read(record: Record) -> None:
        for name in media:
            encoder.read(name, record, folder)

    found = read_in_order(read, (example.line.record for example in examples)) if media else iter(())
    return [
        Problem(example.line.number, bad.reason, bad.detail)
        for example, bad in zip(examples, with_progress(found, "decoding files", len(examples)), strict=bool(media))
        if bad is not None
    ]
