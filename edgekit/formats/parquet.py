"""Apache Parquet through pyarrow, which only this module imports (the extra [data])."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import InputError, missing_extra
from edgekit.formats.columns import MAX_BYTES, Choose, Column, Float32, check_header, cut, to_float32, unknown_label

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError:
    raise missing_extra("reading a .parquet file", "data") from None

BATCH_ROWS = 65536


def read(path: Path, choose: Choose) -> Float32:
    """Return the wanted columns [rows, columns], read in batches."""
    try:
        with pq.ParquetFile(path) as file:
            names = tuple(file.schema_arrow.names)
            check_header(str(path), names)
            columns = choose(names)
            for column in columns:
                _check_type(path, column, file.schema_arrow.field(column.name).type)
            rows = file.metadata.num_rows
            if rows * len(columns) * 4 > MAX_BYTES:
                raise InputError(f"{path} has {rows} rows, more than {MAX_BYTES} bytes of numbers; give fewer rows")
            parts, done = [np.zeros((0, len(columns)), np.float32)], 0
            for batch in file.iter_batches(BATCH_ROWS, columns=sorted({c.name for c in columns})):
                parts.append(_convert(path, batch, columns, done))
                done += batch.num_rows
    except (pa.ArrowException, OSError, ValueError):
        raise InputError(f"{path} is truncated or corrupt; write it again") from None
    return np.concatenate(parts)


def _check_type(path: Path, column: Column, kind: Any) -> None:
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)
    text = types.is_string(kind) or types.is_large_string(kind)
    if column.categories and (text or types.is_integer(kind)):
        return
    if column.categories or not number:
        raise InputError(
            f"{path}: the column {cut(column.name)} holds {kind}, not {'labels' if column.categories else 'numbers'}; "
            'convert it, or describe it in edgekit.toml (text is kind = "category")'
        )


def _convert(path: Path, batch: Any, columns: tuple[Column, ...], done: int) -> Float32:
    def place(row: int, column: int) -> str:
        return f"row {done + row + 1}, column {cut(columns[column].name)}"

    values = np.empty((batch.num_rows, len(columns)), np.float64)
    for j, column in enumerate(columns):
        cells = batch.column(batch.schema.get_field_index(column.name))
        if cells.null_count:
            row = int(np.argmax(cells.is_null().to_numpy(zero_copy_only=False)))
            raise InputError(f"{path}: {place(row, j)} is empty; fill it or remove the row")
        if not column.categories:
            values[:, j] = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            continue
        codes = {label: code for code, label in enumerate(column.categories)}
        for row, label in enumerate(cells.cast(pa.string()).to_pylist()):
            if label not in codes:
                raise unknown_label(str(path), place(row, j), label, column)
            values[row, j] = codes[label]
    return to_float32(str(path), values, place)
