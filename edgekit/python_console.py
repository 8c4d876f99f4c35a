"""The page /python.html of `serve --python`: Pyodide with the bundle's Python package imported."""

from __future__ import annotations

from pathlib import Path

from edgekit import pyodide_runtime
from edgekit.assets import asset
from edgekit.errors import InputError
from edgekit.store import Bundle


def python_console(bundle: Bundle) -> dict[str, Path]:
    """Map the URL paths of the console and of Pyodide to their files, which are not the bundle's.

    Raises InputError for a bundle without the target pyodide, NotAvailable where Pyodide cannot be had.
    """
    if "pyodide" not in bundle.manifest.targets:
        raise InputError(
            f"the bundle {bundle.root} has no Python package; export it with --to {','.join(bundle.manifest.targets)},"
            "pyodide"
        )
    page = asset("templates/console")
    return {f"/{file.name}": file for file in sorted(page.iterdir())} | pyodide_runtime.urls()
