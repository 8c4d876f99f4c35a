"""The tables `[targets.NAME]` of edgekit.toml: options of each target."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgekit.errors import InputError

TFJS_WEIGHTS = ("float32", "uint8")
PYODIDE_WEIGHTS = ("inside", "shards")
ORT_MODELS = ("auto", "quantized", "float32")
ORT_BACKENDS = ("wasm", "webgpu")
SHARD_BYTES = (1024, 2_000_000_000)


@dataclass(frozen=True)
class TfjsConfig:
    """`[targets.tfjs]`."""

    weights: str = "float32"
    shard_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True)
class WasmConfig:
    """`[targets.wasm]`."""

    shard_bytes: int = 256 * 1024


@dataclass(frozen=True)
class PyodideConfig:
    """`[targets.pyodide]`."""

    weights: str = "inside"  # in the wheel, or beside it in files that are fetched when they are needed
    shard_bytes: int = 256 * 1024


@dataclass(frozen=True)
class OrtConfig:
    """`[targets.ort]`."""

    model: str = "auto"  # quantized, float32, or whichever is the better one where it was measured
    backend: str = "wasm"  # or webgpu: a runtime that is larger, and float32 only
    measure: bool = True  # time both models in Chromium; without it the smaller one is taken
    shard_bytes: int = 1024 * 1024
    dist: str = ""  # a folder with a build of onnxruntime-web of your own, relative to edgekit.toml


@dataclass(frozen=True)
class TargetsConfig:
    """`[targets]`: options of each target."""

    tfjs: TfjsConfig = field(default_factory=TfjsConfig)
    wasm: WasmConfig = field(default_factory=WasmConfig)
    pyodide: PyodideConfig = field(default_factory=PyodideConfig)
    ort: OrtConfig = field(default_factory=OrtConfig)


def check_targets(config: TargetsConfig, where: str) -> None:
    """Check every value; `where` starts the message of the InputError."""
    one_of(config.tfjs.weights, TFJS_WEIGHTS, f"{where}: tfjs: weights")
    one_of(config.pyodide.weights, PYODIDE_WEIGHTS, f"{where}: pyodide: weights")
    one_of(config.ort.model, ORT_MODELS, f"{where}: ort: model")
    one_of(config.ort.backend, ORT_BACKENDS, f"{where}: ort: backend")
    for name, target in vars(config).items():
        between(target.shard_bytes, SHARD_BYTES, f"{where}: {name}: shard_bytes")


def one_of(value: str, known: tuple[str, ...], where: str) -> None:
    """Refuse a value that is not one of the known ones."""
    if value not in known:
        raise InputError(f"{where} is {value!r}; choose one of {', '.join(known)}")


def between(value: int, limits: tuple[int, int], where: str) -> None:
    """Refuse a number that is not between the limits, both included."""
    if not limits[0] <= value <= limits[1]:
        raise InputError(f"{where} is {value}; use a number from {limits[0]} to {limits[1]}")
