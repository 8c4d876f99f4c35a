"""Is new data still what the model was made for? Schema, units, ranges, age: each finding is one sentence.

Pure: columns in, findings out. What is expected comes from edgekit.toml, a manifest or older rows. STOP findings end a
run before anything is trained, NOTE findings are only said. A shift counts only beyond what that many rows give by
luck: tests/test_drift.py measures the false alarms on bootstrap resamples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.formats.columns import cut, listed

STOP, NOTE = "stop", "note"
Numbers = npt.NDArray[np.float64]
#: A cell that is no number is NaN in `Column.values`; `text` has the cells of a category or a time as they are.
Cells = npt.NDArray[np.str_]

#: (a, b, words): what was x is a * x + b now. The inverse of each is tried too.
UNITS: tuple[tuple[float, float, str], ...] = (
    (1000.0, 0.0, "1000 times"),
    (1_000_000.0, 0.0, "1,000,000 times"),
    (100.0, 0.0, "100 times"),
    (10.0, 0.0, "10 times"),
    (60.0, 0.0, "60 times"),
    (3600.0, 0.0, "3600 times"),
    (24.0, 0.0, "24 times"),
    (0.3048, 0.0, "0.3048 times (feet as metres)"),
    (2.54, 0.0, "2.54 times (inches as centimetres)"),
    (1.609344, 0.0, "1.609 times (miles as kilometres)"),
    (3.6, 0.0, "3.6 times (m/s as km/h)"),
    (0.45359237, 0.0, "0.4536 times (pounds as kilograms)"),
    (7.500617, 0.0, "7.5 times (kPa as mmHg)"),
    (18.016, 0.0, "18.02 times (glucose, mmol/l as mg/dl)"),
    (38.67, 0.0, "38.67 times (cholesterol, mmol/l as mg/dl)"),
    (88.57, 0.0, "88.57 times (triglycerides, mmol/l as mg/dl)"),
    (1.8, 32.0, "1.8 times + 32 (Celsius as Fahrenheit)"),
    (1.0, 273.15, "the same + 273.15 (Celsius as kelvin)"),
    (math.pi / 180, 0.0, "0.01745 times (degrees as radians)"),
)
#: A mean this many of the expected standard deviations away is looked at for another unit, and one beyond MOVED stops.
SUSPECT, MOVED = 1.0, 3.0
#: Or a spread this many times as large or small.
SPREAD = 2.0
#: With the unit taken back, mean and spread must be this near.
MEAN_NEAR, SPREAD_NEAR = 0.35, 1.35
#: Standard errors that are allowed on top, for few rows.
LUCK = 4.0
MIN_ROWS = 8
OUTSIDE, TWICE = 0.05, 0.1
#: A value beyond the range by more than all of it is a slip. Where a range ends over HEAVY standard deviations from the
#: mean, FAR times of it, and only a spread HEAVY_SPREAD times as large or small says anything.
HEAVY, FAR, HEAVY_SPREAD = 8.0, 10.0, 30.0
DAY = 86400.0


@dataclass(frozen=True)
class Expected:
    """What is known of a column: `low` and `high` of its range, mean and std of the rows that it was made with."""

    column: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    categories: tuple[str, ...] = ()
    is_label: bool = False


@dataclass(frozen=True, eq=False)
class Column:
    """A column of new data: numbers (NaN where a cell is empty or no number), and its cells where it is text."""

    values: Numbers
    text: Cells | None = None


@dataclass(frozen=True)
class Finding:
    """One sentence about the data."""

    kind: str  # missing, few, twice, stale, text, empty, category, constant, unit, moved, range
    severity: str
    column: str
    sentence: str


def findings(
    columns: Mapping[str, Column], expected: Sequence[Expected], newest: tuple[str, float, float] | None = None
) -> tuple[Finding, ...]:
    """Hold columns of equal length to what is expected, those that stop first.

    newest: the column of times, its newest in seconds, and how many seconds it may be before now; the difference to
    now is `newest[1]`, negative for a time that is still to come.
    """
    found = [*_whole(columns, expected)]
    if newest is not None:
        found += _stale(*newest)
    for one in expected:
        if one.column in columns:
            found += _column(columns[one.column], one)
    return tuple(sorted(found, key=lambda f: f.severity != STOP))


def _whole(columns: Mapping[str, Column], expected: Sequence[Expected]) -> Iterator[Finding]:
    for one in expected:
        if one.column not in columns:
            there = f"there are {listed(list(columns))}" if columns else "there are none"
            what = "label column" if one.is_label else "column"
            yield Finding("missing", STOP, one.column, f"the {what} {cut(one.column)} is missing; {there}")
    rows = max((len(c.values) for c in columns.values()), default=0)
    if rows < MIN_ROWS:
        yield Finding("few", STOP, "", f"there are {rows} rows, at least {MIN_ROWS} are needed")
        return
    twice = rows - len({*_rows(columns)})
    if twice:
        severity = STOP if twice / rows > TWICE else NOTE
        yield Finding("twice", severity, "", f"{twice} of {rows} rows are duplicates of others, in every column")


def _rows(columns: Mapping[str, Column]) -> Iterator[tuple[object, ...]]:
    parts = [(c.text if c.text is not None else c.values).tolist() for c in columns.values()]
    for row in zip(*parts, strict=True):
        yield tuple("" if isinstance(v, float) and math.isnan(v) else v for v in row)


def _stale(column: str, age: float, limit: float) -> Iterator[Finding]:
    if math.isnan(age):
        yield Finding("stale", STOP, column, f"the column {cut(column)} holds no time that can be read")
    elif age > limit:
        text = f"the newest time in {cut(column)} is {age / DAY:.1f} days old, at most {limit / DAY:g} are allowed"
        yield Finding("stale", STOP, column, text)
    elif age < -DAY:
        text = (
            f"the newest time in {cut(column)} is {-age / DAY:.1f} days still to come; is the clock or the zone wrong?"
        )
        yield Finding("stale", STOP, column, text)


def _column(column: Column, one: Expected) -> Iterator[Finding]:
    name = cut(one.column)
    if one.categories and column.text is not None:
        yield from _labels(column.text, one)
        return
    values = column.values[np.isfinite(column.values)]
    missing = len(column.values) - len(values)
    if not len(values):
        yield Finding("empty", STOP, one.column, f"the column {name} has no number in any of its {missing} rows")
        return
    if missing:
        yield _no_number(column, one, missing)
    if one.categories:
        outside = int((~np.isin(values, np.arange(len(one.categories)))).sum())
        if outside:
            codes = f"codes 0 to {len(one.categories) - 1}"
            yield Finding(
                "category", STOP, one.column, f"the column {name} has {outside} values that are none of its {codes}"
            )
        return
    if values.min() == values.max():
        if one.std is None or one.std > 0:
            text = f"the column {name} is {values[0]:g} in every row; it was not constant before"
            yield Finding("constant", STOP, one.column, text)
        return
    moved = list(_unit(values, one) or _moved(values, one))
    yield from moved
    if not any(f.kind == "unit" for f in moved):
        yield from _range(values, one)


def _no_number(column: Column, one: Expected, missing: int) -> Finding:
    bad = np.flatnonzero(~np.isfinite(column.values))
    if column.text is not None and (text := str(column.text[bad[0]]).strip()) and text.lower() != "nan":
        sentence = (
            f"the column {cut(one.column)} has {missing} cells that are no number, row {bad[0] + 1} is {cut(text)}"
        )
        return Finding("text", STOP, one.column, sentence)
    where = f"{missing} of {len(column.values)} rows, first in row {bad[0] + 1}"
    sentence = f"the column {cut(one.column)} is empty or NaN in {where}"
    return Finding("empty", STOP, one.column, sentence)


def _labels(text: Cells, one: Expected) -> Iterator[Finding]:
    unknown = ~np.isin(text, np.array(one.categories))
    if unknown.any():
        row = int(np.argmax(unknown))
        sentence = (
            f"the column {cut(one.column)} has {int(unknown.sum())} cells that are none of its categories "
            f"{listed(one.categories)}; row {row + 1} is {cut(str(text[row]))}"
        )
        yield Finding("category", STOP, one.column, sentence)


@dataclass(frozen=True)
class _Seen:
    """Mean and spread of new values, and what so many of them may be off by luck: of the mean in standard deviations,
    of the logarithm of the spread. Heavy tails have more of it: the error of a standard deviation goes with the fourth
    moment k, as sqrt((k - 1) / (4 n)); 1 / sqrt(2 n) for a normal distribution."""

    mean: float
    std: float
    mean_luck: float
    spread_luck: float


def _seen(values: Numbers) -> _Seen:
    rows, mean, std = len(values), float(values.mean()), float(values.std())
    fourth = float((((values - mean) / max(std, 1e-300)) ** 4).mean())
    return _Seen(mean, std, LUCK / math.sqrt(rows), LUCK * math.sqrt(max(fourth - 1, 2.0) / (4 * rows)))


def _shift(seen: _Seen, one: tuple[float, float]) -> tuple[float, float]:
    """Return how far the mean is off in expected standard deviations, and the ratio of the spreads (1 or more), each
    less what so many rows give by luck."""
    wide = max(one[1], 1e-12 * max(abs(one[0]), 1.0))
    off = max(abs(seen.mean - one[0]) / wide - seen.mean_luck, 0.0)
    spread = math.exp(max(abs(math.log(max(seen.std, 1e-300) / wide)) - seen.spread_luck, 0.0))
    return off, spread


def _unit(values: Numbers, one: Expected) -> list[Finding]:
    """Find the unit that explains why the values are elsewhere."""
    if one.mean is None or not one.std:
        return _unit_by_range(values, one)
    seen = _seen(values)
    off, spread = _shift(seen, (one.mean, one.std))
    if off <= SUSPECT and spread <= (HEAVY_SPREAD if _heavy(one) else SPREAD):
        return []
    fitting = []
    for a, b, words in _both_ways():
        back = ((seen.mean - b) / a, seen.std / a)
        near = abs(back[0] - one.mean) / one.std
        ratio = abs(math.log(back[1] / one.std))
        if near - seen.mean_luck <= MEAN_NEAR and ratio - seen.spread_luck <= math.log(SPREAD_NEAR):
            fitting.append((near + ratio, words))
    if not fitting and one.mean and seen.mean / one.mean > 0:
        factor, of_std = seen.mean / one.mean, seen.std / one.std
        if abs(math.log(factor)) > math.log(SPREAD) and abs(math.log(factor / of_std)) < math.log(1.15):
            fitting = [(0.0, f"{factor:.4g} times")]
    if not fitting:
        return []
    return [_unit_finding(one, min(fitting)[1], f"its mean is {seen.mean:.4g}, it was {one.mean:.4g}")]


def _unit_by_range(values: Numbers, one: Expected) -> list[Finding]:
    low, high = one.low, one.high
    if low is None or high is None:
        return []

    def inside(v: Numbers) -> float:
        return float(((v >= low) & (v <= high)).mean())

    if inside(values) >= 0.5:
        return []
    span = high - low
    fitting = []
    for a, b, words in _both_ways():
        back = (values - b) / a
        fills = float(np.ptp(back)) / span  # of several that fit, the one that fills the range the most
        if inside(back) >= 0.95 and fills >= 0.1:
            fitting.append((-fills, words))
    if not fitting:
        return []
    part = f"{1 - inside(values):.0%} of its values are outside {low:g} to {high:g}"
    return [_unit_finding(one, min(fitting)[1], part)]


def _unit_finding(one: Expected, words: str, seen: str) -> Finding:
    unit = f" in {one.unit}" if one.unit else ""
    sentence = f"the column {cut(one.column)} looks like {words} what was expected{unit}: {seen}"
    return Finding("unit", STOP, one.column, sentence)


def _both_ways() -> Iterator[tuple[float, float, str]]:
    for a, b, words in UNITS:
        yield a, b, words
        yield 1 / a, -b / a, f"the inverse of {words}" if b or "(" in words else f"1/{words}"


def _moved(values: Numbers, one: Expected) -> Iterator[Finding]:
    if one.mean is None or not one.std:
        return
    off, spread = _shift(_seen(values), (one.mean, one.std))
    if off > SUSPECT:
        far = abs(values.mean() - one.mean) / one.std
        by = f"{far:.1f} standard deviations from the {one.mean:.4g} of before"
        sentence = f"the mean of {cut(one.column)} is {values.mean():.4g}, {by}"
        yield Finding("moved", STOP if off > MOVED else NOTE, one.column, sentence)
    elif spread > (HEAVY_SPREAD if _heavy(one) else SPREAD):
        sentence = f"the values of {cut(one.column)} spread by {values.std():.4g}, before it was {one.std:.4g}"
        yield Finding("moved", NOTE, one.column, sentence)


def _range(values: Numbers, one: Expected) -> Iterator[Finding]:
    if one.low is None or one.high is None:
        return
    room = 1e-6 * max(abs(one.low), abs(one.high))  # files of float32 have their ends a little beyond
    outside = (values < one.low - room) | (values > one.high + room)
    count = int(outside.sum())
    if not count:
        return
    worst = float(values[np.argmax(np.maximum(one.low - values, values - one.high))])
    many = count > OUTSIDE * len(values) and count >= 3
    far = max(one.low - worst, worst - one.high) > (FAR if _heavy(one) else 1) * (one.high - one.low)
    where = f"outside {one.low:g} to {one.high:g}, the farthest is {worst:g}"
    sentence = f"{count} of {len(values)} values of {cut(one.column)} are {where}"
    yield Finding("range", STOP if many or far else NOTE, one.column, sentence)


def _heavy(one: Expected) -> bool:
    """Tell whether the range reaches so far from the mean that larger values are bound to come."""
    if one.mean is None or not one.std or one.low is None or one.high is None:
        return False
    return max(one.high - one.mean, one.mean - one.low) > HEAVY * one.std
