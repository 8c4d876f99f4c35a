"""TensorFlow.js for the browser: one script of the core, the graph model loader and the CPU backend.

It is fetched with npm once, kept in a cache, and compared with a pinned hash at every use.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import NotAvailable

VERSION = "4.22.0"


@dataclass(frozen=True)
class Package:
    """A package of the registry, and the file of it that is taken."""

    name: str
    file: str
    sha256: str


#: In this order: each part adds to globalThis.tf what the part before it left there.
PACKAGES = (
    Package(
        "@tensorflow/tfjs-core",
        "dist/tf-core.es2017.min.js",
        "c55367325aa628ed685164d5c4210892e31c6d2d0e8c163a827b15ad330d1eba",
    ),
    Package(
        "@tensorflow/tfjs-converter",
        "dist/tf-converter.es2017.min.js",
        "42a8166c840173bae6180e8ab715a4c811f0371de1b81f28977fd4a7d2c39adf",
    ),
    Package(
        "@tensorflow/tfjs-backend-cpu",
        "dist/tf-backend-cpu.es2017.min.js",
        "5d703dd6791356c98c3131aa6340ca48d82806228dfad8b439e83bcaedbb508e",
    ),
)
SCRIPT_SHA256 = "2c359cef07d37c4fd3a4ee8ea3c7062ddd70fe995b1a2670f41be173b68cfcf3"
_TIMEOUT_SECONDS = 300
#: The source maps are not shipped, so nothing may ask for them.
_SOURCE_MAP = re.compile(rb"^//# sourceMappingURL=.*\n?", re.MULTILINE)


def script() -> bytes:
    """Return the script; raises NotAvailable when it is not in the cache and cannot be fetched."""
    cached = cache_folder() / f"tfjs-{VERSION}" / "tf.js"
    try:
        data = cached.read_bytes()
    except OSError:
        data = b""
    if _sha256(data) == SCRIPT_SHA256:
        return data
    data = fetch()
    try:
        _write(cached, data)
    except OSError as error:
        raise NotAvailable(
            f"the cache {cached.parent} cannot be written ({error.strerror}); set EDGEKIT_CACHE to a folder that can"
        ) from None
    return data


def cache_folder() -> Path:
    """Return the folder for what is downloaded: $EDGEKIT_CACHE, or edgekit in the user's cache."""
    if own := os.environ.get("EDGEKIT_CACHE"):
        return Path(own)
    users = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(users) if os.path.isabs(users) else Path.home() / ".cache") / "edgekit"


def fetch() -> bytes:
    """Download the packages with npm and join their files."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotAvailable("the tfjs target needs npm to fetch TensorFlow.js once; install npm, or leave tfjs out")
    with tempfile.TemporaryDirectory(prefix="edgekit-npm-") as folder:
        _pack(npm, Path(folder))
        parts = [_extract(Path(folder), package) for package in PACKAGES]
    data = b"\n".join(_SOURCE_MAP.sub(b"", part).rstrip(b"\n") for part in parts) + b"\n"
    if _sha256(data) != SCRIPT_SHA256:
        raise AssertionError("the parts have their pinned hashes, the script made of them has not")
    return data


def _pack(npm: str, folder: Path) -> None:
    wanted = [f"{package.name}@{VERSION}" for package in PACKAGES]
    command = [npm, "pack", "--ignore-scripts", "--pack-destination", str(folder), *wanted]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _failed(f"npm did not answer in {_TIMEOUT_SECONDS} s") from None
    except OSError as error:
        raise _failed(f"npm cannot be run: {error.strerror}") from None
    if done.returncode:
        lines = re.findall(r"^npm (?:error|ERR!) (?!code |errno |A complete log)(.+)$", done.stderr, re.MULTILINE)
        raise _failed(f"npm says: {lines[0].strip()[:200]}" if lines else f"npm ended with exit code {done.returncode}")


def _extract(folder: Path, package: Package) -> bytes:
    archive = folder / f"{package.name.lstrip('@').replace('/', '-')}-{VERSION}.tgz"
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r:gz") as tar:
            member = tar.extractfile(f"package/{package.file}")
            data = member.read() if member else b""
    except (OSError, KeyError, tarfile.TarError, EOFError) as error:
        raise _failed(f"npm's {archive.name} cannot be read: {error}") from None
    if _sha256(data) != package.sha256:
        raise _failed(f"{package.file} of {package.name} {VERSION} does not have its pinned sha256")
    return data


def _failed(why: str) -> NotAvailable:
    return NotAvailable(
        f"TensorFlow.js {VERSION} could not be fetched for the tfjs target: {why}; "
        "check the network and npm's registry, or leave tfjs out"
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
        part = Path(folder, path.name)
        part.write_bytes(data)
        part.replace(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
