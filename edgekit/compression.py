"""Files as hosts send them: compressed once, at the highest quality, and kept in edgekit's cache where that is slow."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import brotli

from edgekit.npm_files import cache_folder

_SLOW = 1 << 16  # bytes; compressing more takes a tenth of a second and up to seconds


def packed(data: bytes) -> bytes:
    """Compress with brotli at quality 11."""
    if len(data) < _SLOW:
        return bytes(brotli.compress(data, quality=11))
    cached = cache_folder() / "brotli" / f"{hashlib.sha256(data).hexdigest()}.br"
    if cached.is_file():
        return cached.read_bytes()
    made = bytes(brotli.compress(data, quality=11))
    cached.parent.mkdir(parents=True, exist_ok=True)
    part = cached.with_suffix(".part")
    part.write_bytes(made)
    part.replace(cached)
    return made


def encodings(files: Iterable[Path]) -> Mapping[Path, Mapping[str, bytes]]:
    """Return each file's compressed forms by Content-Encoding, the preferred one first; none for what does not shrink.

    Browsers ask for br over https and on this machine only, over plain http for gzip.
    """
    found = {}
    for file in files:
        data = file.read_bytes()
        forms = {"br": packed(data), "gzip": gzip.compress(data, 9, mtime=0)}
        found[file] = {name: form for name, form in forms.items() if len(form) < len(data)}
    return found
