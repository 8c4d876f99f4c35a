"""The browser runtime that a bundle carries, so that a page needs nothing but the bundle."""

from __future__ import annotations

from edgekit.assets import asset
from edgekit.targets.protocol import File

#: Modules that only one target loads, on demand.
_ONLY = {"tfjs.js": "tfjs", "worker.js": "wasm"}


def runtime_files(target: str) -> tuple[File, ...]:
    """Return the ES modules that a page needs for a target, built of wasm/js and the same for every model."""
    modules = sorted(m for m in asset("wasm/dist").glob("*.js") if _ONLY.get(m.name, target) == target)
    return tuple(File(f"runtime/{m.name}", m.read_bytes(), "runtime") for m in modules)
