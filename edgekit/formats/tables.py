"""Which module reads a table: each has `read` and `read_side`."""

from __future__ import annotations

from typing import Any

from edgekit.formats import csv_read


def reader_of(ending: str) -> Any:
    """Return the reader of .csv or .parquet; NotAvailable where its extra is missing."""
    if ending == ".csv":
        return csv_read
    # Here and not at the top: the only reader that needs an extra, and slow to load.
    from edgekit.formats import parquet  # noqa: PLC0415

    return parquet
