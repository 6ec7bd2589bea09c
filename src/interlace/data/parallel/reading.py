"""Reading of line-parallel files and tables of text pairs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from interlace.data.problems import Problem, error_for
from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.compressed import read_decompressed
from interlace.reading.documents import parse_json
from interlace.reading.lines import text_lines

# File stems by split, in order of preference, including those of Multi30k.
STEMS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "test_2016_flickr"),
}


class Pairs(NamedTuple):
    """Source and target texts of a split, line by line."""

    sources: list[str]
    targets: list[str]


def read_folder(folder: Path, source: str, target: str) -> dict[str, Pairs]:
    """Read the splits of a folder: files `<split>.<language>` whose lines are translations of each other, or
    `<split>.jsonl` with the languages as keys, or `<split>.tsv` with source<TAB>target. Files may be gzipped (.gz).

    Raises UserError for a missing split or language, different numbers of lines, and lines that are not pairs.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected files such as train.{source} and train.{target} in it")
    return {split: _read_split(folder, split, stems, source, target) for split, stems in STEMS.items()}


def _read_split(folder: Path, split: str, stems: tuple[str, ...], source: str, target: str) -> Pairs:
    for stem in stems:
        files = [_existing(folder / f"{stem}.{language}") for language in (source, target)]
        if files[0] is not None and files[1] is not None:
            return _aligned(files[0], files[1])
        if files[0] is not None or files[1] is not None:
            missing = f"{stem}.{target if files[1] is None else source}"
            raise UserError(f"{folder}: {missing} (or {missing}.gz) is missing, but the other side is present")
        table = _existing(folder / f"{stem}.jsonl") or _existing(folder / f"{stem}.tsv")
        if table is not None:
            return _table(table, source, target)
    raise UserError(
        f"{folder}: no {split} split in it; expected {stems[0]}.{source} and {stems[0]}.{target} (or .gz), "
        f"{stems[0]}.jsonl or {stems[0]}.tsv (data.source={source}, data.target={target})"
    )


def _existing(path: Path) -> Path | None:
    zipped = path.with_name(path.name + ".gz")
    note(path, zipped)
    return path if path.is_file() else zipped if zipped.is_file() else None


def _aligned(source: Path, target: Path) -> Pairs:
    sides = [_lines(source), _lines(target)]
    if len(sides[0]) != len(sides[1]):
        raise UserError(
            f"{source}: {len(sides[0])} lines, and {target.name} has {len(sides[1])}; expected equal numbers, "
            "each line the translation of the other"
        )
    numbered = enumerate(zip(*sides, strict=True), 1)
    return _checked(source, ((number, pair) for number, pair in numbered), (source.name, target.name))


def _table(path: Path, source: str, target: str) -> Pairs:
    rows: list[tuple[int, tuple[Any, Any]]] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        if ".jsonl" in path.suffixes:
            try:
                record = parse_json(line, f"{path}: line {number}")
            except ValueError:
                record = None
            found = (record.get(source), record.get(target)) if isinstance(record, Mapping) else (None, None)
        else:
            parts = line.split("\t")
            found = (parts[0], parts[1]) if len(parts) == 2 else (None, None)
        rows.append((number, found))
    return _checked(path, iter(rows), (source, target))


def _checked(path: Path, rows: Iterator[tuple[int, tuple[Any, Any]]], names: tuple[str, str]) -> Pairs:
    pairs, problems = Pairs([], []), []
    for number, texts in rows:
        for name, text, side in zip(names, texts, pairs, strict=True):
            if not isinstance(text, str) or not text.strip():
                problems.append(Problem(number, "no pair", f"{name} has no text on it"))
            else:
                side.append(text.strip())
    if problems:
        raise error_for(str(path), problems, "expected a text and its translation on every line; remove the others")
    if not pairs.sources:
        raise UserError(f"{path}: no pairs in it; expected one per line")
    return pairs


def _lines(path: Path) -> list[str]:
    try:
        content = read_decompressed(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); expected text, or gzipped text in a .gz file"
        ) from None
    # Form feeds and U+2028 do not end lines; otherwise the two sides would be misaligned.
    return text_lines(content, path)
