"""A model that edgekit exported: predict() takes one row, predict_many() several; both give the int8 model's answers.

What the model reads and gives: FEATURES and RESULTS, and help(predict).
"""

from __future__ import annotations

import importlib
import inspect
import json
import keyword
import math
import os
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .engine import Engine, ModelError, choose_build
from .features import Features, InputError
from .files import fetch, fetch_now, read, read_checked
from .transforms import inverse

__all__ = ["FEATURES", "MODEL_NAME", "MODEL_VERSION", "RESULTS", "InputError", "ModelError"]
__all__ += ["check", "describe", "load", "load_now", "predict", "predict_array", "predict_many"]

_DATA: Mapping[str, Any] = json.loads(read("model.json"))
__version__: str = _DATA["wheel_version"]
MODEL_NAME: str = _DATA["name"]
MODEL_VERSION: str = _DATA["version"]
FEATURES: Sequence[Mapping[str, Any]] = _DATA["features"]
RESULTS: Sequence[Mapping[str, str]] = _DATA["results"]

_FEATURES = Features(_DATA["inputs"], FEATURES)
_INPUTS, _OUTPUTS = ([math.prod(port["shape"]) for port in _DATA[side]] for side in ("inputs", "outputs"))
_LOCK = threading.Lock()  # one engine, one row at a time
_engine: Engine | None = None
_build = ""


def predict(row: Any = None, /, *, out_of_range: str = "reject", **features: Any) -> dict[str, Any]:
    """Predict one row: by feature name, as a dict, or flat in the model's order (a list, an array, NumPy).

    A number outside its feature's range is refused (InputError, which names the field); out_of_range="clamp" takes
    the nearest end, "allow" the number as it is. Returns the results by name, in their units.
    """
    return _named(_run(_FEATURES.encode(_one(row, features), out_of_range)))


def predict_many(rows: Any, /, *, out_of_range: str = "reject") -> Any:
    """Predict several rows: dicts, flat rows, one flat array of all of them, or a NumPy array.

    Returns a list of the results of each row, in the order of RESULTS and in their units; float32 [rows, results] where
    NumPy was given.
    """
    answers = []
    for number, row in enumerate(_rows(rows)):
        try:
            answers.append(_in_units(_run(_FEATURES.encode(row, out_of_range))))
        except InputError as error:
            raise InputError(f"row {number}: {error}", error.field) from None
    if not _is_numpy(rows):
        return answers
    return _table(answers).reshape(len(answers), sum(_OUTPUTS))


def predict_array(row: Any, /) -> Any:
    """Predict one flat row as it is: that each number is finite is checked, and no range.

    Returns the model's own answers in the order of RESULTS, no `transform` undone: a list, or float32 [results] where
    NumPy was given.
    """
    answer = _numbers(_run(_FEATURES.copy(row)))
    return _table(answer) if _is_numpy(row) else answer


def check(
    row: Mapping[str, Any] | None = None, /, *, out_of_range: str = "reject", **features: Any
) -> list[InputError]:
    """Return what is wrong with a row by name, an InputError for each field; empty where it can be predicted."""
    return _FEATURES.problems(_one(row, features), out_of_range)


async def load(url: str | os.PathLike[str] = "") -> None:
    """Make the model ready. Where its weights are not in the wheel, `url` is the folder or address of the shards."""
    if _engine is None:
        _start(await fetch(_folder(url), _DATA["shards"]) if _DATA["shards"] else None)


def load_now(url: str | os.PathLike[str] = "") -> None:
    """Do the same without `await`: outside Pyodide, or there in a worker."""
    if _engine is None:
        _start(fetch_now(_folder(url), _DATA["shards"]) if _DATA["shards"] else None)


def describe() -> str:
    """Return the model, its version, and what runs it: the engine's build and the host."""
    engine = _ready()
    return f"{MODEL_NAME} {MODEL_VERSION}: engine {_build} in {engine.name}"


def _is_numpy(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy"


def _table(answers: Sequence[Any]) -> Any:
    numpy = importlib.import_module("numpy")  # it is there: the caller has an array of it
    return numpy.array(answers, "<f4")


def _one(row: Any, features: Mapping[str, Any]) -> Any:
    if row is None:
        return features
    if features:
        raise InputError("give the features either as one row or by name, not both")
    return row


def _rows(rows: Any) -> Iterator[Any]:
    if isinstance(rows, Mapping) or not hasattr(rows, "__iter__"):
        raise InputError("predict_many takes a list of rows; use predict for one")
    if getattr(rows, "ndim", 0) != 1 and not hasattr(rows, "typecode"):  # not one flat buffer
        yield from rows.tolist() if isinstance(rows, memoryview) else rows
        return
    count = _FEATURES.count
    if len(rows) % count:
        raise InputError(
            f"a flat array must hold {count} numbers for each row; {len(rows)} are no whole number of rows"
        )
    yield from (rows[start : start + count] for start in range(0, len(rows), count))


def _run(row: bytes) -> bytes:
    engine = _ready()
    with _LOCK:
        return engine.run(row)


def _ready() -> Engine:
    if _engine is None:
        if _DATA["shards"]:
            raise ModelError(f'the weights are not here yet; first: await {__name__}.load("the address of the shards")')
        load_now()
    assert _engine is not None
    return _engine


def _start(weights: bytes | None) -> None:
    global _engine, _build  # noqa: PLW0603 (the module is the model)
    found = {entry["build"]: entry for entry in _DATA["files"] if entry["role"] == "engine"}
    parts = {entry["role"]: read_checked(entry) for entry in _DATA["files"] if entry["role"] != "engine"}
    _build = choose_build(list(found))
    _engine = Engine(
        read_checked(found[_build]),
        parts["plan"],
        parts.get("weights", b"") if weights is None else weights,
        (_INPUTS, _OUTPUTS),
    )


def _folder(url: str | os.PathLike[str]) -> str:
    folder = os.fspath(url)
    if not folder:
        raise ModelError(f'the weights are not in this wheel; use: await {__name__}.load("the address of the shards")')
    return folder


def _numbers(answer: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(answer) // 4}f", answer))


def _in_units(answer: bytes) -> list[float]:
    """Return the numbers in the units of RESULTS."""
    numbers = _numbers(answer)
    if not RESULTS:
        return numbers
    return [inverse(result.get("transform"), value) for result, value in zip(RESULTS, numbers, strict=True)]


def _named(answer: bytes) -> dict[str, Any]:
    """Return the results by name; a model with too many to name gives a list for each of its outputs."""
    numbers = _in_units(answer)
    if RESULTS:
        return {result["name"]: value for result, value in zip(RESULTS, numbers, strict=True)}
    named, start = {}, 0
    for port, size in zip(_DATA["outputs"], _OUTPUTS, strict=True):
        named[port["name"]] = numbers[start : start + size]
        start += size
    return named


def _document() -> None:
    """Put the features, ranges and units where help() and editors show them."""
    lines = [f"    {field.name}: {field.expected()}" for field in _FEATURES.fields]
    gives = [f"    {r['name']}" + (f": in {r['unit']}" if r["unit"] else "") for r in RESULTS]
    more = [("Features:", lines), ("Results:", gives)]
    text = "".join(f"\n{head}\n" + "\n".join(part) + "\n" for head, part in more if part)
    kind = inspect.Parameter
    signature = inspect.signature(predict)
    own = [p for p in signature.parameters.values() if p.kind is not kind.VAR_KEYWORD]
    for name in (field.name for field in _FEATURES.fields):
        if name.isidentifier() and not keyword.iskeyword(name) and name not in signature.parameters:
            own.append(kind(name, kind.KEYWORD_ONLY, default=...))
    predict.__doc__ = inspect.cleandoc(predict.__doc__ or "") + "\n" + text
    predict.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]


_document()
