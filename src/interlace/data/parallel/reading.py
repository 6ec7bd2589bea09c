"""Reading of line-parallel files and tables of text pairs."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from interlace.data.problems import BadExample, Problem, error_for
from interlace.data.text_pairs import Pairs
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


def read_folder(folder: Path, source: str, target: str, groups: Sequence[str] = ()) -> dict[str, Pairs]:
    """Read the splits of a folder: files `<split>.<language>` whose lines are translations of each other, or
    `<split>.jsonl` with the languages as keys, or `<split>.tsv` with source<TAB>target. Files may be gzipped (.gz).

    A line of a .jsonl file may have several references (a list of texts as target), an "id", and values of `groups`.
    Raises UserError for a missing split or language, different numbers of lines, and lines that are not pairs.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected files such as train.{source} and train.{target} in it")
    return {split: _read_split(folder, split, stems, (source, target), groups) for split, stems in STEMS.items()}


def _read_split(
    folder: Path, split: str, stems: tuple[str, ...], sides: tuple[str, str], groups: Sequence[str]
) -> Pairs:
    source, target = sides
    for stem in stems:
        files = [_existing(folder / f"{stem}.{language}") for language in (source, target)]
        if files[0] is not None and files[1] is not None:
            _check_no_groups(files[0], groups)
            return _aligned(files[0], files[1])
        if files[0] is not None or files[1] is not None:
            missing = f"{stem}.{target if files[1] is None else source}"
            raise UserError(f"{folder}: {missing} (or {missing}.gz) is missing, but the other side is present")
        table = _existing(folder / f"{stem}.jsonl") or _existing(folder / f"{stem}.tsv")
        if table is not None:
            return _read_table(table, sides, groups)
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
    rows = ((number, {source.name: pair[0], target.name: pair[1]}) for number, pair in numbered)
    return pairs_of(source, rows, (source.name, target.name))


def _read_table(path: Path, sides: tuple[str, str], groups: Sequence[str]) -> Pairs:
    is_jsonl = ".jsonl" in path.suffixes
    if not is_jsonl:
        _check_no_groups(path, groups)
    rows: list[tuple[int, Any]] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        if is_jsonl:
            rows.append((number, _parsed(line, f"{path}: line {number}")))
        else:
            parts = line.split("\t")
            rows.append((number, dict(zip(sides, parts, strict=True)) if len(parts) == 2 else None))
    return pairs_of(path, iter(rows), sides, groups)


def read_records(path: Path, record: Callable[[Any], Any], sides: tuple[str, str]) -> Pairs:
    """The pairs of a .jsonl file whose lines `record` brings into the layout of `pairs_of`."""
    lines = ((number, line) for number, line in enumerate(_lines(path), 1) if line.strip())
    return pairs_of(path, ((number, record(_parsed(line, f"{path}: line {number}"))) for number, line in lines), sides)


def _parsed(line: str, where: str) -> Any:
    try:
        return parse_json(line, where)
    except ValueError:
        return None


def _check_no_groups(path: Path, groups: Sequence[str]) -> None:
    if groups:
        raise UserError(
            f"data.groups: {path.name} holds texts alone, without {', '.join(groups)}; give .jsonl files with "
            "these keys, or leave data.groups empty"
        )


def pairs_of(
    path: Path, records: Iterator[tuple[int, Any]], sides: tuple[str, str], groups: Sequence[str] = ()
) -> Pairs:
    """The pairs of numbered lines, each a mapping with a source text and a text, or a list of texts, as target.

    An "id" becomes the name of the pair, else the number of its line; `groups` are keys that every line has. Raises one
    UserError that names all lines that are no pairs, and one for two lines with the same id.
    """
    sources, references, ids, problems = [], [], [], []
    values: dict[str, list[str]] = {name: [] for name in groups}
    for number, record in records:
        try:
            found = record if isinstance(record, dict) else {}
            source, targets = _source_text(found, sides[0]), _reference_texts(found, sides[1])
            chosen = [_group_value(found, name) for name in groups]
        except BadExample as bad:
            problems.append(Problem(number, bad.reason, bad.detail))
            continue
        sources.append(source)
        references.append(targets)
        ids.append(str(number) if found.get("id") is None else str(found["id"]))
        for name, value in zip(groups, chosen, strict=True):
            values[name].append(value)
    if problems:
        raise error_for(str(path), problems, "expected a text and its translation on every line; remove the others")
    if not sources:
        raise UserError(f"{path}: no pairs in it; expected one per line")
    repeated = next((name for name, count in Counter(ids).items() if count > 1), None)
    if repeated is not None:
        raise UserError(
            f"{path}: the id {repeated!r} stands on several lines; give each line an id of its own, or none"
        )
    return Pairs(sources, references, ids, values)


def _source_text(record: dict[str, Any], name: str) -> str:
    text = record.get(name)
    if not isinstance(text, str) or not text.strip():
        raise BadExample("no pair", f"{name} has no text on it")
    return text.strip()


def _reference_texts(record: dict[str, Any], name: str) -> list[str]:
    given = record.get(name)
    texts: list[Any] = given if isinstance(given, list) and given else [given]
    found = [text.strip() for text in texts if isinstance(text, str) and text.strip()]
    if len(found) < len(texts):
        raise BadExample("no pair", f"{name} has no text on it")
    return found


def _group_value(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str | int) or not str(value).strip() or "/" in str(value):
        raise BadExample("no group", f"{name} is {value!r}, expected a text or a whole number without a slash")
    return str(value)


def _lines(path: Path) -> list[str]:
    try:
        content = read_decompressed(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); expected text, or gzipped text in a .gz file"
        ) from None
    # Form feeds and U+2028 do not end lines; otherwise the two sides would be misaligned.
    return text_lines(content, path)
