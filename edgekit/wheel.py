"""A pure-Python wheel (PEP 427, core metadata 2.1) whose bytes depend on its contents only, its name and version."""

from __future__ import annotations

import base64
import hashlib
import io
import keyword
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: PEP 440, appendix B, without an epoch: a bundle's path has no "!". Nor has it a "+", so the local part is dropped.
_PEP440 = re.compile(
    r"""v?(?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>[0-9]+)?)?
    (?P<post>-(?P<post_1>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_2>[0-9]+)?)?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_n>[0-9]+)?)?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?\Z""",
    re.VERBOSE,
)
_PHASES = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
#: What a page's Python has beside the standard library; a model of that name would hide it.
_TAKEN = frozenset(("js", "pyodide", "pyodide_js", "micropip", "numpy", "pandas", "scipy", "wasmtime", "edgekit"))
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Metadata:
    """What METADATA says. requires: one line of PEP 508 each; extras: their names; fields: others, by their key."""

    name: str
    version: str
    summary: str
    description: str
    python: str = ">=3.10"
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


def distribution_name(name: str) -> str:
    """Return the name under which pip and Pyodide know a model, as PEP 503 normalizes it: `health-monitoring`."""
    return package_name(name).replace("_", "-")


def package_name(name: str) -> str:
    """Return the name that `import` takes: `health_monitoring`.

    What would hide a module of Python or of Pyodide, or is no identifier, gets `model` to its name.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
    if not plain or plain[0].isdigit():
        plain = f"model_{plain}".rstrip("_")
    if keyword.iskeyword(plain) or plain in sys.stdlib_module_names or plain in _TAKEN:
        return f"{plain}_model"
    return plain


def pep440(version: str) -> str:
    """Return a version as PEP 440 normalizes it; of a text that is none, its numbers: `2024-05-01b` gives `2024.5.1`.

    So is one with an epoch (`1!2.0` gives `1.2.0`). A local part (`+abc`) is left out. A text without numbers: `0`.
    """
    match = _PEP440.match(version.strip().lower())
    if match is None:
        return ".".join(str(int(n)) for n in re.findall(r"[0-9]+", version)) or "0"
    out = ".".join(str(int(n)) for n in match["release"].split("."))
    if match["pre"]:
        out += _PHASES.get(match["pre"], match["pre"]) + str(int(match["pre_n"] or 0))
    if match["post"]:
        out += f".post{int(match['post_1'] or match['post_2'] or 0)}"
    if match["dev"]:
        out += f".dev{int(match['dev_n'] or 0)}"
    return out


def file_name(metadata: Metadata) -> str:
    """Return NAME-VERSION-py3-none-any.whl, with a "_" for each "-" of the name (PEP 427)."""
    return f"{_stem(metadata)}-py3-none-any.whl"


def wheel(metadata: Metadata, files: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a wheel of these files (path in site-packages -> contents), METADATA, WHEEL and RECORD."""
    info = f"{_stem(metadata)}.dist-info"
    every = dict(sorted(files.items()))
    every[f"{info}/METADATA"] = _metadata(metadata).encode()
    every[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: edgekit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = f"{info}/RECORD"
    lines = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in every.items()]
    every[record] = "".join(f"{line}\n" for line in [*lines, f"{record},,"]).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in every.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


def _stem(metadata: Metadata) -> str:
    return f"{metadata.name.replace('-', '_')}-{metadata.version}"


def _metadata(metadata: Metadata) -> str:
    lines: Sequence[tuple[str, str]] = (
        ("Metadata-Version", "2.1"),
        ("Name", metadata.name),
        ("Version", metadata.version),
        ("Summary", _line(metadata.summary)),
        *((key, _line(value)) for key, value in metadata.fields if value.strip()),
        ("Requires-Python", metadata.python),
        *(("Provides-Extra", extra) for extra in metadata.extras),
        *(("Requires-Dist", one) for one in metadata.requires),
        ("Description-Content-Type", "text/markdown"),
    )
    return "".join(f"{key}: {value}\n" for key, value in lines) + f"\n{metadata.description}"


def _line(text: str) -> str:
    """One line: a break would begin another field."""
    return " ".join(text.split())


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
