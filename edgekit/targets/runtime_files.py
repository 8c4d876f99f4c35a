"""The browser runtime that a bundle carries, so that a page needs nothing but the bundle."""

from __future__ import annotations

from edgekit.assets import asset
from edgekit.targets.protocol import File


def runtime_files() -> tuple[File, ...]:
    """Return the ES modules of wasm/js, the same for every model and target."""
    modules = sorted(asset("wasm/js").glob("*.js"))
    return tuple(File(f"runtime/{m.name}", m.read_bytes(), "runtime") for m in modules)
