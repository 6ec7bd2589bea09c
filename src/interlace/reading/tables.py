"""Parquet files, batch by batch: their footer says how much a batch can take before it is read."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.errors import UserError
from interlace.reading.files import require_regular
from interlace.reading.limits import exceeded, limit, spelled

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MOST_ROWS = 4096  # a batch


@contextlib.contextmanager
def open_parquet(path: Path) -> Iterator["pq.ParquetFile"]:
    """A parquet file whose columns unpack to no more than the limit unpacked_bytes. Raises OSError and ValueError
    (pyarrow's errors are among them) for what is none.
    """
    import pyarrow.parquet as pq

    require_regular(path)
    with pq.ParquetFile(path) as file:
        for group in range(file.metadata.num_row_groups):
            for column in range(file.metadata.num_columns):
                size = file.metadata.row_group(group).column(column).total_uncompressed_size
                if size > limit("unpacked_bytes"):
                    raise exceeded(path, f"a column unpacks to {spelled('_bytes', size)}", "unpacked_bytes", size)
        yield file


def batches(file: "pq.ParquetFile", columns: Collection[str], most_rows: int = MOST_ROWS) -> Iterator["pa.RecordBatch"]:
    """Batches of a file's columns that take no more than the limit table_bytes each.

    A column of a row group can repeat one value of its dictionary in every row, and none is longer than the column's
    pages together: rows times that is what a batch takes at most.
    """
    sizes = [
        file.metadata.row_group(group).column(column).total_uncompressed_size
        for group in range(file.metadata.num_row_groups)
        for column in range(file.metadata.num_columns)
        if file.metadata.row_group(group).column(column).path_in_schema.split(".")[0] in columns
    ]
    rows = limit("table_bytes") // max([1, *sizes])
    yield from file.iter_batches(max(1, min(most_rows, rows)), columns=list(columns), use_threads=False)


def read_table(path: Path, choose: Any = None) -> "pa.Table":
    """The table of a file; `choose(names)` gives the columns to read of those there are. Raises OSError, ValueError for
    what is no parquet file, and TooLarge by the limits table_rows and table_bytes.
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
                raise exceeded(path, f"it holds more than {spelled('_bytes', held)}", "table_bytes")
            found.append(batch)
        schema = pa.schema([file.schema_arrow.field(name) for name in columns])
        return pa.Table.from_batches(found, schema=found[0].schema if found else schema)


def parquet_error(path: Path, error: Exception, mend: str) -> UserError:
    """The sentence for a file that is no parquet file or a damaged one."""
    return UserError(f"{path}: not a readable parquet file ({str(error).partition(chr(10))[0]}); {mend}")
