"""Files of word vectors: word2vec text and binary, GloVe text. Errors name the line or byte."""

import contextlib
import gzip
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from interlace.errors import UserError
from interlace.inputs import note
from interlace.reading.compressed import Compression, open_decompressed
from interlace.reading.files import open_regular
from interlace.reading.lines import numbered_lines

Format = Literal["word2vec-text", "word2vec-binary", "glove"]
SNIFFED = 65536  # bytes read to detect the format
LONGEST_WORD = 4096  # bytes; a longer "word" means that the file is in another format
MOST_DIMENSIONS = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


def format_of(path: Path) -> Format:
    """The format by a file's name: word2vec binary for `.bin`, GloVe for a name with `glove`, else word2vec text."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".bin"):
        return "word2vec-binary"
    return "glove" if "glove" in name else "word2vec-text"


def write_vectors(path: Path, words: Sequence[str], matrix: np.ndarray, format: Format) -> None:
    """Write words and their vectors (V, D) atomically; compressed if the name ends in `.gz`."""
    for word in words:
        if not word or any(c in word for c in " \t\n\r\v\f"):
            raise UserError(
                f"{path}: the word {word!r} is empty or contains white space, and a {format} file with it could not be "
                "read back; rename the word"
            )
    handle, name = -1, ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        with gzip.open(name, "wb") if path.suffix == ".gz" else Path(name).open("wb") as stream:
            if format != "glove":
                stream.write(f"{len(words)} {matrix.shape[1]}\n".encode())
            for word, vector in zip(words, matrix, strict=True):
                stream.write(_entry(word, vector, format))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _entry(word: str, vector: np.ndarray, format: Format) -> bytes:
    if format == "word2vec-binary":
        return word.encode() + b" " + vector.astype("<f4").tobytes() + b"\n"
    return f"{word} {' '.join(map(str, vector))}\n".encode()  # the fewest digits that restore the same float32


def read_vectors(path: Path, format: Format | None, most: int | None = None) -> tuple[list[str], np.ndarray]:
    """Words and matrix (V, D) float32 of a file, compressed with gzip or not; `format` None: detected from the content.

    With `most` only that many words are read, and the rest of the file is not checked. Memory depends on the words in
    the file, not on the number stated in line 1.
    """
    note(path)
    try:
        with open_regular(path) as raw:
            compression: Compression | None = "gz" if raw.read(2) == GZIP_MAGIC else None
        with open_decompressed(path, compression) as stream:
            head = stream.read(SNIFFED)
        chosen = format or _detect_format(path, head)
        with open_decompressed(path, compression) as stream:
            if chosen == "word2vec-binary":
                return _read_binary(path, stream, most)
            return _read_text(path, stream, most, header=chosen == "word2vec-text")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected word vectors in word2vec's or GloVe's format") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); give a file of word vectors") from error


def _detect_format(path: Path, head: bytes) -> Format:
    """Detect the format: two numbers on line 1 are a word2vec header; it is text if line 2 has readable numbers."""
    first, _, rest = head.partition(b"\n")
    if not first.strip():
        raise UserError(f"{path}: the first line is empty; expected word vectors")
    header = first.split()
    if len(header) != 2 or not all(field.isdigit() for field in header):
        return "glove"
    if not 1 <= int(header[1]) < MOST_DIMENSIONS:
        raise UserError(f"{path}, line 1: {int(header[1])} dimensions; expected 1 or more")
    line = rest.partition(b"\n")[0].split()
    whole = b"\n" in rest or len(head) < SNIFFED
    try:
        for field in line[1:] if whole else line[1:-1]:
            float(field)
        text = len(line) > 1
    except ValueError:
        text = False
    return "word2vec-text" if text or int(header[0]) == 0 else "word2vec-binary"


def _header(path: Path, line: bytes) -> tuple[int, int]:
    fields = line.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields) or 0 in map(int, fields):
        shown = line[:60].decode("utf-8", "replace").rstrip()
        raise UserError(
            f"{path}, line 1: expected the number of words and of dimensions, found {shown!r}; "
            "a file without this line is in GloVe's format"
        )
    dim = int(fields[1])
    if dim >= MOST_DIMENSIONS:
        raise UserError(f"{path}, line 1: {dim} dimensions; expected fewer than {MOST_DIMENSIONS}")
    return int(fields[0]), dim


def _read_text(path: Path, stream: BinaryIO, most: int | None, header: bool) -> tuple[list[str], np.ndarray]:
    stated, dim = _header(path, stream.readline(LONGEST_WORD)) if header else (None, None)
    words: list[str] = []
    seen: dict[str, int] = {}
    rows: list[np.ndarray] = []
    for after, line in numbered_lines(stream, path):
        number = after + header
        where = f"{path}, line {number}"
        if not line.strip():
            raise UserError(f"{where}: an empty line; expected a word and its numbers, so take the line out")
        if len(words) == most:
            return words, np.stack(rows)
        if stated is not None and len(words) == stated:
            raise UserError(f"{where}: line 1 states {stated} words, here is one more; correct line 1 or the file")
        dim = dim or len(line.split()) - 1
        word, vector = _text_entry(where, line, dim, spaces=not header)
        if word in seen:
            raise UserError(f"{where}: the word {word!r} was on line {seen[word]} already; keep one of the two lines")
        seen[word] = number
        words.append(word)
        rows.append(vector)
    if stated is not None and len(words) < stated:
        raise UserError(f"{path}: line 1 states {stated} words, the file ends after {len(words)}; download it again")
    return words, np.stack(rows)


def _text_entry(where: str, line: bytes, dim: int, spaces: bool) -> tuple[str, np.ndarray]:
    """Parse a line: the last `dim` fields are numbers, the text before them is the word (GloVe 840B: with `spaces`)."""
    fields = line.split()
    fits = len(fields) == dim + 1 or (spaces and len(fields) > dim + 1 and not _is_number(fields[-dim - 1]))
    if dim < 1 or not fits:
        raise UserError(f"{where}: expected a word and {dim or 'some'} numbers, found {len(fields)} fields")
    try:
        with np.errstate(over="ignore"):  # values beyond float32 become infinite and are reported below
            vector = np.array([float(field) for field in fields[-dim:]], dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{where}: expected {dim} numbers after the word ({error})") from error
    if not np.isfinite(vector).all():
        raise UserError(f"{where}: a number is infinite or NaN; a vector needs finite ones")
    return _word(where, b" ".join(fields[:-dim])), vector


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _read_binary(path: Path, stream: BinaryIO, most: int | None) -> tuple[list[str], np.ndarray]:
    head = stream.readline(LONGEST_WORD)
    stated, dim = _header(path, head)
    position = len(head)
    words: list[str] = []
    seen: set[str] = set()
    rows: list[np.ndarray] = []
    for raw, at, numbers in _binary_entries(path, stream, stated, dim, position):
        if len(words) == most:
            break
        where = f"{path}, byte {at}"
        word = _word(where, raw)
        if word in seen:
            raise UserError(f"{where}: the word {word!r} is there twice; keep one of its two vectors")
        vector = np.frombuffer(numbers, dtype="<f4")
        if not np.isfinite(vector).all():
            raise UserError(f"{where}: the vector of {word!r} holds an infinite number or NaN; expected finite ones")
        seen.add(word)
        words.append(word)
        rows.append(vector)
    return words, np.stack(rows)


def _binary_entries(
    path: Path, stream: BinaryIO, count: int, dim: int, position: int
) -> Iterator[tuple[bytes, int, bytes]]:
    """`count` tuples of (word, its byte offset, 4 dim bytes); line feeds before a word, as word2vec.c writes, are
    skipped.
    """
    buffer, at = b"", 0
    for entry in range(count):
        while True:
            while at < len(buffer) and buffer[at] == 10:
                at += 1
            space = buffer.find(b" ", at)
            if space >= 0 and len(buffer) >= space + 1 + 4 * dim:
                break
            if space < 0 and len(buffer) - at > LONGEST_WORD:
                raise UserError(f"{path}, byte {position + at}: no word ends here; the file is not word2vec binary")
            more = stream.read(max(1 << 20, 8 * dim))
            if not more:
                raise UserError(
                    f"{path}, byte {position + len(buffer)}: the file ends within word {entry + 1} of the {count} that "
                    "line 1 states; download it again"
                )
            buffer, position, at = buffer[at:] + more, position + at, 0
        end = space + 1 + 4 * dim
        yield buffer[at:space], position + at, buffer[space + 1 : end]
        at = end
    if (buffer[at:] + stream.read(LONGEST_WORD)).strip(b"\n"):
        raise UserError(
            f"{path}, byte {position + at}: line 1 states {count} words, but more follow; the numbers on line 1 "
            "do not match the file"
        )


def _word(where: str, raw: bytes) -> str:
    try:
        word = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where}: the word {raw[:40]!r} is not UTF-8 (byte {error.start} of it); convert the file to UTF-8"
        ) from error
    if not word:
        raise UserError(f"{where}: a vector without a word; expected the word first")
    return word
