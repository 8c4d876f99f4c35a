"""What a caller gives, checked and turned into the model's numbers; the checks and words of edgekit's other clients."""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from .transforms import single

POLICIES = ("reject", "clamp", "allow")


class InputError(ValueError):
    """A wrong input; `field` is the feature, or the key that is no feature, and empty where it is neither."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Field:
    """One feature: its bounds as float32, the places of its numbers (one, or one a step), and a category's labels."""

    def __init__(self, feature: Mapping[str, Any], places: Sequence[int]) -> None:
        self.name: str = feature["name"]
        self.unit: str = feature["unit"]
        self.places = places
        self.is_series = (feature.get("steps") or 1) > 1
        self.is_whole: bool = feature["kind"] != "number"
        self.range: tuple[float, float] = tuple(feature["range"])
        labels = feature.get("categories", []) if feature["kind"] == "category" else []
        self.labels: list[str] = list(labels)
        # The code of the first label: 0, or the lower end of the range where the labels just fill the range.
        low, high = self.range
        self.first = int(low) if len(labels) == high - low + 1 else 0
        if labels:
            low, high = self.first, self.first + len(labels) - 1
        # The input is a float32: 0.1 as a float32 must not lie outside a range that ends at 0.1.
        self.low = single(math.ceil(low) if self.is_whole else low)
        self.high = single(math.floor(high) if self.is_whole else high)

    def fits(self, value: Any) -> bool:
        """Tell whether a value is a number that needs no second look."""
        return is_number(value) and self.low <= single(value) <= self.high and not (self.is_whole and value % 1)

    def settle(self, value: Any, policy: str, step: int | None = None) -> float:
        """Return the number to use, at a step of a series; raises InputError that says what is wrong with the field."""
        name = quoted([self.name]) + ("" if step is None else f" at step {step + 1}")
        if self.labels:
            return self._category(value)
        if not is_number(value):
            raise InputError(f"{name} must be a number, not {show(value)}", self.name)
        if not math.isfinite(single(value)):
            raise InputError(f"{name} must be a finite number, not {show(value)}", self.name)
        if self.is_whole and value % 1:
            raise InputError(f"{name} must be a whole number, not {show(value)}", self.name)
        if policy == "allow" or self.fits(value):
            return float(value)
        if policy == "clamp":
            return float(min(max(value, self.low), self.high))
        outside = self._with_unit(show(value))
        raise InputError(f"{name} is {outside}, outside the range {self.span()}", self.name)

    def series(self, value: Any, policy: str) -> list[float]:
        """Return the numbers of a series, the newest last; raises InputError that names the first wrong step."""
        numbers = flat(value)
        wanted = f"{len(self.places)} numbers, the newest last"
        if numbers is None or len(numbers) != len(self.places):
            given = show(value) if numbers is None else len(numbers)
            raise InputError(f"{quoted([self.name])} must be {wanted}, not {given}", self.name)
        return [n if self.fits(n) else self.settle(n, policy, step) for step, n in enumerate(numbers)]

    def _category(self, value: Any) -> float:
        if isinstance(value, str) and value in self.labels:
            return float(self.first + self.labels.index(value))
        if self.fits(value):
            return float(value)
        text = f"{quoted([self.name])} must be one of {quoted(self.labels)}, not {show(value)}"
        raise InputError(text, self.name)

    def expected(self) -> str:
        """Say what may be given."""
        if self.is_series:
            return f"{len(self.places)} numbers, the newest last"
        return f"one of {quoted(self.labels)}" if self.labels else f"a number from {self.span()}"

    def span(self) -> str:
        """Return the range and its unit as people read it."""
        low, high = (show(float(f"{end:.7g}")) for end in self.range)
        return self._with_unit(f"{low} to {high}")

    def _with_unit(self, text: str) -> str:
        return f"{text} {self.unit}" if self.unit else text


class Features:
    """Turns a row (a mapping by feature name, or a flat row of numbers) into the model's flat float32 input."""

    def __init__(self, inputs: Sequence[Mapping[str, Any]], features: Sequence[Mapping[str, Any]]) -> None:
        offsets, self.count = {}, 0
        for port in inputs:
            offsets[port["name"]] = self.count
            self.count += math.prod(port["shape"])
        apart = Counter(f["input"] for f in features)  # the numbers of a step lie side by side
        self.fields = []
        for f in features:
            first, stride = offsets[f["input"]] + f["index"], apart[f["input"]]
            self.fields.append(Field(f, [first + step * stride for step in range(f.get("steps") or 1)]))
        self._by_name = {field.name: field for field in self.fields}

    def encode(self, row: Any, policy: str = "reject") -> bytes:
        """Return the row as little-endian float32; raises InputError that names the first wrong field."""
        if policy not in POLICIES:
            raise InputError(f'out_of_range must be "reject", "clamp" or "allow", not {show(policy)}')
        if isinstance(row, Mapping):
            return self._pack(self._named(row, policy))
        numbers = self._flat(row)
        if not self.fields:
            return self.copy(numbers)
        out = list(numbers)
        for field in self.fields:
            for step, place in enumerate(field.places):
                if not field.fits(out[place]):
                    out[place] = field.settle(out[place], policy, step if field.is_series else None)
        return self._pack(out)

    def problems(self, row: Mapping[str, Any], policy: str = "reject") -> list[InputError]:
        """Return every wrong field of a row by name; an empty list means that it can be predicted."""
        self._require_names()
        found = [self._unknown(name) for name in row if name not in self._by_name]
        for field in self.fields:
            try:
                self._values(field, row, policy)
            except InputError as error:
                found.append(error)
        return found

    def _named(self, row: Mapping[str, Any], policy: str) -> list[float]:
        self._require_names()
        for name in row:
            if name not in self._by_name:
                raise self._unknown(name)
        out = [0.0] * self.count
        for field in self.fields:
            for place, number in zip(field.places, self._values(field, row, policy), strict=True):
                out[place] = number
        return out

    def _values(self, field: Field, row: Mapping[str, Any], policy: str) -> list[float]:
        if field.name not in row:
            raise InputError(f"{quoted([field.name])} is missing: give {field.expected()}", field.name)
        value = row[field.name]
        if field.is_series:
            return field.series(value, policy)
        return [value if field.fits(value) else field.settle(value, policy)]

    def _flat(self, row: Any) -> Sequence[Any]:
        numbers = flat(row)
        if numbers is None:
            what = f"a dict by feature name or a list of {self.count} numbers"
            raise InputError(f"the input must be {what}, not {show(row)}")
        if len(numbers) != self.count:
            raise InputError(f"the input must have {self.count} numbers, not {len(numbers)}")
        return numbers

    def copy(self, row: Any) -> bytes:
        """Return a flat row as it is: only its length and that each value is a finite float32 is checked."""
        numbers = self._flat(row)
        try:
            if {type(value) for value in numbers} <= {float, int} and all(map(math.isfinite, numbers)):
                return self._pack(numbers)
        except OverflowError:
            pass  # one of them is too large: say which
        for i, value in enumerate(numbers):
            if not is_number(value) or not math.isfinite(double(value)):
                raise InputError(f"input[{i}] must be a finite number, not {show(value)}")
            if math.isinf(single(value)):
                raise InputError(f"input[{i}] is {show(value)}, too large for a 32-bit float")
        return self._pack(numbers)

    def _pack(self, numbers: Sequence[float]) -> bytes:
        return struct.pack(f"<{self.count}f", *numbers)

    def _require_names(self) -> None:
        if not self.fields:
            raise InputError(f"this model has no named features; give a flat list of {self.count} numbers")

    def _unknown(self, name: Any) -> InputError:
        near = nearest(name, self._by_name) if isinstance(name, str) else None
        hint = f'did you mean "{near}"?' if near else f"its features are {quoted(self._by_name)}"
        return InputError(f"{show(name)} is not a feature of this model; {hint}", name if isinstance(name, str) else "")


def flat(value: Any) -> Sequence[Any] | None:
    """Return a list, an array, a memoryview or NumPy of any shape as a flat list; None where it is none of these."""
    if hasattr(value, "ravel"):  # numpy, of any shape
        value = value.ravel()
    if hasattr(value, "tolist"):  # that, array.array and memoryview
        value = value.tolist()
    return value if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else None


def is_number(value: Any) -> bool:
    """Tell whether a value is a number: Python's or NumPy's, not True or False."""
    return type(value) in (float, int) or (isinstance(value, Real) and not isinstance(value, bool))


def double(value: Any) -> float:
    """Return a number as Python's float, infinite where it is a larger int."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a person most likely meant, or None."""
    best, least = None, max(2, len(name) // 3) + 1
    for candidate in known:
        distance = edits(name.lower(), candidate.lower())
        if distance < least and distance < len(candidate):
            best, least = candidate, distance
    return best


def edits(a: str, b: str) -> int:
    """Return the Levenshtein distance of two words."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        following = [i]
        for j, other in enumerate(b, 1):
            following.append(min(following[-1] + 1, row[j] + 1, row[j - 1] + (letter != other)))
        row = following
    return row[-1]


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes with commas between."""
    return ", ".join(f'"{name}"' for name in names)


def show(value: Any) -> str:
    """Return a value as a message shows it, cut to a line."""
    if isinstance(value, str):
        return json.dumps(f"{value[:40]}..." if len(value) > 40 else value, ensure_ascii=False)
    if is_number(value):
        return text_of(double(value))
    if value is None or isinstance(value, bool):
        return str(value)
    return f"a {type(value).__name__}"


def text_of(value: float) -> str:
    """Return the shortest text of a number as a page shows it: 50, 0.00001, 1e+21."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(value).partition("e")
    power = int(exponent or 0)
    if not -7 < power < 21:
        return f"{mantissa.removesuffix('.0')}e{power:+d}"
    if not power:
        return mantissa.removesuffix(".0")
    sign, digits = "-" * (value < 0), mantissa.lstrip("-").replace(".", "")
    return sign + (digits.ljust(power + 1, "0") if power > 0 else "0." + "0" * (-power - 1) + digits)
