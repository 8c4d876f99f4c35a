"""The reference of the Python API, docs/api.md, from the docstrings of what is meant to be used."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Mapping
from typing import Any

#: Heading -> module -> what of it is the API. Whatever is not here may change from one version to the next.
API: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Settings": {"edgekit.config": ("read_config", "find_config", "Config")},
    "Models and data": {"edgekit.load": ("load",), "edgekit.data": ("load_data",)},
    "Quantizing": {
        "edgekit.quantize_model": ("quantize_model", "Request", "Made"),
        "edgekit.metrics": ("compare", "Drop"),
    },
    "Bundles": {
        "edgekit.export": ("export", "Request", "Exported"),
        "edgekit.store": ("open_bundle", "write_bundle", "zip_bundle", "Bundle"),
        "edgekit.manifest": ("Manifest", "TargetEntry", "FileEntry", "Feature", "Output", "Signature"),
    },
    "Verifying": {
        "edgekit.verify": ("verify", "exit_code", "Report", "Check"),
        "edgekit.report": ("write_report", "sizes"),
    },
    "Publishing": {"edgekit.publish": ("plan", "publish", "change_canary", "permitted")},
    "Errors": {"edgekit.errors": ("EdgekitError", "CheckFailed", "InputError", "NotAvailable")},
}
INTRO = """# Python API

Every command is a few lines over one of these functions. Stages take and return frozen values; shapes are written
`[rows, columns]`, arrays are NumPy's. All errors that a user can meet are `EdgekitError`s.
"""


def api_page() -> str:
    """Return the page: each name with its signature, its fields and its docstring."""
    text = INTRO
    for heading, modules in API.items():
        text += f"\n## {heading}\n"
        for name, members in modules.items():
            module = importlib.import_module(name)
            text += "".join(_member(name, getattr(module, member)) for member in members)
    return text


def _member(module: str, thing: Any) -> str:
    short = f"{module.removeprefix('edgekit.')}.{thing.__name__}"
    head = f"\n### `{short}`\n\n"
    if inspect.isclass(thing):
        if issubclass(thing, Exception):
            return f"{head}{_docstring(thing)}\n\nExit code {thing.exit_code}.\n"
        return f"{head}{_docstring(thing)}\n\n{_fields(thing)}"
    return f"{head}```text\n{thing.__name__}{_signature(thing)}\n```\n\n{_docstring(thing)}\n"


def _docstring(thing: Any) -> str:
    """Return the docstring with the sections of Google's style as lists."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    out: list[str] = []
    listed = False
    for line in lines:
        if line in ("Args:", "Returns:", "Raises:", "Example:"):
            listed = True
            out += [f"{line.removesuffix(':')}:", ""]
        elif listed and re.match(r"    \S", line):
            name, colon, rest = line.strip().partition(": ")
            out.append(f"- `{name}`: {rest}" if colon else f"- {name}")
        elif listed and line.startswith("      "):
            out[-1] += f" {line.strip()}"
        else:
            listed = listed and not line
            out.append(line)
    return "\n".join(out)


def _signature(function: Any) -> str:
    """Return the signature without the quotes and modules that say nothing to a reader."""
    text = str(inspect.signature(function)).replace("'", "")
    text = re.sub(r"<function silent at 0x[0-9a-f]+>", "silent", text)
    return re.sub(r"\b(?:pathlib|typing|collections\.abc)\.", "", text)


def _fields(thing: Any) -> str:
    if not dataclasses.is_dataclass(thing):
        return ""
    rows = [
        f"| `{f.name}` | `{str(f.type).replace('|', chr(92) + '|')}` | {_default(f)} |\n"
        for f in dataclasses.fields(thing)
    ]
    return "| field | type | default |\n|---|---|---|\n" + "".join(rows)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING or dataclasses.is_dataclass(field.default):
        return "its own"
    if field.default is dataclasses.MISSING:
        return "needed"
    return f"`{field.default!r}`"
