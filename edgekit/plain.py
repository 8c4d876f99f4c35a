"""Plain values (JSON, TOML) into frozen dataclasses; the inverse of `plain`. Unknown keys are errors."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from edgekit.errors import InputError

T = TypeVar("T")


def read(cls: type[T], plain: Any, where: str) -> T:
    """Build `cls` from a mapping, with the type of every field checked.

    Raises InputError naming the key: unknown, missing, or of the wrong type.
    """
    if not isinstance(plain, Mapping):
        raise InputError(f"{where} must be a table of keys, not {_kind(plain)}")
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    for key in plain:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; known keys are {', '.join(sorted(known))}")
    hints = _hints(cls)  # type: ignore[arg-type]
    values = {}
    for name, spec in known.items():
        if name in plain:
            values[name] = _convert(hints[name], plain[name], f"{where}: {name}")
        elif spec.default is MISSING and spec.default_factory is MISSING:
            if type(None) in get_args(hints[name]):  # `plain` leaves None out
                values[name] = None
                continue
            raise InputError(f"{where}: the key {name!r} is missing")
    return cls(**values)


def plain(value: Any) -> Any:
    """Return the JSON form of frozen values; None is left out of mappings."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in fields(value))
        return {name: plain(v) for name, v in pairs if v is not None}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, Union):  # only `X | None` is used
        inner = next(a for a in args if a is not type(None))
        return None if value is None else _convert(inner, value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return read(hint, value, where)
    if origin is tuple:
        return _convert_tuple(args, value, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise InputError(f"{where} must be a table of keys, not {_kind(value)}")
        return {str(k): _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    return _convert_scalar(hint, value, where)


def _convert_tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{where} must be a list, not {_kind(value)}")
    if args[-1] is Ellipsis:
        return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(value) != len(args):
        raise InputError(f"{where} must have {len(args)} values, not {len(value)}")
    return tuple(_convert(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(args, value, strict=True)))


def _convert_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    raise InputError(f"{where} must be {names.get(hint, hint)}, not {_kind(value)}")


def _kind(value: Any) -> str:
    names = {bool: "true or false", str: "text", int: "a whole number", float: "a number", dict: "a table"}
    return names.get(type(value), "a list" if isinstance(value, (list, tuple)) else type(value).__name__)
