"""Stage: what a bundle is, which files each target has, and how much memory its engine takes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from edgekit import plan as plans
from edgekit.engine_memory import EngineMemory, engine_memory
from edgekit.errors import InputError
from edgekit.manifest import Feature, Output, Signature, TargetEntry
from edgekit.store import Bundle, open_bundle


@dataclass(frozen=True)
class TargetSize:
    """A target of a bundle: its files together, as they lie on disk."""

    target: str
    files: int
    bytes: int
    parity: str
    bound: float | None


@dataclass(frozen=True)
class BundleInspection:
    """What `edgekit inspect` tells of a bundle; `memory` is that of the target wasm, None without it."""

    name: str
    version: str
    task: str
    id: str
    inputs: tuple[Signature, ...]
    outputs: tuple[Signature, ...]
    features: tuple[Feature, ...]
    results: tuple[Output, ...]
    targets: tuple[TargetSize, ...]
    memory: EngineMemory | None


def inspect_bundle(path: Path) -> BundleInspection:
    """Check a bundle as every command does, and describe it. Raises InputError where it is not whole."""
    bundle = open_bundle(path)
    manifest = bundle.manifest
    return BundleInspection(
        manifest.name,
        manifest.version,
        manifest.task,
        manifest.id,
        manifest.inputs,
        manifest.outputs,
        manifest.features,
        manifest.results,
        tuple(
            TargetSize(name, len(t.files), sum(f.bytes for f in t.files), t.parity, t.bound)
            for name, t in manifest.targets.items()
        ),
        _memory(bundle, manifest.targets.get("wasm")),
    )


def _memory(bundle: Bundle, target: TargetEntry | None) -> EngineMemory | None:
    files = target.files if target else ()
    engines = [bundle.read(f.path) for f in files if f.role == "engine"]
    plan = next((f for f in files if f.role == "plan"), None)
    if plan is None:
        return None
    try:
        return engine_memory(plans.decode(bundle.read(plan.path)), engines)
    except (ValueError, KeyError, IndexError, struct.error):
        raise InputError(f"{plan.path} or an engine cannot be read; export the bundle again") from None
