"""Records from columnar tables (parquet, Arrow): a row is a record, a column a field, null is missing."""

import datetime
import decimal
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlace.data.manifest.rows import NumberedRecord, Row
from interlace.data.media_bytes import is_media, media_path
from interlace.data.problems import BadExample, Problem
from interlace.errors import UserError
from interlace.reading.arrow import open_arrow
from interlace.reading.documents import parse_json
from interlace.reading.limits import exceeded, format_limit, limit
from interlace.reading.tables import batches, open_parquet, parquet_error

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 1000
FEATURES = b"huggingface"  # the key of a schema's metadata under which `datasets` describes its columns


def read_parquet_rows(path: Path) -> Iterator[Row]:
    """Every row of a parquet file; columns that `datasets` describes as classes give class names."""
    import pyarrow as pa

    try:
        with open_parquet(path) as file:
            if file.metadata.num_rows > limit("table_rows"):
                raise exceeded(path, f"it has {file.metadata.num_rows} rows", "table_rows", file.metadata.num_rows)
            schema = file.schema_arrow
            _check(schema, path)
            names = class_names(_described(schema))
            yield from _rows(batches(file, schema.names, ROWS_AT_ONCE), names, path, 0)
    except (pa.ArrowException, ValueError) as error:
        raise parquet_error(path, error, "write it again, or give JSON lines") from None


def read_arrow_rows(path: Path, features: Mapping[str, Any] | None = None, start: int = 0) -> Iterator[Row]:
    """Every row of an Arrow stream, numbered from `start` + 1.

    `features`: as in dataset_info.json of `datasets`; None: those of the file itself.
    """
    import pyarrow as pa

    try:
        with open_arrow(path) as stream:
            _check(stream.schema, path)
            names = class_names(_described(stream.schema) if features is None else features)
            yield from _rows(_validated(stream), names, path, start)
    except (pa.ArrowException, ValueError, EOFError) as error:
        why = str(error).partition("\n")[0]
        raise UserError(f"{path}: not a readable Arrow stream ({why}); save the data set again") from None


def class_names(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """The class names of every column that is a ClassLabel or a list of ClassLabels."""
    found = {}
    for name, feature in features.items():
        while isinstance(feature, dict | list) and feature and "names" not in feature:  # old versions have a list here
            feature = feature[0] if isinstance(feature, list) else feature.get("feature")
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature["names"], list):
            found[name] = [str(label) for label in feature["names"]]
    return found


def _described(schema: "pa.Schema") -> Mapping[str, Any]:
    """The features that `datasets` has written into a schema; empty for other schemas."""
    try:
        metadata = parse_json((schema.metadata or {}).get(FEATURES, b"{}").decode(), "the schema")
        features = metadata["info"]["features"]
        return features if isinstance(features, dict) else {}
    except (ValueError, KeyError, TypeError, UserError):
        return {}


def _validated(stream: "pa.RecordBatchReader") -> Iterator["pa.RecordBatch"]:
    for batch in stream:
        batch.validate(full=True)
        yield from (batch.slice(start, ROWS_AT_ONCE) for start in range(0, batch.num_rows, ROWS_AT_ONCE))


def _rows(
    found: Iterator["pa.RecordBatch"], names: Mapping[str, Sequence[str]], path: Path, number: int
) -> Iterator[Row]:
    held = 0
    for batch in found:
        held += sum(_size(column) for column in batch.columns)
        if held > limit("table_bytes"):
            raise exceeded(path, f"its rows hold more than {format_limit('_bytes', held)}", "table_bytes", held)
        columns = {str(field.name): _values(column) for field, column in zip(batch.schema, batch.columns, strict=True)}
        for row in zip(*columns.values(), strict=True):
            number += 1
            try:
                record = {name: _plain(name, value, names.get(name)) for name, value in zip(columns, row, strict=True)}
                yield NumberedRecord(number, {name: value for name, value in record.items() if value is not None})
            except BadExample as bad:
                yield Problem(number, bad.reason, bad.detail)


def _values(column: "pa.Array") -> Sequence[Any]:
    """The values as Python objects; rows with the same dictionary index share one object."""
    import pyarrow as pa

    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if not isinstance(column, pa.DictionaryArray):
        found: list[Any] = column.to_pylist()
        return found
    indices = column.indices.to_pylist()
    used = sorted({index for index in indices if index is not None})
    values: dict[Any, Any] = dict(
        zip(used, column.dictionary.take(pa.array(used, pa.int64())).to_pylist(), strict=True)
    )
    return [values.get(index) for index in indices]


def _size(column: "pa.Array") -> int:
    """An upper bound of the bytes of the values; for a dictionary, its longest value in every row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(column, pa.DictionaryArray):
        return int(column.nbytes)
    values = column.dictionary
    if not pa.types.is_string(values.type) and not pa.types.is_large_string(values.type):
        return int(column.nbytes) + 8 * len(column)
    return (4 + int(pc.max(pc.binary_length(values)).as_py() or 0)) * len(column)


def _plain(name: str, value: Any, classes: Sequence[str] | None) -> Any:
    """A value as in JSON: a class by its name, a time in ISO 8601, NaN as missing, media as a path."""
    if isinstance(value, str | bool) or value is None:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, int):
        return value if classes is None else _class(name, value, classes)
    if isinstance(value, list):
        return [_plain(name, item, classes) for item in value]
    if isinstance(value, dict):
        if is_media(value):
            return media_path(name, value)
        return {key: _plain(name, item, None) for key, item in value.items()}
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes):
        return media_path(name, {"bytes": value, "path": None})
    raise BadExample("wrong type", f"{name} is {type(value).__name__} {str(value)[:40]!r}, which is not supported")


def _class(name: str, value: int, classes: Sequence[str]) -> str | None:
    if value == -1:  # unlabelled
        return None
    if not 0 <= value < len(classes):
        raise BadExample("wrong type", f"{name} is class {value}, but the data set names only {len(classes)} classes")
    return classes[value]


def _check(schema: "pa.Schema", path: Path) -> None:
    """Raise UserError for too many columns, duplicate names, or types whose values can share memory."""
    if len(schema.names) > limit("table_columns"):
        raise exceeded(path, f"it has {len(schema.names)} columns", "table_columns", len(schema.names))
    for name in schema.names:
        if schema.names.count(name) > 1:
            raise UserError(f"{path}: it has several columns {name!r}; give every column a unique name")
    for field in schema:
        if bad := _sharing(field.type, top=True):
            raise UserError(
                f"{path}: column {field.name!r} is of type {bad}, which is not read; cast it to plain lists, texts or "
                "numbers"
            )


def _sharing(kind: "pa.DataType", *, top: bool = False, depth: int = 0) -> str | None:
    """The first type nested in `kind` whose rows can share values, so that few bytes expand to many; None if none."""
    import pyarrow as pa

    tests: tuple[Callable[[Any], bool], ...] = (
        pa.types.is_run_end_encoded, pa.types.is_list_view, pa.types.is_large_list_view, pa.types.is_string_view,
        pa.types.is_binary_view, pa.types.is_union,
    )  # fmt: skip
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if any(test(kind) for test in tests) or depth > limit("json_depth"):
        return str(kind)[:80]
    if pa.types.is_dictionary(kind):
        flat = pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
        return None if top and (flat or pa.types.is_primitive(kind.value_type)) else str(kind)[:80]
    inner = [kind.field(i).type for i in range(kind.num_fields)]
    return next((bad for child in inner if (bad := _sharing(child, depth=depth + 1))), None)
