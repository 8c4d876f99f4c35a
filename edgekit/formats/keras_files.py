"""What can be refused in a Keras file or SavedModel before TensorFlow is started."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgekit.errors import InputError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_BYTES = 2_000_000_000
MAX_ENTRIES = 10_000
MAX_CONFIG_BYTES = 64 * 1024 * 1024
#: Keras stores its archives; one that was compressed again shrinks trained weights by far less than this.
MAX_RATIO = 100
#: Small archives may shrink as they like: a megabyte of zeros is no bomb.
FREE_BYTES = 16 * 1024 * 1024

Json = Mapping[str, Any]


def check_archive(path: Path) -> None:
    """Check a .keras file: a whole zip with plain entries, whose config.json holds built-in layers only."""
    name = path.name
    with path.open("rb") as file:
        start = file.read(8)
    if start == HDF5_MAGIC:
        raise InputError(f"{name}: is an HDF5 file, not a Keras archive; rename it to end in .h5")
    if start[:2] != b"PK":
        raise InputError(f"{name}: is not a Keras archive (a zip); save the model again with model.save()")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(name, path.stat().st_size, archive.infolist())
            config = _read_config(name, archive)
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, UnicodeDecodeError) as error:
        raise InputError(f"{name}: is a damaged or cut-off archive ({error}); save the model again") from None
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"{name}: is an archive that cannot be read ({error}); save the model again") from None
    if damaged is not None:
        raise InputError(f"{name}: its entry {damaged} is damaged; save the model again")
    check_config(name, config)


def check_hdf5(path: Path) -> None:
    """Check that an .h5 file begins as HDF5 does and is as long as its header says."""
    name = path.name
    with path.open("rb") as file:
        head = file.read(64)
    if not head.startswith(HDF5_MAGIC):
        hint = "rename it to end in .keras" if head[:4] == b"PK\x03\x04" else "save the model again with model.save()"
        raise InputError(f"{name}: is not an HDF5 file; {hint}")
    if len(head) < 64:
        raise InputError(f"{name}: is cut off after {len(head)} bytes; copy or save it again")
    version, size = head[8], path.stat().st_size
    # The superblock holds the address of the end of the file; its place depends on the superblock's version.
    (end,) = struct.unpack_from("<Q", head, 40 if version < 2 else 28)
    if size < end:
        raise InputError(f"{name}: is cut off, it has {size} of {end} bytes; copy or save it again")


def check_saved_model(path: Path) -> None:
    """Check that a folder is a SavedModel in which nothing points out of it."""
    name = path.name
    if not (path / "saved_model.pb").is_file():
        raise InputError(f"{name}: is not a SavedModel, for it has no saved_model.pb; give the folder that has one")
    if not (path / "saved_model.pb").stat().st_size:
        raise InputError(f"{name}: its saved_model.pb is empty; save the model again")
    for item in sorted(path.rglob("*")):
        if not (stat.S_ISREG(item.lstat().st_mode) or stat.S_ISDIR(item.lstat().st_mode)):
            raise InputError(f"{name}: holds {item.relative_to(path)}, a link or special file; refusing it")


def check_config(name: str, config: Json) -> None:
    """Refuse what carries Python code or needs a class that only the author has."""
    for item in _objects(config):
        kind, module = item["class_name"], item.get("module")
        if kind == "Lambda":
            layer = _label(item)
            raise InputError(
                f"{name}: the layer {layer!r} is a Lambda layer, which carries Python code; "
                "replace it with built-in layers and save the model again"
            )
        if kind == "__lambda__":
            raise InputError(f"{name}: carries a Python lambda; replace it with a built-in function and save again")
        if isinstance(module, str) and module != "builtins" and module.split(".")[0] != "keras":
            raise custom_class(name, str(kind))
        if module is None and isinstance(item.get("registered_name"), str):
            raise custom_class(name, str(kind))


def custom_class(name: str, kind: str) -> InputError:
    """Name a class that Keras does not have."""
    return InputError(
        f"{name}: uses the custom class {kind!r}, whose code is not in the file; "
        "replace it with built-in layers, or export the model as a SavedModel with model.export()"
    )


def parse_config(name: str, raw: str | bytes) -> Json:
    """Read a model's configuration."""
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: its configuration is not JSON ({error}); save the model again") from None
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise InputError(f"{name}: its configuration describes no model; save the model again with model.save()")
    # What the model was trained with (losses, metrics) is never built, so it may be anything.
    return {key: value for key, value in config.items() if key != "compile_config"}


def _check_entries(name: str, size: int, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"{name}: has {len(entries)} entries, more than {MAX_ENTRIES}; refusing it")
    seen = set()
    for entry in entries:
        parts = entry.filename.rstrip("/").split("/")
        if "" in parts or ".." in parts or "\\" in entry.filename or ":" in parts[0]:
            raise InputError(f"{name}: has an entry with the unsafe path {entry.filename!r}; refusing it")
        if stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
            raise InputError(f"{name}: its entry {entry.filename!r} is a link or encrypted; refusing it")
        if entry.filename in seen:
            raise InputError(f"{name}: has the entry {entry.filename!r} twice; refusing it")
        seen.add(entry.filename)
    unpacked, packed = sum(e.file_size for e in entries), sum(e.compress_size for e in entries)
    if packed > size:
        raise InputError(f"{name}: its entries overlap; refusing it")
    if unpacked > MAX_BYTES or unpacked > max(MAX_RATIO * size, FREE_BYTES):
        raise InputError(f"{name}: unpacks from {size} to {unpacked} bytes; refusing it")
    if "config.json" not in seen:
        raise InputError(f"{name}: is a zip without config.json, so no Keras model; save the model with model.save()")


def _read_config(name: str, archive: zipfile.ZipFile) -> Json:
    if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
        raise InputError(f"{name}: its config.json is larger than {MAX_CONFIG_BYTES} bytes; refusing it")
    return parse_config(name, archive.read("config.json"))


def _objects(value: Any) -> Iterator[Json]:
    """Yield every serialized object in a configuration; a stack, for a hostile one may be deep."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if isinstance(item.get("class_name"), str):
                yield item
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))


def _label(item: Json) -> str:
    inner = item.get("config")
    return str(item.get("name") or (inner.get("name") if isinstance(inner, dict) else "") or "lambda")
