"""Bundles on disk: written whole or not at all, checked before a byte is used."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import InputError
from edgekit.manifest import FileEntry, Manifest, decode, encode

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file was checked against its manifest."""

    root: Path
    manifest: Manifest

    def read(self, path: str) -> bytes:
        """Return the bytes of a file that the manifest names."""
        return (self.root / path).read_bytes()


def entry(path: str, data: bytes, role: str, **more: object) -> FileEntry:
    """Describe a file's bytes for the manifest."""
    return FileEntry(path, len(data), hashlib.sha256(data).hexdigest(), role, **more)  # type: ignore[arg-type]


def write_bundle(out: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Bundle:
    """Write a bundle beside `out`, then rename it into place; a bundle that was there is replaced.

    A process killed at any moment leaves either the old bundle, the new one, or a hidden folder
    `.NAME.*.part` that no command reads.
    """
    if out.exists() and not (out / MANIFEST).is_file():
        raise InputError(f"{out} exists and is not a bundle; choose another --out or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        for path, data in contents.items():
            _write(part / path, data)
        _write(part / MANIFEST, encode(manifest))
        part.chmod(0o755)
        _swap(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return open_bundle(out)


def open_bundle(path: Path) -> Bundle:
    """Check a bundle folder: every file of the manifest is there, whole, and nothing else is."""
    if not path.exists():
        raise InputError(f"there is no bundle at {path}; make one with: edgekit export MODEL --data DATA --out {path}")
    if path.is_file():
        raise InputError(f"{path} is a file, not a bundle folder; unpack it first")
    raw = _read_small(path / MANIFEST, path)
    manifest = decode(raw)
    found = _list(path)
    expected = {f.path: f for f in manifest.files()}
    for extra in sorted(found - expected.keys() - {MANIFEST}):
        raise InputError(f"the bundle {path} holds {extra}, which its manifest does not name; refusing it")
    for name, item in expected.items():
        _check_file(path, name, item)
    return Bundle(path, manifest)


def zip_bundle(bundle: Bundle, out: Path) -> None:
    """Write the bundle as a .zip whose bytes depend on its contents only."""
    part = out.with_name(f".{out.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in [MANIFEST, *(f.path for f in bundle.manifest.files())]:
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, bundle.read(name), zipfile.ZIP_DEFLATED, 9)
    part.replace(out)


def _check_file(root: Path, name: str, item: FileEntry) -> None:
    file = root / name
    if not file.is_file():
        raise InputError(f"the bundle {root} lacks {name}; export it again")
    size = file.stat().st_size
    if size != item.bytes:
        raise InputError(
            f"{name} in the bundle {root} has {size} bytes, its manifest says {item.bytes}; export it again"
        )
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != item.sha256:
        raise InputError(f"{name} in the bundle {root} does not match its sha256; export it again")


def _read_small(file: Path, root: Path) -> bytes:
    if not file.is_file():
        raise InputError(f"{root} is not a bundle: it has no {MANIFEST}")
    if file.stat().st_size > MAX_MANIFEST_BYTES:
        raise InputError(f"{MANIFEST} in {root} is larger than {MAX_MANIFEST_BYTES} bytes; refusing the bundle")
    return file.read_bytes()


def _list(root: Path) -> set[str]:
    found = set()
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            relative = path.relative_to(root).as_posix()
            if stat.S_ISREG(mode):
                found.add(relative)
            elif not stat.S_ISDIR(mode):
                raise InputError(f"the bundle {root} holds {relative}, a link or special file; refusing it")
    return found


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _swap(new: Path, out: Path) -> None:
    if not out.exists():
        new.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".old", dir=out.parent))
    out.rename(old / out.name)
    try:
        new.rename(out)
    except OSError:
        (old / out.name).rename(out)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
