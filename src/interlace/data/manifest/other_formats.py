"""Detection of files in formats that are not read, with the command that converts them."""

import json
import shlex
from pathlib import Path

from interlace.data.manifest.tables import looks_like_table
from interlace.reading.files import conversion_command, conversion_paths, detected_encoding

LOOKED_AT = 1 << 16  # bytes of a file that suffice for the detection
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
MAGIC = {
    b"\x1f\x8b": "gzip data; decompress it: gunzip -k {name}",
    b"\x28\xb5\x2f\xfd": "Zstandard data; decompress it: zstd -d {name}",
    b"PK\x03\x04": "a zip archive or a spreadsheet; save the table in it as CSV",
}  # fmt: skip
JQ = "convert it: jq -c '{filter}' {source} > {target}"


def other_format(path: Path, head: bytes) -> str | None:
    """The format by the first bytes of a file, with the command that converts it; None for formats that are read or
    unknown.
    """
    for magic, text in MAGIC.items():
        if head.startswith(magic):
            return text.format(name=shlex.quote(path.name))
    if found := detected_encoding(head):
        return f"{found} text, expected UTF-8; {conversion_command(path, found)}"
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    if not lines:
        return None
    if _is_object(lines[0]):
        return _columns(path, lines)
    if len(lines) == 1 and b"\r" in lines[0].strip() and _is_object(lines[0].strip().split(b"\r")[0]):
        source, target = conversion_paths(path, prefix="lf-")
        return f"JSON with lines that end in a carriage return; convert it: tr '\\r' '\\n' < {source} > {target}"
    found = _json_of(path, lines)
    if found is None and path.suffix.lower() in JSON_SUFFIXES and looks_like_table(head):
        source, target = conversion_paths(path, ".csv")
        found = f"a table, and named {path.suffix}; rename it: mv -n {source} {target}"
    return None if found is None else f"{found}; expected JSON lines, one object a line"


def _json_of(path: Path, lines: list[bytes]) -> str | None:
    """JSON in another layout, detected from its first lines."""
    source, target = conversion_paths(path, ".jsonl")
    if lines[0].lstrip().startswith(b"["):
        return f"one JSON array; {JQ.format(filter='.[]', source=source, target=target)}"
    pretty = lines[0].strip() == b"{" or (len(lines) > 1 and lines[1].lstrip().startswith(b'"'))
    if lines[0].lstrip().startswith(b"{") and pretty:
        return f"JSON over several lines (pretty-printed); {JQ.format(filter='.', source=source, target=target)}"
    return None


def _columns(path: Path, lines: list[bytes]) -> str | None:
    """A single object whose values are lists of equal length, one per column."""
    values = list(json.loads(lines[0]).values())
    sizes = {len(value) if isinstance(value, list | dict) else -1 for value in values}
    if len(lines) > 1 or len(values) < 2 or len(sizes) != 1 or sizes & {-1, 0}:
        return None
    source, target = conversion_paths(path, ".jsonl")
    program = "import sys, pandas; pandas.read_json(sys.argv[1]).to_json(sys.argv[2], orient='records', lines=True, "
    return (
        f'one JSON object of columns; convert it: python -c "{program}force_ascii=False)" {source} {target}; '
        "expected JSON lines, one object a line"
    )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
