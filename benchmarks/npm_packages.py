"""The peers' npm packages: fetched with npm once, kept in edgekit's cache, compared with a pinned hash at every use."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import NotAvailable
from edgekit.npm_files import cache_folder

_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Package:
    """A package of the registry; sha512 is that of its archive, in base64 as npm writes it."""

    name: str
    version: str
    sha512: str

    @property
    def archive(self) -> str:
        """The file name that `npm pack` gives."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"


LITERT = Package(
    "@litertjs/core",
    "2.5.3",
    "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
)
LITERT_LOADER = Package(
    "@litertjs/wasm-utils",
    "2.5.3",
    "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
)
ONNX_RUNTIME_WEB = Package(
    "onnxruntime-web",
    "1.30.0",
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)
#: The builds for one thread, with relaxed SIMD and without, of which LiteRT.js chooses; and that for more threads.
_BUILDS = ("litert_wasm_internal", "litert_wasm_compat_internal", "litert_wasm_threaded_internal")


def litert_files(folder: Path) -> dict[str, Path]:
    """Unpack LiteRT.js into a folder and map the URL paths under /litert/ to its files."""
    core, loader = opened(LITERT), opened(LITERT_LOADER)
    members = {f"wasm/{build}.{kind}": f"wasm/{build}.{kind}" for build in _BUILDS for kind in ("js", "wasm")}
    with tarfile.open(core) as archive:
        for name, member in ({"index.js": "dist/index.js"} | members).items():
            _extract(archive, member, folder / name)
    with tarfile.open(loader) as archive:
        _extract(archive, "dist/bundle.js", folder / "wasm-utils.js")
    # A bare specifier needs a bundler or an import map in the page; the path of the file is the same without either.
    index = folder / "index.js"
    index.write_text(index.read_text().replace('"@litertjs/wasm-utils"', '"./wasm-utils.js"'))
    return {f"/litert/{name}": folder / name for name in ("index.js", "wasm-utils.js", *members)}


def files_of(package: Package, members: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Unpack members of a package into a folder: URL path -> file in the archive; return URL path -> file."""
    found = {path: folder / member for path, member in members.items()}
    with tarfile.open(opened(package)) as archive:
        for path, member in members.items():
            _extract(archive, member, found[path])
    return found


def _extract(archive: tarfile.TarFile, member: str, out: Path) -> None:
    data = archive.extractfile(f"package/{member}")
    if data is None:
        raise NotAvailable(f"the package holds no {member}; the benchmark does not know this version")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data.read())


def opened(package: Package) -> Path:
    """Return the archive of a package."""
    archive = cache_folder() / "benchmarks" / package.archive
    if not (archive.is_file() and _sha512(archive) == package.sha512):
        _fetch(package, archive)
    return archive


def _fetch(package: Package, out: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotAvailable(f"fetching {package.name} needs npm; install Node.js")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=out.parent) as folder:
        command = [npm, "pack", "--ignore-scripts", "--pack-destination", folder, f"{package.name}@{package.version}"]
        try:
            subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=_TIMEOUT_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise NotAvailable(f"npm could not fetch {package.name}: {error}; check the network") from None
        part = Path(folder, package.archive)
        if _sha512(part) != package.sha512:
            raise NotAvailable(f"{package.name} {package.version} does not have its pinned sha512; do not use it")
        part.replace(out)


def _sha512(file: Path) -> str:
    return base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
