"""Apache Parquet through pyarrow, which only this module imports (the extra [data])."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError, missing_extra
from edgekit.formats.columns import Choose, Column, Float32, check_header, cut, to_float32, unknown_label
from edgekit.formats.thinning import Thinned

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError:
    raise missing_extra("reading a .parquet file", "data") from None

BATCH_ROWS, BATCH_BYTES = 65536, 64_000_000
#: Of each column, what is read from the file at once.
STREAM_BYTES = 1 << 20


def read(path: Path, choose: Choose, limit: int = 1 << 62) -> Float32:
    """Return the wanted columns [rows, columns], in batches; of more than `limit` rows some, at equal distances."""
    try:
        with _open(path) as file:
            names = tuple(file.schema_arrow.names)
            check_header(str(path), names)
            columns = choose(names)
            for column in columns:
                _check_type(path, column, file.schema_arrow.field(column.name).type)
            kept = Thinned(limit, len(columns))
            for batch in file.iter_batches(_batch_rows(len(columns)), columns=sorted({c.name for c in columns})):
                kept.add(_convert(path, batch, columns, kept.seen))
    except (pa.ArrowException, OSError, ValueError):
        raise InputError(f"{path} is truncated or corrupt; write it again") from None
    return kept.rows(np.zeros((0, len(columns)), np.float32))


def read_side(path: Path, names: tuple[str, ...], limit: int) -> dict[str, npt.NDArray[Any]]:
    """Return columns as they are, text or float64, of the rows that `read` with this many `columns` keeps."""
    with _open(path) as file:
        kept = {name: Thinned(limit) for name in names}
        for batch in file.iter_batches(BATCH_ROWS // 8, columns=sorted(names)):
            for name in names:
                kept[name].add(np.array(batch.column(batch.schema.get_field_index(name)).cast(pa.string()).to_pylist()))
    return {name: thinned.rows(np.empty(0, "U1")) for name, thinned in kept.items()}


def _open(path: Path) -> Any:
    """Open a file to be read in pieces: pyarrow would keep all that it read of all row groups until the end."""
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=STREAM_BYTES)


def _batch_rows(columns: int) -> int:
    return max(256, min(BATCH_ROWS, BATCH_BYTES // (8 * max(columns, 1))))


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
