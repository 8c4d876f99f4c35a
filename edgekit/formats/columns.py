"""What the readers of tabular files share: which columns are wanted, and numbers that fit float32."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError

Float32 = npt.NDArray[np.float32]
#: A limit for whole files, for what an archive unpacks to, and for the numbers of a table in memory.
MAX_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Column:
    """A column that is wanted; with categories its cells are labels, read as the codes 0, 1, 2, ..."""

    name: str
    categories: tuple[str, ...] = ()


#: From a file's column names to the columns to read, in this order.
Choose = Callable[[tuple[str, ...]], tuple[Column, ...]]


def to_float32(file: str, values: npt.NDArray[Any], place: Callable[[int, int], str]) -> Float32:
    """Convert numbers [rows, columns]; the first one that is not finite in float32 is an InputError.

    `place` names a row and a column (from 0) for the message.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        small = values.astype(np.float32)
    finite = np.isfinite(small)
    if finite.all():
        return small
    row, column = (int(i) for i in np.unravel_index(int(np.argmin(finite)), small.shape))
    value = values[row, column]
    if np.isnan(value):
        raise InputError(f"{file}: {place(row, column)} is NaN; fill it or remove the row")
    if np.isinf(value):
        raise InputError(f"{file}: {place(row, column)} is infinite; correct it or remove the row")
    raise InputError(f"{file}: {place(row, column)} is {value:.6g}, too large for float32; scale the column down")


def check_header(file: str, names: Sequence[str]) -> None:
    """Refuse a table whose columns cannot be told apart."""
    seen = set()
    for name in names:
        if name in seen:
            raise InputError(f"{file}: two columns are called {cut(name)}; rename one of them")
        seen.add(name)


def missing_column(file: str, name: str, names: Sequence[str]) -> InputError:
    """Name the column that is not there, and the one that was probably meant."""
    near = difflib.get_close_matches(name, names, 1) or [n for n in names if n.strip().lower() == name.lower()]
    meant = f"did you mean {cut(near[0])}?" if near else f"its columns are {listed(names)}"
    return InputError(f"{file}: there is no column {cut(name)}; {meant}")


def unknown_label(file: str, place: str, label: str, column: Column) -> InputError:
    """Name a label that is none of a column's categories."""
    return InputError(
        f"{file}: {place} is {cut(label)}, not one of its categories {listed(column.categories)}; "
        "correct it, or add it in edgekit.toml"
    )


def cut(text: str, limit: int = 40) -> str:
    """Quote a text from a file, shortened, with whatever could disturb a terminal escaped."""
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


def listed(names: Sequence[str], limit: int = 12) -> str:
    """List names, the first few of them where there are many."""
    more = f", ... ({len(names)} in all)" if len(names) > limit else ""
    return ", ".join(cut(n)[1:-1] for n in names[:limit]) + more
