"""NumPy's .npz: arrays of numbers and text, never pickles; sizes are checked before memory is taken."""

from __future__ import annotations

import io
import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import InputError
from edgekit.formats.columns import MAX_BYTES, cut

Array = npt.NDArray[Any]
npy: Any = np.lib.format  # without types in NumPy's stubs
#: What the standard library's zip reader raises for broken and for exotic archives.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, RuntimeError,
)  # fmt: skip
_NPY_ERRORS = (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError)


def read(path: Path, known: Collection[str]) -> dict[str, Array]:
    """Return the arrays of the file by name; a name that is not `known` is an InputError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive.infolist(), known)
            return {name: _array(path, name, archive.read(member)) for name, member in members.items()}
    except _ZIP_ERRORS:
        raise InputError(f"{path} is truncated or corrupt; write it again with numpy.savez") from None


def _members(path: Path, infos: list[zipfile.ZipInfo], known: Collection[str]) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            raise InputError(f"{path} holds {cut(name)}, which is not an array; write it again with numpy.savez")
        if name not in known:
            raise InputError(
                f"{path} holds the array {cut(name)}, which nothing reads; known names are {', '.join(sorted(known))}"
            )
        if name in members:
            raise InputError(f"{path} holds the array {cut(name)} twice; write it again with numpy.savez")
        members[name] = info
    unpacked = sum(info.file_size for info in members.values())
    if unpacked > MAX_BYTES:
        raise InputError(f"{path} unpacks to {unpacked} bytes, the limit is {MAX_BYTES}; give fewer rows")
    return members


def _array(path: Path, name: str, raw: bytes) -> Array:
    stream = io.BytesIO(raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            shape, fortran, dtype = _header(stream)
    except _NPY_ERRORS:
        raise InputError(f"{path}: the array {name!r} is not in NumPy's format; write it with numpy.savez") from None
    if dtype.hasobject:
        raise InputError(
            f"{path}: the array {name!r} holds Python objects (a pickle), which are never loaded; "
            "convert it to float32 before numpy.savez"
        )
    body = memoryview(raw)[stream.tell() :]
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != len(body) or not dtype.itemsize:
        raise InputError(
            f"{path}: the array {name!r} does not have the bytes that its shape asks for; write it with numpy.savez"
        )
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version}")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    return shape, fortran, dtype
