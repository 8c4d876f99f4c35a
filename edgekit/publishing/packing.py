"""Gzip with the same bytes on every machine, so that a file that did not change is never sent again.

zlib is not one program: the bytes of CPython's, Node's and zlib-ng's differ. libdeflate at one version and level is
one; the header is written here. Files beyond COMPRESS_UP_TO go as stored blocks in a stream: they are weights, and
memory stays flat.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from edgekit.errors import CheckFailed, missing_extra

try:
    import deflate
except ImportError:
    deflate = None  # type: ignore[assignment]

COMPRESS_UP_TO = 64 << 20
LEVEL = 9
#: Raised whenever the bytes change: then every file is sent once more.
FORMAT = 1
#: Magic, deflate, no flags, no time, the slowest compression, no operating system.
_HEADER = bytes.fromhex("1f8b08 00 00000000 02 ff")
_STORED = 65535  # the most that a stored block holds
_PIECE = 1 << 16
_IN_MEMORY = 4 << 20
_one_large = threading.Lock()


@dataclass(frozen=True)
class Blob:
    """A file to publish: its bytes or where they lie, and the sha256 and size that they must have."""

    source: Path | bytes
    sha256: str
    size: int

    @staticmethod
    def of(data: bytes) -> Blob:
        """Describe bytes."""
        return Blob(data, hashlib.sha256(data).hexdigest(), len(data))

    def open(self) -> BinaryIO:
        """Open the bytes for reading."""
        return BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")


@dataclass(frozen=True)
class Packed:
    """The sha256 and size of a blob's gzip bytes."""

    digest: str
    size: int


class GzipBody:
    """The gzip bytes of a blob, for one upload; small ones in memory, larger ones in a file, the largest on the way."""

    def __init__(self, blob: Blob) -> None:
        """Raises CheckFailed where the file is not what it was when it was planned."""
        self._blob = blob
        if blob.size <= _IN_MEMORY:
            self._bytes: BinaryIO | None = BytesIO(_compress(_whole(blob)))
        elif blob.size <= COMPRESS_UP_TO:
            # Closed by the garbage collector: a body lives for one request.
            self._bytes = tempfile.TemporaryFile()  # noqa: SIM115
            with _one_large:
                self._bytes.write(_compress(_whole(blob)))
        else:
            self._bytes = None
        self._size = self._bytes.seek(0, 2) if self._bytes else _stored_size(blob.size)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        if self._bytes is None:
            yield from _store(self._blob)
            return
        self._bytes.seek(0)
        while piece := self._bytes.read(_PIECE):
            yield piece


class PackCache:
    """What gzip makes of a blob, remembered by the blob's sha256; a file that is lost or broken costs time only."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"gzip-{FORMAT}.json"
        self._known: dict[str, list[int | str]] = {}
        with suppress(OSError, ValueError):
            known = json.loads(self._file.read_text(encoding="utf-8"))
            self._known = known if isinstance(known, dict) else {}

    def packed(self, blob: Blob) -> Packed:
        """Return the sha256 and size of the gzip bytes of a blob."""
        found = self._known.get(blob.sha256)
        if isinstance(found, list) and len(found) == 2 and isinstance(found[0], str) and isinstance(found[1], int):
            return Packed(found[0], found[1])
        made = pack(blob)
        self._known[blob.sha256] = [made.digest, made.size]
        return made

    def save(self) -> None:
        """Write what was learned; no room or no permission is no error."""
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(f".{os.getpid()}.part")
            part.write_text(json.dumps(self._known), encoding="utf-8")
            part.replace(self._file)


def pack(blob: Blob) -> Packed:
    """Compress a blob and return the sha256 and size of the gzip bytes."""
    body, digest = GzipBody(blob), hashlib.sha256()
    for piece in body:
        digest.update(piece)
    return Packed(digest.hexdigest(), len(body))


def _whole(blob: Blob) -> bytes:
    with blob.open() as file:
        data = file.read(blob.size + 1)
    if len(data) != blob.size or hashlib.sha256(data).hexdigest() != blob.sha256:
        raise _changed(blob)
    return data


def _compress(data: bytes) -> bytes:
    if deflate is None:
        raise missing_extra("publishing", "firebase")
    return _HEADER + bytes(deflate.deflate_compress(data, LEVEL)) + _trailer(zlib.crc32(data), len(data))


def _store(blob: Blob) -> Iterator[bytes]:
    yield _HEADER
    digest, crc, left = hashlib.sha256(), 0, blob.size
    with blob.open() as file:
        while left:
            data = file.read(min(_STORED, left))
            if not data:
                raise _changed(blob)
            digest.update(data)
            crc, left = zlib.crc32(data, crc), left - len(data)
            size = len(data)
            yield bytes([not left]) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data
    if digest.hexdigest() != blob.sha256:
        raise _changed(blob)
    yield _trailer(crc, blob.size)


def _stored_size(size: int) -> int:
    return len(_HEADER) + size + 5 * -(-size // _STORED) + 8


def _trailer(crc: int, size: int) -> bytes:
    return crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _changed(blob: Blob) -> CheckFailed:
    name = "a generated file" if isinstance(blob.source, bytes) else str(blob.source)
    return CheckFailed(f"{name} changed while it was published; nothing was released, run edgekit publish again")
