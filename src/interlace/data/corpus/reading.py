"""Documents from files: plain text, JSON lines, parquet, WARC and WET archives, dumps of Wikipedia."""

import contextlib
import glob
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast, get_args

from interlace.configuration.suggestions import did_you_mean
from interlace.data.corpus.wikipedia import articles
from interlace.errors import UserError
from interlace.inputs import note_pattern
from interlace.reading.compressed import compression_of, open_decompressed, read_decompressed
from interlace.reading.documents import parse_json
from interlace.reading.files import decode_utf8
from interlace.reading.limits import exceeded, format_limit, limit
from interlace.reading.lines import numbered_lines
from interlace.reading.tables import batches, open_parquet

Document = Literal["line", "paragraph", "file"]
WIKI = re.compile(r"\.xml(-p\d+p\d+)?")  # dumps come as one file or by ranges of page numbers
ROWS_AT_ONCE = 1024  # of a parquet file, which bounds the memory

TEXT_HINT = "expected UTF-8; convert the file, e.g. with `iconv -t utf-8`"


def expand(patterns: Sequence[str | Path]) -> list[Path]:
    """The files that paths and globs name, sorted within each glob. Raises UserError for a pattern without files."""
    files: list[Path] = []
    for pattern in patterns:
        path = Path(pattern).expanduser()
        if path.is_file():
            files.append(path)
            continue
        note_pattern(path)
        found = sorted(Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file())
        if not found:
            what = "is a folder; name its files, e.g. with /**/*.txt" if path.is_dir() else "no such file"
            raise UserError(f"{pattern}: {what}; expected text files for a corpus")
        files += found
    return files


def read_documents(
    files: Iterable[Path], *, document: Document = "line", field: str = "text", counts: Counter[str] | None = None
) -> Iterator[str]:
    """Documents of files, in order, in constant memory (with `document="file"`: in that of one file).

    Formats by suffix, each also with .gz, .bz2 or .zst: .jsonl (each line an object with the document in `field`),
    .parquet (column `field`), .warc (the main text of each HTML page, by trafilatura), .wet, and .xml (a MediaWiki
    dump, such as pages-articles.xml.bz2: its articles as plain text, see `wikipedia`). Any other file is text whose
    documents are lines, paragraphs (separated by blank lines) or the whole file. Blank documents are skipped. `counts`
    receives "read", "no_main_text" for pages without any, and "redirects" and "other_namespaces" of a dump.

    Raises UserError naming file and line for files that are missing, truncated, not UTF-8, not JSON, or without
    `field`.
    """
    counts = Counter() if counts is None else counts
    for path in files:
        for text in _documents_of(path, document, field, counts):
            if text and not text.isspace():
                counts["read"] += 1
                yield text


def check_document(name: str) -> Document:
    """Check a `document` option given as text. Raises UserError for an unknown value."""
    if name not in get_args(Document):
        raise UserError(f"document: {name!r} is unknown; {did_you_mean(name, get_args(Document))}")
    return cast(Document, name)


def format_of(path: Path) -> str:
    """The format, "jsonl", "parquet", "warc", "wikipedia" or "text", by the suffixes without those of compression."""
    suffixes = [s for s in path.suffixes if s not in (".gz", ".bz2", ".zst")]
    if suffixes and WIKI.fullmatch(suffixes[-1]):
        return "wikipedia"
    if suffixes[-1:] == [".wet"] or suffixes[-1:] == [".warc"]:
        return "warc"
    return {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}.get(suffixes[-1] if suffixes else "", "text")


def _documents_of(path: Path, document: Document, field: str, counts: Counter[str]) -> Iterator[str]:
    match format_of(path):
        case "parquet":
            return _parquet(path, field)
        case "jsonl":
            return _json_lines(path, field)
        case "warc":
            return _archive(path, counts)
        case "wikipedia":
            return _dump(path, counts)
    if document == "file":
        return iter([read_whole(path)])
    lines = (line for _, line in _lines(path))
    return paragraphs(lines) if document == "paragraph" else lines


@contextlib.contextmanager
def open_bytes(path: Path, *, decompress: bool = True) -> Iterator[BinaryIO]:
    """Open a file, decompressed if its name ends in .gz, .bz2 or .zst. Raises UserError if it cannot be read."""
    try:
        with open_decompressed(path, compression_of(path) if decompress else None) as stream:
            yield stream
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a text file for a corpus") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without line ends and byte-order mark."""
    with open_bytes(path) as stream:
        for number, raw in numbered_lines(stream, path):
            yield number, _decoded(raw, f"{path}: line {number}")


def read_whole(path: Path) -> str:
    """Read the text of a file, with \n line ends and without byte-order mark."""
    try:
        content = read_decompressed(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from None
    return decode_utf8(content, path).replace("\r\n", "\n")


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where}: byte {error.start} is 0x{raw[error.start]:02x}, which is not UTF-8 here; {TEXT_HINT}"
        ) from None


def paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Lines joined into paragraphs, which blank lines separate."""
    held: list[str] = []
    for line in lines:
        if line and not line.isspace():
            held.append(line)
        elif held:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _json_lines(path: Path, field: str) -> Iterator[str]:
    for number, line in _lines(path):
        if not line or line.isspace():
            continue
        try:
            record = parse_json(line, f"{path}: line {number}")
        except ValueError as error:
            raise UserError(f"{path}: line {number} is not JSON ({error}); expected one object per line") from None
        if not isinstance(record, dict):
            raise UserError(f"{path}: line {number} is a {type(record).__name__}; expected an object with {field!r}")
        text = record.get(field)
        if not isinstance(text, str):
            found = "lacks" if field not in record else f"has a {type(text).__name__} as"
            raise UserError(
                f"{path}: line {number} {found} the text field {field!r} (fields: {', '.join(sorted(record))}); "
                "name the field that holds the text"
            )
        yield _without_surrogates(text, f"{path}: line {number}")


def _without_surrogates(text: str, where: str) -> str:
    """Check for lone surrogates, which JSON can spell but UTF-8 and tokenizers cannot represent."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{where}: character {error.start} is a lone surrogate (\\u{ord(text[error.start]):04x}); correct the line"
        ) from None
    return text


def _parquet(path: Path, field: str) -> Iterator[str]:
    import pyarrow

    try:
        with open_parquet(path) as file:
            schema = file.schema_arrow
            if field not in schema.names:
                raise UserError(
                    f"{path}: no column {field!r} (columns: {', '.join(schema.names)}); "
                    "name the one that holds the text"
                )
            kind = schema.field(field).type
            if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
                raise UserError(f"{path}: column {field!r} is of type {kind}; expected strings")
            for batch in batches(file, [field], ROWS_AT_ONCE):
                yield from (_bounded(text, path) for text in batch.column(0).to_pylist() if text is not None)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a parquet file with a column {field!r}") from None
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        raise UserError(f"{path}: cannot be read as parquet ({error}); download or write it again") from None


def _bounded(text: str, path: Path) -> str:
    if len(text) > limit("line_bytes"):
        raise exceeded(path, f"a document has {len(text)} characters", "line_bytes", len(text))
    return text


def _dump(path: Path, counts: Counter[str]) -> Iterator[str]:
    with open_bytes(path) as stream:
        yield from articles(stream, path, counts)


def _archive(path: Path, counts: Counter[str]) -> Iterator[str]:
    """Pages of a WARC (responses) or WET (conversions) file."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    if path.suffix == ".gz":
        # warcio does not notice a truncated archive, but the checksums of gzip do.
        with open_bytes(path) as stream:
            while stream.read(1 << 20):
                pass
    # warcio decompresses gzip itself, member by member.
    with open_bytes(path, decompress=path.suffix != ".gz") as stream:
        try:
            record = None
            for record in ArchiveIterator(stream):
                text = _page(record, path, counts)
                while record.raw_stream.read(1 << 20):
                    pass
                # Every complete record has a length and as much content.
                if not record.rec_headers.get_header("Content-Length") or record.raw_stream.limit:
                    raise UserError(f"{path}: its last record is truncated; download it again")
                if text is not None:
                    yield text
            if record is None:
                raise UserError(f"{path}: not an intact WARC file: it has no record; download it again")
        except (ArchiveLoadFailed, AttributeError) as error:  # the latter for a truncated first header
            raise UserError(f"{path}: not an intact WARC file ({str(error).strip()}); download it again") from None


def _page(record: Any, path: Path, counts: Counter[str]) -> str | None:
    """The text of a record; None for records that are not pages."""
    if record.rec_type == "conversion":  # WET: text already
        content = _content(record, path)
        return _decoded(content, f"{path}: {record.rec_headers.get_header('WARC-Target-URI')}")
    if record.rec_type not in ("response", "resource"):
        return None
    headers = record.http_headers or record.rec_headers
    kind = (headers.get_header("Content-Type") or "").lower()
    content = _content(record, path)
    if "html" in kind:
        text = main_text(content)
        counts["no_main_text"] += text is None
        return text
    return _decoded(content, f"{path}: {record.rec_headers.get_header('WARC-Target-URI')}") if "plain" in kind else None


def _content(record: Any, path: Path) -> bytes:
    """The content of a record, decompressed according to its HTTP headers."""
    most = limit("line_bytes")
    content: bytes = record.content_stream().read(most + 1)
    if len(content) > most:
        where = f"{path}: {record.rec_headers.get_header('WARC-Target-URI')}"
        raise exceeded(where, f"the record has more than {format_limit('line_bytes', most)}", "line_bytes")
    return content


def main_text(html: bytes | str) -> str | None:
    """The main text of an HTML page, without menus and the like; None if it has none. The encoding is detected."""
    import trafilatura

    text: str | None = trafilatura.extract(html, include_comments=False, include_tables=True)
    return text or None
