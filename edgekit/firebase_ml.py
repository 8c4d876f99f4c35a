"""What Firebase ML says of a custom model, for moving away from it: a .tflite file and the JSON of its resource.

https://firebase.google.com/docs/reference/ml/rest/v1beta2/projects.models; the service ends on 2027-06-15.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.errors import InputError

_MAX_BYTES = 1 << 20
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class FirebaseModel:
    """A model of Firebase ML: the name that apps ask for, its tags, and what the service knows of the file."""

    name: str
    tags: tuple[str, ...] = ()
    sha256: str = ""
    bytes: int | None = None


def read_firebase_model(file: Path, model: Path) -> FirebaseModel:
    """Read a resource (of `projects.models.get`, or Model.as_dict() of firebase-admin) and hold the .tflite file to it.

    Raises InputError where it is no such JSON, or the file is another one than it speaks of.
    """
    plain = _read(file)
    name = plain.get("displayName")
    if not isinstance(name, str) or not name:
        raise InputError(f"{file} has no displayName; give the JSON of the model as Firebase ML returns it")
    served = plain.get("tfliteModel") or {}
    size, digest = served.get("sizeBytes"), str(plain.get("modelHash", "")).lower()
    found = FirebaseModel(
        name,
        tuple(str(tag) for tag in plain.get("tags", [])),
        digest if _HEX64.match(digest) else "",
        int(str(size)) if str(size).isdecimal() else None,
    )
    if model.suffix != ".tflite" or not model.is_file():
        raise InputError(f"{model} is not a .tflite file; download the model that {file.name} speaks of")
    here = model.stat().st_size
    if found.bytes is not None and here != found.bytes:
        raise InputError(f"{model} has {here:,} bytes, {file.name} says {found.bytes:,}; it is another one")
    if found.sha256 and hashlib.sha256(model.read_bytes()).hexdigest() != found.sha256:
        raise InputError(f"{model} does not have the sha256 that {file.name} says; it is another one")
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file} is larger than {_MAX_BYTES} bytes, which no model's description is")
        plain = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{file} is not JSON; give the JSON of the model as Firebase ML returns it") from None
    if not isinstance(plain, dict):
        raise InputError(f"{file} is not a JSON object; give the JSON of the model as Firebase ML returns it")
    return plain
