"""The browser runtime that a bundle carries, so that a page needs nothing but the bundle."""

from __future__ import annotations

from edgekit.assets import asset
from edgekit.targets.protocol import File

#: Modules that only one target loads, on demand.
_ONLY = {"tfjs.js": "tfjs", "ort.js": "ort", "worker.js": "wasm", "threads-worker.js": "wasm"}
#: Comes before any bundle, so it lies beside the page (publishing/layout.py).
_BESIDE = {"channel.js"}


def runtime_files(target: str) -> tuple[File, ...]:
    """Return the ES modules that a page needs for a target, built of wasm/js and the same for every model."""
    modules = sorted(
        m for m in asset("wasm/dist").glob("*.js") if m.name not in _BESIDE and _ONLY.get(m.name, target) == target
    )
    return tuple(File(f"runtime/{m.name}", m.read_bytes(), "runtime") for m in modules)
