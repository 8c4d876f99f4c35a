"""golden.json: the rows by which every target of a bundle is judged, with the answers that are expected."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError

Rows = npt.NDArray[np.float32]

PATH = "golden.json"
SCHEMA_VERSION = 1
MIN_ROWS = 32
MAX_BYTES = 256 << 20
_TABLES = ("inputs", "float", "quantized")


@dataclass(frozen=True, eq=False)
class Golden:
    """Rows and answers, float32 [rows, values]: flat inputs, the float model's outputs, the int8 model's."""

    inputs: Rows
    float: Rows
    quantized: Rows

    def __len__(self) -> int:
        return len(self.inputs)


def pick(rows: Rows, errors: npt.NDArray[Any], low: Rows, high: Rows, *, count: int = 64, seed: int = 0) -> Rows:
    """Choose the inputs that golden.json holds: float32 [at least 32, features].

    Args:
        rows: float32 [n, features], rows of the user's data; may be few, even none.
        errors: [n], how far the int8 model's answer for each row is from the float model's.
        low, high: [features], the ranges of the features.

    Edge rows come first (all features at their low, all at their high, all at their mean), then a quarter of the
    worst errors, then rows with the lowest and highest value of each feature, then others by chance. Where the data
    has too few rows, rows drawn from the ranges fill up.
    """
    rng = np.random.default_rng(seed)
    rows = np.ascontiguousarray(rows, np.float32)
    low, high = low.astype(np.float32), high.astype(np.float32)
    edges = [low, high, rows.mean(axis=0, dtype=np.float64).astype(np.float32) if len(rows) else low / 2 + high / 2]
    worst = np.argsort(-np.abs(np.asarray(errors, np.float64)), kind="stable")[: max(1, count // 4)]
    extremes = np.stack([rows.argmin(axis=0), rows.argmax(axis=0)], axis=1).reshape(-1) if len(rows) else worst
    # No more extremes than half: with hundreds of features the rows by chance would be crowded out.
    order = [*worst, *extremes[: count // 2], *rng.permutation(len(rows))]
    chosen: dict[bytes, Rows] = {}
    for row in [*edges, *(rows[i] for i in order)]:
        if len(chosen) < max(count, MIN_ROWS):
            chosen.setdefault(row.tobytes(), row)
    result = [*chosen.values()]
    while len(result) < MIN_ROWS:
        result.append(rng.uniform(low, high).astype(np.float32))
    return np.stack(result)


def encode(golden: Golden) -> bytes:
    """Return the bytes of golden.json, one row a line.

    A number is the shortest text that reads back as the same float32 (not float64: 0.1 is float32's 0.1).
    """
    tables = ",\n".join(f'"{name}": [\n{_lines(getattr(golden, name))}\n]' for name in _TABLES)
    return f'{{\n"schema_version": {SCHEMA_VERSION},\n{tables}\n}}\n'.encode()


def decode(raw: bytes) -> Golden:
    """Check and read golden.json; what is wrong is an InputError that names the table and the row."""
    if len(raw) > MAX_BYTES:
        raise InputError(f"golden.json is larger than {MAX_BYTES} bytes; refusing the bundle")
    try:
        plain = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"golden.json is not JSON: {error}; export the bundle again") from None
    if not isinstance(plain, dict) or set(plain) != {"schema_version", *_TABLES}:
        keys = "schema_version, inputs, float and quantized"
        raise InputError(f"golden.json must be an object of {keys}; export the bundle again")
    if plain["schema_version"] != SCHEMA_VERSION or isinstance(plain["schema_version"], bool):
        raise InputError(
            f"golden.json has schema_version {plain['schema_version']!r}, this edgekit reads {SCHEMA_VERSION}; "
            "export the bundle again with this version"
        )
    golden = Golden(*(_read(plain[name], name) for name in _TABLES))
    if len({len(golden.inputs), len(golden.float), len(golden.quantized)}) != 1:
        raise InputError("golden.json has tables of different lengths; export the bundle again")
    if golden.float.shape != golden.quantized.shape:
        raise InputError("golden.json has float and quantized rows of different lengths; export the bundle again")
    return golden


def _lines(table: Rows) -> str:
    if not np.isfinite(table).all():
        raise InputError("the model answers with numbers that are not finite; check its weights and the feature ranges")
    texts = table.astype("<f4").astype(str)
    back = texts.astype(np.float64).astype("<f4")
    exact = np.where(back == table, texts, table.astype(np.float64).astype(str))
    return ",\n".join(f"[{', '.join(row)}]" for row in exact)


def _read(plain: Any, name: str) -> Rows:
    if not isinstance(plain, list) or len(plain) < MIN_ROWS:
        raise InputError(f"golden.json: {name} must be a list of at least {MIN_ROWS} rows; export the bundle again")
    width = len(plain[0]) if isinstance(plain[0], list) else 0
    for number, row in enumerate(plain):
        if not isinstance(row, list) or not row or len(row) != width:
            raise InputError(
                f"golden.json: row {number} of {name} must be a list of as many numbers as row 0; "
                "export the bundle again"
            )
        if not all(_is_float32(value) for value in row):
            raise InputError(
                f"golden.json: row {number} of {name} holds something that is not a finite float32 number; "
                "export the bundle again"
            )
    return np.array(plain, np.float64).astype("<f4")


_TOO_LARGE = float(np.finfo(np.float32).max) * (1 + 2.0**-25)  # what rounds to infinity starts here


def _is_float32(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _TOO_LARGE  # false for NaN and infinity too


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
