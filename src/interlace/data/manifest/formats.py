"""What a file is that should be JSON lines and is not, and the command that makes JSON lines of it."""

import json
from pathlib import Path

from interlace.reading.files import conversion, other_encoding

LOOKED_AT = 1 << 16  # bytes of a file that are enough to tell
SEPARATORS = {b",": ",", b"\t": "\\t", b";": ";"}
MAGIC = {
    b"\x1f\x8b": "gzip data; unpack it: gunzip -k {name}",
    b"\x28\xb5\x2f\xfd": "Zstandard data; unpack it: zstd -d {name}",
    b"PAR1": "a parquet table; convert it: python -c \"import pandas; pandas.read_parquet('{name}')"
             ".to_json('{stem}.jsonl', orient='records', lines=True, force_ascii=False)\"",
    b"PK\x03\x04": "a zip archive or a spreadsheet; save the table in it as CSV",
}  # fmt: skip
JQ = "convert it: jq -c '{filter}' {name} > {stem}.jsonl"


def other_format(path: Path, head: bytes) -> str | None:
    """What the first bytes of a file say it is, with a conversion; None for JSON lines and for what cannot be told."""
    for magic, text in MAGIC.items():
        if head.startswith(magic):
            return text.format(name=path.name, stem=path.stem)
    if found := other_encoding(head):
        return f"{found} text, expected UTF-8; {conversion(path, found)}"
    lines = [line for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    if not lines:
        return None
    if _is_object(lines[0]):
        return _columns(path, lines)
    if len(lines) == 1 and b"\r" in lines[0].strip() and _is_object(lines[0].strip().split(b"\r")[0]):
        command = f"tr '\\r' '\\n' < {path.name} > lf-{path.name}"
        return f"JSON with lines that end in a carriage return; convert it: {command}"
    found = _json_of(path, head, lines) or _table(path, lines)
    return None if found is None else f"{found}; expected JSON lines, one object a line"


def _json_of(path: Path, head: bytes, lines: list[bytes]) -> str | None:
    """JSON of another layout, from its first signs."""
    if lines[0].lstrip().startswith(b"["):
        return f"one JSON array; {JQ.format(filter='.[]', name=path.name, stem=path.stem)}"
    pretty = lines[0].strip() == b"{" or (len(lines) > 1 and lines[1].lstrip().startswith(b'"'))
    if lines[0].lstrip().startswith(b"{") and pretty:
        return f"JSON over several lines (pretty-printed); {JQ.format(filter='.', name=path.name, stem=path.stem)}"
    return None


def _columns(path: Path, lines: list[bytes]) -> str | None:
    """One object whose values are as many lists, each a column."""
    values = list(json.loads(lines[0]).values())
    sizes = {len(value) if isinstance(value, list | dict) else -1 for value in values}
    if len(lines) > 1 or len(values) < 2 or len(sizes) != 1 or sizes & {-1, 0}:
        return None
    return (
        "one JSON object of columns; convert it: python -c "
        f"\"import pandas; pandas.read_json('{path.name}').to_json('{path.stem}.jsonl', orient='records', "
        'lines=True, force_ascii=False)"; expected JSON lines, one object a line'
    )


def _table(path: Path, lines: list[bytes]) -> str | None:
    """A table whose first lines have as many separators, at least one."""
    first = lines[:-1][:5] if len(lines) > 2 else lines  # the last may be cut where the look ended
    for separator, spelled in SEPARATORS.items():
        counts = {line.count(separator) for line in first}
        if len(first) > 1 and counts != {0} and len(counts) == 1 and b"{" not in lines[0]:
            return (
                f"a table with {'tabs' if separator == b'	' else repr(spelled)} between its columns; convert it: "
                f"python -c \"import pandas; pandas.read_csv('{path.name}', sep='{spelled}')"
                f".to_json('{path.stem}.jsonl', orient='records', lines=True, force_ascii=False)\""
            )
    return None


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
