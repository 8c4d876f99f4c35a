"""manifest.json: the frozen description of a bundle that every target, client and host reads."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgekit.errors import InputError
from edgekit.plain import plain as to_plain
from edgekit.plain import read
from edgekit.transforms import TRANSFORMS, own_unit

#: The lowest one that says everything: 2 where a feature has steps or a result a transform, else 1.
SCHEMA_VERSIONS = (1, 2)
#: A path inside a bundle: relative, forward slashes, plain names, nothing hidden, at most 200 characters.
PATH = re.compile(r"(?=.{1,200}\Z)[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
MAX_FILE_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Signature:
    """An input or output tensor; the leading dimension is the batch and always 1."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Feature:
    """One number of an input, in the user's own units; `index` is its place in the flattened input.

    With `steps` it is a series, the newest step last: step s, from 0, is at index + s * features of this input.
    """

    name: str
    unit: str
    kind: str
    input: str
    index: int
    range: tuple[float, float]
    mean: float
    std: float
    categories: tuple[str, ...] = ()
    steps: int | None = None


@dataclass(frozen=True)
class Output:
    """One number of the model's output. `unit` is the user's; with a transform the model answers in own_unit."""

    name: str
    unit: str
    transform: str | None = None  # see transforms.py; clients undo it

    @property
    def own_unit(self) -> str:
        """The unit of the model's own answer, of its errors and bounds: "log10 USD" where users read USD."""
        return own_unit(self.transform, self.unit)


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle. Roles: model, plan, engine, shard, weights, runtime, wheel, lock, golden, card."""

    path: str
    bytes: int
    sha256: str
    role: str
    #: For a wasm shard: the step of the plan that needs it first. For an engine: the build it is.
    first_step: int | None = None
    build: str | None = None


@dataclass(frozen=True)
class TargetEntry:
    """A target: its files, and how its answer is held to the reference.

    parity "exact": equal to the int8 TFLite model bit for bit; "near": within `bound` of it;
    "bound": within `bound` of the float
    model. Bounds are absolute, in the output's own units.
    """

    files: tuple[FileEntry, ...]
    parity: str
    bound: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The whole of manifest.json; `id` is the hash of everything else in it, and so of every file."""

    name: str
    version: str
    task: str
    inputs: tuple[Signature, ...]
    outputs: tuple[Signature, ...]
    features: tuple[Feature, ...]
    results: tuple[Output, ...]
    targets: Mapping[str, TargetEntry]
    golden: FileEntry
    quantization: Mapping[str, Any]
    provenance: Mapping[str, Any]
    feature_hash: str = ""
    card: FileEntry | None = None  # the model card
    id: str = ""
    schema_version: int = SCHEMA_VERSIONS[0]

    def files(self) -> list[FileEntry]:
        """Return every file that the bundle holds beside manifest.json, each path once."""
        entries = {f.path: f for t in self.targets.values() for f in t.files}
        for more in (self.golden, self.card):
            if more is not None:
                entries[more.path] = more
        return [entries[path] for path in sorted(entries)]


def feature_hash(features: tuple[Feature, ...]) -> str:
    """Hash the names and places of the features, so that a client notices when their order moved."""
    order = [[f.name, f.input, f.index, *([f.steps] if f.steps else [])] for f in features]
    return hashlib.sha256(json.dumps(order, ensure_ascii=True).encode()).hexdigest()


def places_of(manifest: Manifest) -> list[tuple[int, ...]]:
    """Return where the numbers of each feature are in the flat input; one number, or one for each of its steps."""
    starts, start = {}, 0
    for signature in manifest.inputs:
        starts[signature.name] = start
        start += math.prod(signature.shape)
    apart = Counter(f.input for f in manifest.features)
    first = [starts[f.input] + f.index for f in manifest.features]
    return [
        tuple(at + step * apart[f.input] for step in range(f.steps or 1))
        for at, f in zip(first, manifest.features, strict=True)
    ]


def seal(manifest: Manifest) -> Manifest:
    """Return the manifest with its hashes and its schema_version filled in."""
    is_newer = any(f.steps for f in manifest.features) or any(r.transform for r in manifest.results)
    version = SCHEMA_VERSIONS[1 if is_newer else 0]
    hashed = feature_hash(manifest.features)
    manifest = replace(manifest, feature_hash=hashed, id="", schema_version=version)
    return replace(manifest, id=hashlib.sha256(_canonical(to_json(manifest))).hexdigest())


def to_json(manifest: Manifest) -> dict[str, Any]:
    """Return plain JSON values, schema_version first, absent options left out."""
    plain = to_plain(manifest)
    order = ["schema_version", "id", "name", "version", "task"]
    return {key: plain[key] for key in order} | {k: v for k, v in plain.items() if k not in order}


def encode(manifest: Manifest) -> bytes:
    """Return the bytes of manifest.json."""
    return (json.dumps(to_json(manifest), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def decode(raw: bytes) -> Manifest:
    """Check and read manifest.json; what is wrong is an InputError that names the field."""
    try:
        plain = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"manifest.json is not JSON: {error}; export the bundle again") from None
    if not isinstance(plain, dict):
        raise InputError("manifest.json is not a JSON object; export the bundle again")
    version = plain.get("schema_version")
    if version not in SCHEMA_VERSIONS or isinstance(version, bool):
        raise InputError(
            f"manifest.json has schema_version {version!r}, this edgekit reads "
            f"{' and '.join(map(str, SCHEMA_VERSIONS))}; "
            "export the bundle again with this version"
        )
    manifest = from_json(plain)
    _check(manifest)
    return manifest


def from_json(plain: Mapping[str, Any]) -> Manifest:
    """Rebuild the frozen values from plain JSON; an unknown, missing or mistyped field is an InputError."""
    return read(Manifest, plain, "manifest.json")


def _check(manifest: Manifest) -> None:
    seen: dict[str, FileEntry] = {}
    card = [manifest.card] if manifest.card else []
    for entry in [manifest.golden, *card, *(f for t in manifest.targets.values() for f in t.files)]:
        if not PATH.match(entry.path) or ".." in entry.path.split("/"):
            raise InputError(f"manifest.json names the unsafe path {entry.path!r}; refusing the bundle")
        if not SHA256.match(entry.sha256):
            raise InputError(f"manifest.json has a malformed sha256 for {entry.path}; refusing the bundle")
        if not 0 <= entry.bytes <= MAX_FILE_BYTES:
            raise InputError(f"manifest.json has an impossible size for {entry.path}; refusing the bundle")
        if entry.path == "manifest.json" or seen.setdefault(entry.path, entry) != entry:
            raise InputError(f"manifest.json describes {entry.path} twice; refusing the bundle")
    for result in manifest.results:
        if result.transform not in (None, *TRANSFORMS):
            raise InputError(f"manifest.json has the unknown transform {result.transform!r}; refusing the bundle")
    _check_steps(manifest)
    for name, target in manifest.targets.items():
        bounded = target.bound is not None and math.isfinite(target.bound) and target.bound >= 0
        if target.parity not in ("exact", "near", "bound") or (target.parity != "exact") != bounded:
            raise InputError(f"manifest.json declares no usable parity for target {name}; refusing the bundle")
    if seal(manifest) != manifest:
        raise InputError("manifest.json does not hash to its id; the bundle was changed after export")


def _check_steps(manifest: Manifest) -> None:
    known = {s.name for s in manifest.inputs}
    if not any(f.steps for f in manifest.features):
        return
    if any(f.input not in known or (f.steps or 0) < 0 for f in manifest.features):
        raise InputError("manifest.json puts a feature in a place that no input has; refusing the bundle")
    places = sorted(place for found in places_of(manifest) for place in found)
    if places != list(range(sum(math.prod(s.shape) for s in manifest.inputs))):
        raise InputError("manifest.json has features that do not fill the inputs; refusing the bundle")


def _canonical(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
