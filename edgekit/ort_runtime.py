"""ONNX Runtime Web for the browser: the smallest stock build that runs a model, or one of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import InputError
from edgekit.npm_files import Package, Purpose, fetch, kept

VERSION = "1.30.0"
PACKAGE = "onnxruntime-web"
#: For each back end the script with the API, the glue of its WebAssembly, and that itself. The build "wasm" has only
#: the CPU's operators; since 1.19 there is none without threads or SIMD, and with one thread it needs no isolation.
STOCK: Mapping[str, tuple[Package, Package, Package]] = {
    "wasm": (
        Package(
            PACKAGE,
            "dist/ort.wasm.min.mjs",
            "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
        ),
        Package(
            PACKAGE,
            "dist/ort-wasm-simd-threaded.mjs",
            "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
        ),
        Package(
            PACKAGE,
            "dist/ort-wasm-simd-threaded.wasm",
            "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
        ),
    ),
    "webgpu": (
        Package(
            PACKAGE,
            "dist/ort.webgpu.min.mjs",
            "3dffff71811bc13a3a3d9591c57ca5ee5735b8f5f3eaf789510b02bb040ae3a0",
        ),
        Package(
            PACKAGE,
            "dist/ort-wasm-simd-threaded.asyncify.mjs",
            "3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28",
        ),
        Package(
            PACKAGE,
            "dist/ort-wasm-simd-threaded.asyncify.wasm",
            "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da",
        ),
    ),
}
CUSTOM = "custom"
MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class Runtime:
    """The files by name, in the order API, glue, WebAssembly; `build` is what a page shows."""

    build: str
    files: Mapping[str, bytes]


def runtime(backend: str, dist: str = "") -> Runtime:
    """Return the runtime for a back end; `dist` is a folder with the glue and WebAssembly of an own build.

    The API's script is always the package's: a build makes none. Raises NotAvailable where npm cannot give the
    package, InputError where the folder is not such a build.
    """
    packages = STOCK[backend]
    names = [package.file.rpartition("/")[2] for package in packages]
    purpose = Purpose("ONNX Runtime Web", VERSION, "ort")
    hashes = tuple(package.sha256 for package in packages)
    stock = kept(f"ort-{VERSION}-{backend}", hashes, lambda: fetch(packages, purpose))
    if not dist:
        return Runtime(backend, dict(zip(names, stock, strict=True)))
    own = [_own(Path(dist), name) for name in names[1:]]
    return Runtime(CUSTOM, dict(zip(names, (stock[0], *own), strict=True)))


def _own(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES} bytes; give the folder of an {PACKAGE} build")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); give the folder with the {name} that the build made"
        ) from None
    if name.endswith(".wasm") and data[:4] != b"\0asm":
        raise InputError(f"{path} is not WebAssembly; give the folder of an {PACKAGE} build")
    return data
