"""Stage: new rows, before anything is trained on them: read as they are, and held to what is known of the model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.config import FILE_NAME, Config
from edgekit.data import ENDINGS, LABELS
from edgekit.drift import DAY, STOP, Column, Expected, Finding, findings
from edgekit.errors import InputError
from edgekit.formats import npz_read
from edgekit.formats.columns import Column as Wanted
from edgekit.formats.columns import listed
from edgekit.formats.tables import reader_of
from edgekit.manifest import Manifest, decode
from edgekit.plain import plain
from edgekit.store import MANIFEST

MILLISECONDS = 1e11  # larger numbers are no seconds since 1970, but milliseconds


@dataclass(frozen=True)
class DataReport:
    """What was found in a file of new rows; `against` says in words what it was held to."""

    file: str
    rows: int
    against: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Tell whether nothing speaks against training on it."""
        return not any(f.severity == STOP for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"ok": self.ok, **plain(self)}


def check_data(data: Path, config: Config, against: Path | None = None, now: float | None = None) -> DataReport:
    """Hold a .csv, .parquet or .npz file to edgekit.toml and, where given, to `against`.

    Args:
        data: the new rows.
        config: features, units, ranges, outputs, `data.time` and `data.max_age`.
        against: a bundle's folder, its manifest.json, or a file of older rows.
        now: seconds since 1970; the clock where absent.

    Raises InputError where a file cannot be read at all.
    """
    columns = read_columns(data, config)
    expected, words = from_config(config, columns), [FILE_NAME] if config.features or config.outputs else []
    if against is not None:
        words.append(against.name or str(against))
        expected = _merged(expected, _known_of(against, config))
    newest = None
    if config.data.time and config.data.time in columns and config.data.max_age:
        last = _newest(columns[config.data.time])
        newest = (config.data.time, (time.time() if now is None else now) - last, config.data.max_age * DAY)
    # Times move by themselves: the column must be there, and what is in it is looked at as times only.
    expected = tuple(e for e in expected if e.column != config.data.time)
    if config.data.time and config.data.time not in columns:
        expected = (*expected, Expected(config.data.time))
    rows = max((len(c.values) for c in columns.values()), default=0)
    return DataReport(data.name, rows, tuple(words), findings(columns, expected, newest))


def read_columns(path: Path, config: Config) -> dict[str, Column]:
    """Read every column of a file, whatever is in its cells; an .npz file's numbers are called as edgekit.toml does."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the path of the data")
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} has the unknown ending {path.suffix!r}; known are {', '.join(ENDINGS)}")
    try:
        if path.suffix.lower() == ".npz":
            return _from_npz(path, config)
        module, header = reader_of(path.suffix.lower()), list[str]()

        def look(names: tuple[str, ...]) -> tuple[Wanted, ...]:
            header.extend(names)
            return ()

        module.read(path, look, 2)
        cells = module.read_side(path, tuple(header), config.data.max_rows)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the path and its permissions") from None
    return {name: _column(cells[name]) for name in header}


def from_config(config: Config, columns: Mapping[str, Column]) -> tuple[Expected, ...]:
    """Return what edgekit.toml says of the columns; labels may be called y or target instead of their names."""
    found = []
    for f in config.features:
        low, high = f.range or (None, None)
        found.append(Expected(f.column, f.unit, low, high, categories=f.categories))
    wanted = [o.column or o.name for o in config.outputs]
    usual = [name for name in LABELS if name in columns]
    if not any(name in columns for name in wanted) and not any(o.column for o in config.outputs) and usual:
        wanted = usual
    return (*found, *(Expected(name, is_label=True) for name in wanted))


def from_manifest(manifest: Manifest, config: Config) -> tuple[Expected, ...]:
    """Return what a bundle says of its features: range, mean and standard deviation of the rows it was made with."""
    column_of = {f.name or f.column: f.column for f in config.features}
    return tuple(
        Expected(column_of.get(f.name, f.name), f.unit, f.range[0], f.range[1], f.mean, f.std, f.categories)
        for f in manifest.features
    )


def from_rows(columns: Mapping[str, Column]) -> tuple[Expected, ...]:
    """Return what older rows show: the range, mean and standard deviation of each column of numbers."""
    found = []
    for name, column in columns.items():
        values = column.values[np.isfinite(column.values)]
        if len(values) and len(values) == len(column.values):
            low, high, mean, std = (float(v) for v in (values.min(), values.max(), values.mean(), values.std()))
            found.append(Expected(name, "", low, high, mean, std))
    return tuple(found)


def _known_of(against: Path, config: Config) -> tuple[Expected, ...]:
    file = against / MANIFEST if against.is_dir() else against
    if file.suffix.lower() != ".json":
        return from_rows(read_columns(file, config))
    try:
        return from_manifest(decode(file.read_bytes()), config)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}; give a bundle or a file of older rows") from None


def _merged(first: tuple[Expected, ...], more: tuple[Expected, ...]) -> tuple[Expected, ...]:
    """Let `more` fill in what `first` leaves open; columns that only older rows have are expected too."""
    known = {e.column: e for e in more}
    merged = []
    for one in first:
        other = known.pop(one.column, one)
        low, high = (other.low, other.high) if one.low is None else (one.low, one.high)
        merged.append(replace(one, unit=one.unit or other.unit, low=low, high=high, mean=other.mean, std=other.std))
    return (*merged, *known.values())


def _from_npz(path: Path, config: Config) -> dict[str, Column]:
    arrays = npz_read.read(path, _names_in(path))
    inputs = dict.fromkeys(f.input for f in config.features)
    found: dict[str, Column] = {}
    for name, array in arrays.items():
        if name == "features" or array.dtype.kind not in "fiub" or array.ndim == 0:
            continue
        table = array.reshape(len(array), -1).astype(np.float64)
        of_input = [f.column for f in config.features if len(inputs) <= 1 or name in (f.input, f"x_{f.input}")]
        if name == "y":
            names = [o.column or o.name for o in config.outputs]
        else:
            given = arrays.get("features")
            names = of_input or ([str(n) for n in given.tolist()] if given is not None else [])
        if len(names) != table.shape[1]:
            names = [name] if table.shape[1] == 1 else [f"{name}_{i}" for i in range(table.shape[1])]
        found |= {label: Column(table[:, i]) for i, label in enumerate(names)}
    lengths = {len(c.values) for c in found.values()}
    if len(lengths) > 1:
        raise InputError(
            f"{path}: its arrays have {listed(sorted(map(str, lengths)))} rows; give the same rows for all"
        )
    return found


def _names_in(path: Path) -> tuple[str, ...]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return tuple(archive.files)
    except Exception:  # whatever is wrong, the reader says it in its own words
        return ()


def _column(cells: npt.NDArray[Any]) -> Column:
    text = np.array(["" if c is None else str(c) for c in cells.tolist()])
    try:
        return Column(text.astype(np.float64), text)
    except ValueError:
        return Column(np.array([_number(c) for c in text.tolist()]), text)


def _number(cell: str) -> float:
    try:
        return float("nan") if "_" in cell else float(cell)
    except ValueError:
        return float("nan")


def _newest(column: Column) -> float:
    """Return the newest time in seconds since 1970, NaN where there is none."""
    values = column.values[np.isfinite(column.values)]
    if len(values):
        last = float(values.max())
        return last / 1000 if last > MILLISECONDS else last
    times = [_time(str(cell)) for cell in (column.text.tolist() if column.text is not None else [])]
    return max((t for t in times if t == t), default=float("nan"))  # noqa: PLR0124 (not NaN)


def _time(cell: str) -> float:
    try:
        return datetime.fromisoformat(cell.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return float("nan")
