"""Writing of ARPA files for KenLM and SRILM.

Arrow formats many n-grams at a time (a few hundred bytes of memory each).
"""

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from interlace.errors import UserError
from interlace.models.ngram.settings import NgramSettings
from interlace.models.ngram.storage import replacing
from interlace.models.ngram.tables import BackoffTables

ROWS = 2**17
ZERO = -99.0  # log10 of a probability of 0, a convention of the format
MISSING_UNKNOWN = -100.0  # log10 p of unknown words in KenLM for a model without <unk>
RESERVED = ("<s>", "</s>", "<unk>")
_AWKWARD = re.compile(r"[\s\0\\]|^<(?=/?s>$|unk>$)")


def _strings(values: list[str]) -> pa.Array:
    """Return strings as an Arrow array, without `pa.array`, which would first import pandas (slow for small models)."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def _numbers(values: np.ndarray) -> pa.Array:
    """Return an Arrow array that shares the memory of `values`."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


SPACE, TAB, NEWLINE, EMPTY = _strings([" ", "\t", "\n", ""])


def write_arpa(path: Path, settings: NgramSettings, tables: BackoffTables, *, escape: bool) -> None:
    """Write `tables`; see `NgramModel.to_arpa`."""
    names = _strings(_names(settings, escape=escape))
    listed = np.delete(np.arange(tables.base), settings.unpredicted)
    implied = [] if settings.unk_id is not None else [f"{MISSING_UNKNOWN:g}\t<unk>" + "\t0" * (tables.order > 1) + "\n"]
    sizes = [len(listed) + len(implied), *map(len, tables.keys[1:])]
    try:
        with replacing(path) as temporary, temporary.open("wb") as stream:
            header = [f"ngram {n}={size}\n" for n, size in enumerate(sizes, start=1)]
            stream.write("".join(["\\data\\\n", *header]).encode())
            for n in range(1, tables.order + 1):
                stream.write("".join([f"\n\\{n}-grams:\n", *(implied if n == 1 else [])]).encode())
                rows = listed if n == 1 else np.arange(len(tables.keys[n - 1]))
                for first in range(0, len(rows), ROWS):
                    _write_rows(stream, tables, n, rows[first : first + ROWS], names)
            stream.write(b"\n\\end\\\n")
    except OSError as error:
        raise UserError(
            f"{path}: cannot write the ARPA file ({error.strerror or error}); choose a folder with free space"
        ) from error


def _write_rows(stream: BinaryIO, tables: BackoffTables, n: int, rows: np.ndarray, names: pa.Array) -> None:
    words = [names.take(_numbers(column)) for column in tables.words(n, rows).T]
    fields = [_decimal(tables.log10_probs[n - 1][rows]), pc.binary_join_element_wise(*words, SPACE)]
    if n < tables.order:
        fields.append(_decimal(tables.log10_backoffs[n - 1][rows]))
    lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*fields, TAB), EMPTY, NEWLINE)
    _, offsets, text = lines.buffers()
    size = np.frombuffer(offsets, dtype=np.int32)[len(lines)]
    stream.write(memoryview(text)[:size])


def _decimal(values: np.ndarray) -> pa.Array:
    """Return the shortest decimal text of each float32."""
    return pc.cast(_numbers(np.where(np.isfinite(values), values, np.float32(ZERO))), pa.string())


def _names(settings: NgramSettings, *, escape: bool) -> list[str]:
    """Return the name of each code in the file; `<s>` is last."""
    units = settings.units or tuple(map(str, range(settings.vocabulary_size)))
    special = {settings.eos_id: "</s>"} | ({} if settings.unk_id is None else {settings.unk_id: "<unk>"})
    names, unpredicted = [], set(settings.unpredicted)
    for index, unit in enumerate(units):
        if index in special:
            names.append(special[index])
        elif escape:
            names.append(_AWKWARD.sub(lambda match: f"\\u{ord(match[0]):04x}", unit) or "\\u")
        else:
            if not unit or re.search(r"[ \t\n\r\0]", unit) or (unit in RESERVED and index not in unpredicted):
                raise UserError(
                    f"unit {unit!r} (id {index}): an ARPA file cannot hold empty words, words with white space or a "
                    "second word named <s>, </s> or <unk>; write it with escape=True"
                )
            names.append(unit)
    predicted = [name for index, name in enumerate(names) if index not in unpredicted]
    if len(set(predicted)) < len(predicted):
        twice = next(name for name in predicted if predicted.count(name) > 1)
        raise UserError(f"units: {twice!r} is the name of several ids; an ARPA file needs different names; rename them")
    return [*names, "<s>"]


def unescaped(name: str) -> str:
    """Return the unit that was written as `name` with escape."""
    return "" if name == "\\u" else re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), name)
