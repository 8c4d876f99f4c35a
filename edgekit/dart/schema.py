"""What a manifest becomes in Dart: the names and types of a model's classes, before any text is written."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgekit.assets import asset
from edgekit.dart.names import CORE_TYPES, MAX_LENGTH, file_name, member_name, members, type_name, unique
from edgekit.errors import InputError
from edgekit.manifest import Feature, Manifest, Signature, places_of

#: What the generated classes have beside a member for each feature or result.
INPUT_MEMBERS = ("values", "copyWith", "typical")
OUTPUT_MEMBERS = ("values", "of")
ENUM_MEMBERS = ("values", "index", "name", "label", "code")
_DECLARED = re.compile(
    r"^(?:(?:abstract|sealed|final|interface|base|mixin) )*(?:class|enum|typedef|extension(?: type)?) (\w+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Field:
    """A feature as a member of the input class."""

    feature: Feature
    member: str
    type: str  # double, int, the name of its enum, or List<double> and List<int> for a series
    #: For an enum: a member for each label, and the code of the first one.
    labels: tuple[str, ...] = ()
    first_code: int = 0
    place: int = 0

    @property
    def is_enum(self) -> bool:
        return bool(self.labels)

    @property
    def steps(self) -> int:
        return self.feature.steps or 1


@dataclass(frozen=True)
class Schema:
    """The names of a model's package and classes."""

    manifest: Manifest
    package: str
    prefix: str
    fields: tuple[Field, ...]  # in the order of the flat input; empty where its numbers have no names
    results: tuple[str, ...]  # members of the output class; empty likewise

    @property
    def model(self) -> str:
        return f"{self.prefix}Model"

    @property
    def input(self) -> str:
        return f"{self.prefix}Input"

    @property
    def output(self) -> str:
        return f"{self.prefix}Output"


def schema_of(manifest: Manifest) -> Schema:
    """Choose every name."""
    stem = re.sub(r"_model\Z", "", file_name(manifest.name, "edge")) or "edge"
    taken = client_types() | CORE_TYPES
    prefix = type_name(re.sub(r"(?i)[_.\-\s]*model\Z", "", manifest.name), "Edge")[:24]
    while {f"{prefix}{end}" for end in ("Model", "Input", "Output")} & taken:
        prefix += "X"
    return Schema(manifest, f"{stem}_model", prefix, _fields(manifest, prefix, taken), _results(manifest))


def elements(signature: Signature) -> int:
    """Return how many numbers a tensor has."""
    return math.prod(signature.shape)


@cache
def client_types() -> frozenset[str]:
    """Return the names of all types of the package edgekit_client, which every generated file sees."""
    root = asset("templates/flutter/packages/edgekit_client/lib")
    return frozenset(
        name for file in sorted(Path(root).rglob("*.dart")) for name in _DECLARED.findall(file.read_text())
    )


def _fields(manifest: Manifest, prefix: str, taken: frozenset[str]) -> tuple[Field, ...]:
    total = sum(map(elements, manifest.inputs))
    if not manifest.features:
        return ()
    places = places_of(manifest)
    if sorted(place for steps in places for place in steps) != list(range(total)):
        raise InputError("manifest.json has features for other places than its inputs have; export the bundle again")
    by_place = {steps[0]: feature for steps, feature in zip(places, manifest.features, strict=True)}
    ordered = [by_place[place] for place in sorted(by_place)]
    types = set(taken) | {f"{prefix}{end}" for end in ("Model", "Input", "Output")}
    names = members((f.name for f in ordered), "feature", INPUT_MEMBERS)
    fields = []
    for place, (feature, member) in enumerate(zip(ordered, names, strict=True)):
        if feature.kind == "category" and feature.categories:
            spelled = f"{prefix}{type_name(feature.name, f'Feature{place + 1}')}"
            enum = unique(spelled[:MAX_LENGTH], types)
            types.add(enum)
            labels = tuple(members(feature.categories, "label", ENUM_MEMBERS))
            fields.append(Field(feature, member, enum, labels, first_code(feature), place))
        else:
            number = "double" if feature.kind == "number" else "int"
            fields.append(Field(feature, member, f"List<{number}>" if feature.steps else number, place=place))
    return tuple(fields)


def _results(manifest: Manifest) -> tuple[str, ...]:
    # Each result has a second member, its unit: neither may meet the other.
    taken, found = {*OUTPUT_MEMBERS}, []
    for number, result in enumerate(manifest.results, 1):
        name = unique(member_name(result.name, f"result{number}"), taken)
        while name in taken or f"{name}Unit" in taken:
            name += "X"
        found.append(name)
        taken |= {name, f"{name}Unit"}
    return tuple(found)


def first_code(feature: Feature) -> int:
    """Return the code of a category's first label: 0, or the range's low end where the labels just fill the range."""
    low, high = feature.range
    return int(low) if len(feature.categories) == high - low + 1 else 0


def typical(field: Field) -> float:
    """Return a value to start a form with: the mean, in a few digits, whole where it must be, inside the range."""
    feature = field.feature
    if field.is_enum:
        at = round(feature.mean) - field.first_code
        return float(field.first_code + min(max(at, 0), len(field.labels) - 1))
    low, high = feature.range
    if feature.kind != "number":
        return float(min(max(round(feature.mean), math.ceil(low)), math.floor(high)))
    return min(max(float(f"{feature.mean:.4g}"), low), high)
