"""CSV: a header line, commas, UTF-8; the wanted columns become float32."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError
from edgekit.formats.columns import Choose, Column, Float32, check_header, cut, to_float32, unknown_label
from edgekit.formats.thinning import Thinned

#: Rows that are turned into numbers at once, so that a large file is never held as text.
CHUNK_ROWS = 8192
Line = tuple[int, list[str]]


def read(path: Path, choose: Choose, limit: int = 1 << 62) -> Float32:
    """Return the wanted columns [rows, columns]; of more than `limit` rows some, at equal distances.

    Blank lines are passed over.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(path, csv.reader(file, strict=True))
            header = next(lines, (0, []))[1]
            if not header:
                raise InputError(f"{path} is empty; it needs a header line and rows")
            _check_commas(path, header)
            check_header(str(path), header)
            columns = choose(tuple(header))
            return _read_rows(path, lines, [header.index(c.name) for c in columns], columns, limit)
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; save it as CSV in UTF-8") from None


def _lines(path: Path, reader: Iterator[list[str]]) -> Iterator[Line]:
    """Yield line numbers and cells; every line has as many cells as the first."""
    width = 0
    row = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path}: line {reader.line_num} is not CSV: {error}; correct it") from None  # type: ignore[attr-defined]
        if not cells:
            continue
        line = reader.line_num  # type: ignore[attr-defined]
        if width and len(cells) != width:
            raise InputError(
                f"{path}: row {row} (line {line}) has {len(cells)} cells, the header has {width}; correct the row"
            )
        width = len(cells)
        row += 1
        yield line, cells


def _check_commas(path: Path, header: list[str]) -> None:
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise InputError(f"{path} is separated by {name}; save it with commas")


def read_side(path: Path, names: tuple[str, ...], limit: int) -> dict[str, npt.NDArray[Any]]:
    """Return columns as text, of the rows that `read` keeps."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _lines(path, csv.reader(file, strict=True))
        header = next(lines)[1]
        picks = [header.index(name) for name in names]
        kept = Thinned(limit)
        chunk: list[list[str]] = []
        for _, cells in lines:
            chunk.append([cells[i] for i in picks])
            if len(chunk) == CHUNK_ROWS:
                kept.add(np.array(chunk))
                chunk = []
        if chunk:
            kept.add(np.array(chunk))
    table = kept.rows(np.empty((0, len(names)), "U1"))
    return {name: table[:, i] for i, name in enumerate(names)}


def _read_rows(path: Path, lines: Iterator[Line], picks: list[int], columns: tuple[Column, ...], limit: int) -> Float32:
    codes = [{label: float(code) for code, label in enumerate(c.categories)} for c in columns]
    kept, chunk = Thinned(limit, len(columns)), []
    for line, cells in lines:
        chunk.append((line, [cells[i] for i in picks]))
        if len(chunk) == CHUNK_ROWS:
            kept.add(_convert(path, chunk, columns, codes, kept.seen))
            chunk = []
    if chunk:
        kept.add(_convert(path, chunk, columns, codes, kept.seen))
    return kept.rows(np.zeros((0, len(columns)), np.float32))


def _convert(
    path: Path, chunk: list[Line], columns: tuple[Column, ...], codes: list[dict[str, float]], done: int
) -> Float32:
    def place(row: int, column: int) -> str:
        return f"row {done + row + 1} (line {chunk[row][0]}), column {cut(columns[column].name)}"

    values = np.empty((len(chunk), len(columns)), np.float64)
    for j, column in enumerate(columns):
        cells = [cells[j] for _, cells in chunk]
        try:
            values[:, j] = [codes[j][cell] for cell in cells] if column.categories else [_number(c) for c in cells]
        except (ValueError, KeyError):
            row = next(i for i, cell in enumerate(cells) if not _readable(cell, codes[j]))
            raise _bad_cell(path, place(row, j), cells[row], column) from None
    return to_float32(str(path), values, place)


def _number(cell: str) -> float:
    if "_" in cell:  # Python would read 1_000
        raise ValueError(cell)
    return float(cell)


def _readable(cell: str, codes: Mapping[str, float]) -> bool:
    if codes:
        return cell in codes
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _bad_cell(path: Path, place: str, cell: str, column: Column) -> InputError:
    if not cell.strip():
        return InputError(f"{path}: {place} is empty; fill it or remove the row")
    if column.categories:
        return unknown_label(str(path), place, cell, column)
    return InputError(
        f"{path}: {place} is {cut(cell)}, not a number; correct it, or describe the column in edgekit.toml "
        'as kind = "category"'
    )
