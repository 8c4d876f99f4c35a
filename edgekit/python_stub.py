"""The types of a model's Python package: __init__.pyi, with its features by name, their ranges and units."""

from __future__ import annotations

import json
import keyword
from collections.abc import Sequence

from edgekit.manifest import Feature, Output

_HEAD = '''\
"""{doc}"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypedDict, overload

__version__: Final[str]
MODEL_NAME: Final[str]
MODEL_VERSION: Final[str]
FEATURES: Final[Sequence[Mapping[str, Any]]]
RESULTS: Final[Sequence[Mapping[str, str]]]

class InputError(ValueError):
    """A wrong input; `field` is the feature, or the key that is no feature, and empty where it is neither."""

    field: str

class ModelError(RuntimeError):
    """The model cannot be loaded or run here."""

class _Array(Protocol):
    """array.array, memoryview, NumPy."""

    def tolist(self) -> Any: ...

_Flat = Sequence[float | str] | _Array
_OutOfRange = Literal["reject", "clamp", "allow"]
'''
_TAIL = '''
@overload
def predict_many(rows: Sequence[{row}], /, *, out_of_range: _OutOfRange = "reject") -> list[list[float]]: ...
@overload
def predict_many(rows: _Array, /, *, out_of_range: _OutOfRange = "reject") -> Any:
    """Predict several rows; float32 [rows, results] where NumPy was given, else a list for each row."""

@overload
def predict_array(row: Sequence[float], /) -> list[float]: ...
@overload
def predict_array(row: _Array, /) -> Any:
    """Predict one flat row as it is: that each number is finite is checked, and no range."""

async def load(url: str | os.PathLike[str] = "") -> None:
    """Make the model ready; `url` is the folder or address of the shards where the weights are not in the wheel."""

def load_now(url: str | os.PathLike[str] = "") -> None:
    """Do the same without `await`: outside Pyodide, or there in a worker."""

def describe() -> str:
    """Return the model, its version, and what runs it."""
'''
_PREDICT = 'def predict(row: {row}, /, *, out_of_range: _OutOfRange = "reject") -> {result}'


def stub(name: str, features: Sequence[Feature], results: Sequence[Output]) -> str:
    """Return the text of __init__.pyi; features without a name that Python can write are given in a dict only."""
    result = "Result" if results else "dict[str, list[float]]"
    row = "Row | _Flat" if features else "_Flat"
    parts = [_HEAD.format(doc=_quoted(f"The model {name}, as edgekit exported it."))]
    if features:
        parts.append(_typed_dict("Row", {f.name: _type(f) for f in features}))
    if results:
        parts.append(_typed_dict("Result", {r.name: "float" for r in results}))
    by_name = features and all(_is_parameter(f.name) for f in features)
    doc = _doc(features, results)
    if by_name:
        given = "".join(f"    {f.name}: {_type(f)},\n" for f in features)
        parts.append(f"@overload\n{_PREDICT.format(row=row, result=result)}: ...\n")
        parts.append(
            f'@overload\ndef predict(\n    *,\n{given}    out_of_range: _OutOfRange = "reject",\n) -> {result}:\n{doc}'
        )
    else:
        parts.append(f"{_PREDICT.format(row=row, result=result)}:\n{doc}")
    parts.append(
        "def check(\n    row: Mapping[str, Any] | None = None,\n    /,\n    *,\n"
        '    out_of_range: _OutOfRange = "reject",\n    **features: Any,\n) -> list[InputError]:\n'
        '    """Return what is wrong with a row by name; an empty list means that it can be predicted."""\n'
    )
    return "\n".join(parts) + _TAIL.format(row=row)


def _typed_dict(name: str, types: dict[str, str]) -> str:
    lines = "".join(f"        {json.dumps(key)}: {kind},\n" for key, kind in types.items())
    return f'{name} = TypedDict(\n    "{name}",\n    {{\n{lines}    }},\n)\n'


def _type(feature: Feature) -> str:
    if feature.steps:
        return "Sequence[float] | _Array"
    if feature.kind == "category" and feature.categories:
        return f"Literal[{', '.join(map(json.dumps, feature.categories))}] | float"
    return "float"


def _is_parameter(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name not in ("out_of_range", "row")


def _doc(features: Sequence[Feature], results: Sequence[Output]) -> str:
    lines = ["Predict one row."]
    if features:
        lines += ["", "Features:", *(f"    {f.name}: {_span(f)}" for f in features)]
    if results:
        lines += ["", "Results:", *(f"    {r.name}" + (f": in {r.unit}" if r.unit else "") for r in results)]
    text = "\n".join(f"    {_quoted(line)}".rstrip() for line in lines).lstrip()
    return f'    """{text}\n    """\n'


def _span(feature: Feature) -> str:
    if feature.kind == "category" and feature.categories:
        return f"one of {', '.join(feature.categories)}"
    low, high = (f"{end:.7g}" for end in feature.range)
    kind = "a whole number" if feature.kind == "integer" else "a number"
    if feature.steps:
        kind = f"{feature.steps} numbers, the newest last, each"
    return f"{kind} from {low} to {high} {feature.unit}".rstrip()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
