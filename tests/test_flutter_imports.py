"""What `flutter analyze` would warn of and the type checker does not: imports that nothing uses."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from dart import STUBS, TEMPLATE, dart_files

DECLARED = re.compile(
    r"^(?:external |abstract |sealed |final |interface |base |mixin |const )*"
    r"(?:class|enum|typedef|extension type|extension|get|[\w<>?, .()]+?) (\w+)(?=[ (<{=;.])",
    re.MULTILINE,
)
DIRECTIVE = re.compile(r"^(import|export)\s+'([^']+)'([^;]*);", re.MULTILINE)
#: Names of the SDK's libraries that the template uses; those of dart:core need no import.
SDK = {
    "dart:async": "Timer|Stream|StreamIterator|Completer|TimeoutException|unawaited|FutureOr",
    "dart:collection": "ListBase",
    "dart:convert": "utf8|jsonDecode|jsonEncode|base64Decode|base64Encode|ascii",
    "dart:ffi": "DynamicLibrary",
    "dart:io": "File|Platform|HttpClient|HttpServer|Directory",
    "dart:js_interop": "JSObject",
    "dart:math": "Random|math",
    "dart:typed_data": r"\w*(?:Int|Uint|Float)\d+List|ByteData|ByteBuffer|BytesBuilder|Endian",
}


@cache
def names_of(file: Path) -> frozenset[str]:
    """Return the names that a library gives to whoever imports it."""
    text = file.read_text(encoding="utf-8")
    found = set(DECLARED.findall(text))
    for kind, target, _ in DIRECTIVE.findall(text):
        if kind == "export" and (other := resolve(file, target)):
            found |= names_of(other)
    return frozenset(found)


def resolve(file: Path, target: str) -> Path | None:
    if target.startswith("dart:"):
        return None
    if not target.startswith("package:"):
        return file.parent / target
    package, _, path = target.removeprefix("package:").partition("/")
    folders = [TEMPLATE / "packages" / package, STUBS / package, TEMPLATE / "app"]
    return next((f / "lib" / path for f in folders if (f / "lib" / path).is_file()), None)


@pytest.mark.parametrize("file", dart_files(TEMPLATE), ids=lambda f: f.relative_to(TEMPLATE).as_posix())
def test_every_import_is_used(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    parts = [file.parent / name for name in re.findall(r"^part '([^']+)';", text, re.MULTILINE)]
    text += "".join(part.read_text(encoding="utf-8") for part in parts)
    code = DIRECTIVE.sub("", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    unused = []
    for kind, target, more in DIRECTIVE.findall(text):
        other = resolve(file, target)
        names = SDK[target] if other is None else "|".join(map(re.escape, names_of(other)))
        if kind == "import" and " as " not in more and not re.search(rf"\b(?:{names})\b", code):
            unused.append(target)
    assert unused == []


def test_dart_files_are_short() -> None:
    """As tests/test_modules.py has it for other languages; generated files hold data."""
    lengths = {
        f.relative_to(TEMPLATE).as_posix(): len(f.read_text(encoding="utf-8").splitlines())
        for f in dart_files(TEMPLATE)
    }
    assert {name: n for name, n in lengths.items() if n > 400 and ".g." not in name} == {}
