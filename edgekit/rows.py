"""Stage: the rows that calibrate and the rows that judge, kept apart, and what is wrong with them in words."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgekit.config import Config
from edgekit.data import Dataset, load_data, split, take
from edgekit.errors import InputError
from edgekit.features import features_of
from edgekit.manifest import Signature
from edgekit.quantize import Rows

#: Of the rows in time's order, the part that is held out.
HELD_OUT = 0.25


class Takes(Protocol):
    """What rows are read for: a model, or what a bundle says of one."""

    @property
    def inputs(self) -> tuple[Signature, ...]:
        """The model's inputs."""
        ...

    @property
    def output_elements(self) -> int:
        """How many numbers it gives."""
        ...


def judged_rows(data: Path, evaluation: Path | None, config: Config, model: Takes) -> tuple[Rows, tuple[str, ...]]:
    """Return the rows, and warnings: leaks, duplicates, files that were thinned.

    Held out are the rows of `evaluation` (or of `data.evaluation`), else the latest where `data.time` names a column,
    else a random quarter. A calibration row that stands among the evaluation rows is not used.
    """
    outputs = model.output_elements
    loaded = load_data(data, config, model.inputs, outputs)
    held = evaluation or (Path(config.data.evaluation) if config.data.evaluation else None)
    if held is not None:
        calibration, judge = loaded, load_data(held, config, model.inputs, outputs)
    elif config.data.time:
        calibration, judge = split_by_time(loaded, config.data.time)
    else:
        calibration, judge = split(loaded, config.data.seed)
    calibration, warnings = without_leaks(calibration, judge)
    if held is not None and config.data.time and calibration.side and judge.side:
        last, first = times(calibration, config.data.time).max(), times(judge, config.data.time).min()
        if last > first:
            warnings += (
                "calibration rows are later than the first evaluation rows; give evaluation rows of later times",
            )
    return Rows(calibration, judge, features_of(calibration, config, model.inputs)), warnings


def split_by_time(data: Dataset, column: str) -> tuple[Dataset, Dataset]:
    """Return (calibration, evaluation): the latest quarter is held out, equal times stay together."""
    when = times(data, column)
    order = np.argsort(when, kind="stable")
    border = when[order[min(len(order) - 1, max(1, round(len(order) * (1 - HELD_OUT))))]]
    early, late = np.flatnonzero(when < border), np.flatnonzero(when >= border)
    if not len(early):
        raise InputError(f"{data.path}: the column {column!r} has one time only; take data.time out of edgekit.toml")
    return take(data, early), take(data, late)


def times(data: Dataset, column: str) -> npt.NDArray[np.float64]:
    """Return a column as numbers that grow with time: numbers as they are, dates as seconds."""
    if column in data.names:
        return data.inputs[:, data.names.index(column)].astype(np.float64)
    if column not in data.side:
        raise InputError(f"{data.path}: there is no column {column!r} for data.time; name a column of the file")
    cells = data.side[column]
    try:
        return cells.astype(np.float64)
    except ValueError:
        pass
    try:
        return np.array([datetime.fromisoformat(c.replace("Z", "+00:00")).timestamp() for c in cells.tolist()])
    except ValueError as error:
        raise InputError(f"{data.path}: {column!r} holds neither numbers nor ISO dates: {error}; correct it") from None


def without_leaks(calibration: Dataset, evaluation: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """Take the calibration rows out that are evaluation rows too, and say how many there were, and duplicates."""
    held, ours = _keys(evaluation), _keys(calibration)
    leaked = np.isin(ours, held)
    warnings = []
    if leaked.all():
        text = "every calibration row is an evaluation row too, so what is measured is not held out; give other rows"
        return calibration, (text,)
    if leaked.any():
        warnings.append(f"{int(leaked.sum())} calibration rows are evaluation rows too; they were left out")
        calibration = take(calibration, np.flatnonzero(~leaked))
    for name, keys in (("calibration", ours[~leaked]), ("evaluation", held)):
        twice = len(keys) - len(np.unique(keys))
        if twice:
            warnings.append(f"{twice} of {len(keys)} {name} rows are duplicates of others")
    return calibration, tuple(warnings)


def _keys(data: Dataset) -> npt.NDArray[np.uint64]:
    """Return a number for each row, the same for equal rows."""
    rows = np.ascontiguousarray(data.inputs + np.float32(0))  # -0.0 is 0.0
    digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(digests), np.uint64)
