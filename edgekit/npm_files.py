"""Files of npm packages: fetched with npm once, kept in a cache, and compared with a pinned hash at every use."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import NotAvailable

_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Package:
    """A package of the registry, and the file of it that is taken."""

    name: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Purpose:
    """What is fetched, its version, and the target that needs it; messages say so."""

    label: str  # "TensorFlow.js"
    version: str
    target: str


def cache_folder() -> Path:
    """Return the folder for what is downloaded: $EDGEKIT_CACHE, or edgekit in the user's cache."""
    if own := os.environ.get("EDGEKIT_CACHE"):
        return Path(own)
    users = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(users) if os.path.isabs(users) else Path.home() / ".cache") / "edgekit"


def kept(place: str, hashes: Sequence[str], make: Callable[[], Sequence[bytes]]) -> tuple[bytes, ...]:
    """Return files by their sha256, from the cache or made anew and kept there.

    Args:
        place: folder of the cache, and the name of the file where there is one; several are called by their hashes.
        hashes: of the files, in their order.
        make: fetches them all; its result is trusted to have the hashes.

    Raises NotAvailable where they are not in the cache and cannot be fetched or kept.
    """
    root = cache_folder() / place
    paths = [root] if len(hashes) == 1 else [root / sha256[:32] for sha256 in hashes]
    found = tuple(_read(path) for path in paths)
    if [_sha256(data) for data in found] == list(hashes):
        return found
    found = tuple(make())
    for path, data in zip(paths, found, strict=True):
        keep(path, data)
    return found


def keep(path: Path, data: bytes) -> None:
    """Write a file of the cache, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
            part = Path(folder, path.name)
            part.write_bytes(data)
            part.replace(path)
    except OSError as error:
        raise NotAvailable(
            f"the cache {path.parent} cannot be written ({error.strerror}); set EDGEKIT_CACHE to a folder that can"
        ) from None


def fetch(packages: Sequence[Package], purpose: Purpose) -> list[bytes]:
    """Download packages with npm and return their files, whose hashes were checked."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotAvailable(
            f"the {purpose.target} target needs npm to fetch {purpose.label} once; "
            f"install npm, or leave {purpose.target} out"
        )
    with tempfile.TemporaryDirectory(prefix="edgekit-npm-") as folder:
        _pack(npm, Path(folder), packages, purpose)
        return [_extract(Path(folder), package, purpose) for package in packages]


def _pack(npm: str, folder: Path, packages: Sequence[Package], purpose: Purpose) -> None:
    wanted = list(dict.fromkeys(f"{package.name}@{purpose.version}" for package in packages))
    command = [npm, "pack", "--ignore-scripts", "--pack-destination", str(folder), *wanted]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _failed(f"npm did not answer in {_TIMEOUT_SECONDS} s", purpose) from None
    except OSError as error:
        raise _failed(f"npm cannot be run: {error.strerror}", purpose) from None
    if done.returncode:
        lines = re.findall(r"^npm (?:error|ERR!) (?!code |errno |A complete log)(.+)$", done.stderr, re.MULTILINE)
        why = f"npm says: {lines[0].strip()[:200]}" if lines else f"npm ended with exit code {done.returncode}"
        raise _failed(why, purpose)


def _extract(folder: Path, package: Package, purpose: Purpose) -> bytes:
    archive = folder / f"{package.name.lstrip('@').replace('/', '-')}-{purpose.version}.tgz"
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r:gz") as tar:
            member = tar.extractfile(f"package/{package.file}")
            data = member.read() if member else b""
    except (OSError, KeyError, tarfile.TarError, EOFError) as error:
        raise _failed(f"npm's {archive.name} cannot be read: {error}", purpose) from None
    if _sha256(data) != package.sha256:
        raise _failed(f"{package.file} of {package.name} {purpose.version} does not have its pinned sha256", purpose)
    return data


def _failed(why: str, purpose: Purpose) -> NotAvailable:
    return NotAvailable(
        f"{purpose.label} {purpose.version} could not be fetched for the {purpose.target} target: {why}; "
        f"check the network and npm's registry, or leave {purpose.target} out"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
