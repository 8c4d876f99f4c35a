"""What quantization costs parts of the rows: a mean that holds can hide a group that is ruined.

Many parts are looked at, so some look bad by luck. The bounds are simultaneous: with 95 % confidence they hold for
all slices at once (the largest studentized deviation over paired bootstrap draws of the rows). A slice fails only where
even the lower bound of its drop is above the budget; where the upper one is too high, "cannot tell" says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.config import Config, SliceConfig
from edgekit.data import Dataset
from edgekit.errors import InputError
from edgekit.expressions import evaluate

HOLDS, WORSE, UNKNOWN, FEW = "holds", "worse", "cannot tell", "too few rows"
#: Fewer rows say nothing.
MIN_ROWS = 20
_DRAWS = 1000
#: Numbers of rows times draws that are in memory at once.
_DRAWN_AT_ONCE = 2_000_000
_CONFIDENCE = 0.95
#: Features beyond these have no slices of their own.
MAX_FEATURES = 32
Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """A part of the rows: what the metric lost there, relative, with its simultaneous bounds.

    low and high are None where there are too few rows.
    """

    name: str
    rows: int
    float_value: float
    quantized_value: float
    drop: float
    low: float | None
    high: float | None
    state: str


@dataclass(frozen=True, eq=False)
class Judged:
    """The evaluation rows with both models' answers; labels None: the float model's answers are the truth."""

    data: Dataset
    floats: Values
    outputs: Values


def audit(judged: Judged, config: Config, budget: float, seed: int = 0) -> tuple[Slice, ...]:
    """Judge every slice, the worst first; the metric is RMSE, or top-1 for a classification."""
    return compare_slices(judged, slices_of(judged, config), config.task, budget, seed)


def compare_slices(
    judged: Judged, slices: Mapping[str, Mask], task: str, budget: float, seed: int = 0
) -> tuple[Slice, ...]:
    """Judge these slices, bool [rows] each, the worst first; of the data only the labels are read."""
    masks = {name: mask for name, mask in slices.items() if mask.any()}
    before, after = _losses(judged, task)
    big = {name: mask for name, mask in masks.items() if mask.sum() >= MIN_ROWS and not mask.all()}
    bounds = _bounds(before, after, np.array(list(big.values()), np.float64), task, seed) if big else []
    low_high = dict(zip(big, bounds, strict=True))
    found = []
    for name, mask in masks.items():
        if mask.all():
            continue
        first, second = (_metric(float(losses[mask].mean()), task) for losses in (before, after))
        drop = float(_drop(first, second, task))
        low, high = low_high.get(name, (None, None))
        found.append(Slice(name, int(mask.sum()), first, second, drop, low, high, _state(low, high, budget)))
    return tuple(sorted(found, key=lambda s: (s.state == FEW, -(s.low if s.low is not None else s.drop))))


def slices_of(judged: Judged, config: Config) -> dict[str, Mask]:
    """Return each slice's rows: those of edgekit.toml, tenths of the target, quarters and categories of features."""
    data = judged.data
    columns = columns_of(data, config)
    found: dict[str, Mask] = {}
    for one in config.slices:
        found |= _configured(one, columns)
    found |= _target(judged, config.task)
    kinds = {f.name or f.column: f for f in config.features}
    for name in _spoken(data, config)[:MAX_FEATURES]:
        column = columns[name]
        if name in kinds and kinds[name].categories:
            labels = kinds[name].categories
            found |= {f"{name}: {label}": column == code for code, label in enumerate(labels)}
        elif len(np.unique(column)) <= 8:
            found |= {f"{name} = {value:g}": column == value for value in np.unique(column)}
        else:
            found |= _parts(name, column, 4, "quarter")
    return found


def columns_of(data: Dataset, config: Config) -> Mapping[str, npt.NDArray[Any]]:
    """Return the columns that a condition may name: features by name and column, others as numbers or text."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for i, name in enumerate(data.names):
        columns[name] = data.inputs[:, i].astype(np.float64)
    for feature in config.features:
        if (name := feature.name or feature.column) in columns:
            columns.setdefault(feature.column, columns[name])
    for name, cells in data.side.items():
        try:
            columns.setdefault(name, cells.astype(np.float64))
        except ValueError:
            columns.setdefault(name, cells)
    return columns


def _spoken(data: Dataset, config: Config) -> tuple[str, ...]:
    """Return the features that have slices of their own; for a window its newest step."""
    if any(f.steps > 1 for f in config.features):
        return tuple(f.name or f.column for f in config.features)
    return data.names


def _configured(one: SliceConfig, columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, Mask]:
    where = f"[[slices]] {one.name}"
    if one.where:
        return {one.name: np.array(evaluate(one.where, columns, where))}
    if one.column not in columns:
        raise InputError(f"{where}: there is no column {one.column!r}; name a feature or a column of the data")
    column = columns[one.column]
    if not one.bins:
        values = np.unique(column)
        if len(values) > 50:
            raise InputError(f"{where}: {one.column!r} has {len(values)} values; give bins")
        return {
            f"{one.name} = {value if value.dtype.kind == 'U' else f'{value:g}'}": column == value for value in values
        }
    if column.dtype.kind == "U":
        raise InputError(f"{where}: {one.column!r} holds text, which has no bins; leave bins out")
    edges = (-np.inf, *one.bins, np.inf)
    return {f"{one.name} {low:g} to {high:g}": (column >= low) & (column < high) for low, high in pairwise(edges)}


def _target(judged: Judged, task: str) -> dict[str, Mask]:
    truth = judged.floats if judged.data.labels is None else judged.data.labels
    if task == "classification":
        classes = truth.argmax(axis=1)
        return {f"class {c}": classes == c for c in range(truth.shape[1])}
    return _parts("target", truth[:, 0].astype(np.float64), 10, "tenth") if truth.shape[1] == 1 else {}


def _parts(name: str, column: npt.NDArray[np.float64], count: int, word: str) -> dict[str, Mask]:
    edges = np.unique(np.quantile(column, np.linspace(0, 1, count + 1)))
    if len(edges) < 2:
        return {}
    place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
    return {f"{name}, {word} {i + 1} ({edges[i]:.4g} to {edges[i + 1]:.4g})": place == i for i in range(len(edges) - 1)}


def _losses(judged: Judged, task: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the loss of each row before and after: squared error, or 1 where the class is wrong."""
    labels = judged.data.labels
    if task == "classification":
        truth = (judged.floats if labels is None else labels).argmax(axis=1)
        before, after = ((v.argmax(axis=1) != truth).astype(np.float64) for v in (judged.floats, judged.outputs))
        return before, after
    truth = labels if labels is not None else judged.floats
    before, after = (((v.astype(np.float64) - truth) ** 2).mean(axis=1) for v in (judged.floats, judged.outputs))
    if labels is None:  # as in metrics.py: the float model's error is taken to be a tenth of its answers' spread
        noise = float((0.1 * judged.floats.std()) ** 2)
        before, after = before + noise, after + noise
    return before, after


def _metric(loss: float, task: str) -> float:
    return 1 - loss if task == "classification" else float(np.sqrt(loss))


def _drop(before: Any, after: Any, task: str) -> Any:
    small = np.maximum(before, 1e-12)
    return (before - after) / small if task == "classification" else after / small - 1


def _bounds(
    before: npt.NDArray[np.float64],
    after: npt.NDArray[np.float64],
    masks: npt.NDArray[np.float64],
    task: str,
    seed: int,
) -> list[tuple[float, float]]:
    """Return the simultaneous bounds of each slice's drop."""
    random = np.random.default_rng(seed)
    each = max(1, _DRAWN_AT_ONCE // len(before))

    def drops(weights: npt.NDArray[np.float64]) -> Any:
        rows = np.maximum(weights @ masks.T, 1e-12)
        means = [(weights @ (masks * losses).T) / rows for losses in (before, after)]
        values = [1 - m if task == "classification" else np.sqrt(m) for m in means]
        return _drop(values[0], values[1], task)

    def drawn_drops(count: int) -> Any:
        return drops(random.multinomial(len(before), np.full(len(before), 1 / len(before)), count).astype(np.float64))

    found = drops(np.ones((1, len(before))))[0]
    drawn = np.concatenate([drawn_drops(min(each, _DRAWS - start)) for start in range(0, _DRAWS, each)])
    error = np.maximum(drawn.std(axis=0), 1e-12)
    reach = float(np.quantile(np.abs((drawn - found) / error).max(axis=1), _CONFIDENCE))
    return [(float(d - reach * e), float(d + reach * e)) for d, e in zip(found, error, strict=True)]


def _state(low: float | None, high: float | None, budget: float) -> str:
    if low is None or high is None:
        return FEW
    return WORSE if low > budget else HOLDS if high <= budget else UNKNOWN
