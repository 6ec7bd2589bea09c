"""Parquet files, read in batches whose memory is bounded by the footer before they are read."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.errors import UserError
from interlace.reading.files import require_regular
from interlace.reading.limits import exceeded, format_limit, limit

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_ROWS = 4096  # of a batch


@contextlib.contextmanager
def open_parquet(path: Path) -> Iterator["pq.ParquetFile"]:
    """Open a parquet file whose columns decompress to no more than the limit decompressed_bytes each.

    Raises TooLarge, and OSError and ValueError (pyarrow's errors included) if it is not a parquet file.
    """
    import pyarrow.parquet as pq

    require_regular(path)
    with pq.ParquetFile(path) as file:
        for group in range(file.metadata.num_row_groups):
            for column in range(file.metadata.num_columns):
                size = file.metadata.row_group(group).column(column).total_uncompressed_size
                if size > limit("decompressed_bytes"):
                    what = f"a column decompresses to {format_limit('_bytes', size)}"
                    raise exceeded(path, what, "decompressed_bytes", size)
        yield file


def batches(file: "pq.ParquetFile", columns: Collection[str], max_rows: int = MAX_ROWS) -> Iterator["pa.RecordBatch"]:
    """Batches of some columns of a file; each takes no more memory than the limit table_bytes.

    A column of a row group can repeat one value of its dictionary in every row, and a value is no longer than the
    column's pages together. A batch therefore takes at most its rows times that length.
    """
    sizes = [
        file.metadata.row_group(group).column(column).total_uncompressed_size
        for group in range(file.metadata.num_row_groups)
        for column in range(file.metadata.num_columns)
        if file.metadata.row_group(group).column(column).path_in_schema.split(".")[0] in columns
    ]
    rows = limit("table_bytes") // max([1, *sizes])
    yield from file.iter_batches(max(1, min(max_rows, rows)), columns=list(columns), use_threads=False)


def read_table(path: Path, choose: Any = None) -> "pa.Table":
    """Read the table of a file; `choose(names)` selects among the file's columns (None: all).

    Raises OSError, ValueError if it is not a parquet file, and TooLarge beyond the limits table_rows and table_bytes.
    """
    import pyarrow as pa

    with open_parquet(path) as file:
        names = [str(name) for name in file.schema_arrow.names]
        columns = names if choose is None else choose(names)
        if file.metadata.num_rows > limit("table_rows"):
            raise exceeded(path, f"it has {file.metadata.num_rows} rows", "table_rows", file.metadata.num_rows)
        found, held = [], 0
        for batch in batches(file, columns):
            held += batch.nbytes
            if held > limit("table_bytes"):
                raise exceeded(path, f"it holds more than {format_limit('_bytes', held)}", "table_bytes")
            found.append(batch)
        schema = pa.schema([file.schema_arrow.field(name) for name in columns])
        return pa.Table.from_batches(found, schema=found[0].schema if found else schema)


def parquet_error(path: Path, error: Exception, advice: str) -> UserError:
    """The error for a file that is not a parquet file or is damaged."""
    return UserError(f"{path}: not a readable parquet file ({str(error).partition(chr(10))[0]}); {advice}")
