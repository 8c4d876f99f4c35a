"""Where the files that are not Python lie: inside the installed wheel, or beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def asset(name: str) -> Path:
    """Return the path of `wasm/...` or `templates/...`."""
    packed = _PACKAGE / "_assets"
    return (packed if packed.is_dir() else _PACKAGE.parent) / name
