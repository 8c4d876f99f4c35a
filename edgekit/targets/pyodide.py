"""A Python wheel of the model: edgekit's engine in the browser's WebAssembly (Pyodide) or in wasmtime (CPython)."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from edgekit import plan as plans
from edgekit import pyodide_runtime
from edgekit.assets import asset
from edgekit.graph import Graph
from edgekit.lowering import Lowered, lower
from edgekit.models import Model
from edgekit.placement import results_of
from edgekit.plain import plain
from edgekit.python_stub import stub
from edgekit.shards import cut
from edgekit.targets.bounds import of_span
from edgekit.targets.protocol import Built, File, Job, Refusal
from edgekit.targets.wasm import BUILDS, WasmTarget
from edgekit.wheel import Metadata, distribution_name, file_name, package_name, pep440, wheel

#: The oldest wasmtime whose answers were compared (docs/pyodide.md).
WASMTIME = "wasmtime>=25"
LOCK = "pyodide/pyodide-lock.json"


class PyodideTarget:
    """Equal to the TFLite interpreter as the target wasm is: it runs the same engine and plan."""

    name = "pyodide"

    def refusals(self, model: Model, quantized: Graph) -> list[Refusal]:
        """Refuse what the engine refuses."""
        return WasmTarget().refusals(model, quantized)

    def build(self, job: Job) -> Built:
        """Return the wheel, the lock file by which loadPackage finds it, and the shards that are not inside."""
        lowered = lower(job.quantized)
        assert isinstance(lowered, Lowered), "refusals() comes first"
        files = {f"engine-{b}.wasm": asset(plans.engine_file(lowered.plan, b)).read_bytes() for b in BUILDS}
        files["plan.bin"] = plans.encode(lowered.plan)
        shards: list[File] = []
        if job.config.targets.pyodide.weights == "shards":
            parts = cut(lowered.chunks, job.config.targets.pyodide.shard_bytes)
            shards = [File(f"pyodide/{s.name(i)}", s.data, "shard", s.first_step) for i, s in enumerate(parts)]
        else:
            files["weights.bin"] = b"".join(data for _, data in lowered.chunks)
        packed, metadata, package = _pack(job, files, shards)
        path = f"pyodide/{file_name(metadata)}"
        every = (File(path, packed, "wheel"), File(LOCK, lock(metadata, package, packed), "lock"), *shards)
        options = {
            "package": package,
            "wheel": path,
            "weights": job.config.targets.pyodide.weights,
            "pyodide": pyodide_runtime.VERSION,
        }
        tools = {"zlib": zlib.ZLIB_RUNTIME_VERSION}
        if lowered.near is None:
            return Built(every, "exact", options=options, tools=tools)
        return Built(every, "near", of_span(lowered.near, job.float_outputs), options, tools)


def lock(metadata: Metadata, package: str, packed: bytes) -> bytes:
    """Return a pyodide-lock.json that knows this one package, for the pinned Pyodide."""
    entry = {
        "depends": [],
        "file_name": file_name(metadata),
        "imports": [package],
        "install_dir": "site",
        "name": metadata.name,
        "package_type": "package",
        "sha256": hashlib.sha256(packed).hexdigest(),
        "unvendored_tests": False,
        "version": metadata.version,
    }
    return _json({"info": dict(pyodide_runtime.INFO), "packages": {metadata.name: entry}})


def _pack(job: Job, files: Mapping[str, bytes], shards: list[File]) -> tuple[bytes, Metadata, str]:
    package = package_name(job.name)
    config = job.config
    card = config.card
    results = results_of(config, job.model.output_elements)
    extra = "wasmtime"
    metadata = Metadata(
        distribution_name(job.name),
        pep440(config.version),
        f"The model {job.name} {config.version} ({config.task}), quantized; runs in Pyodide and with wasmtime",
        f"# {job.name} {config.version}\n\n```python\nimport {package}\n\nhelp({package}.predict)\n```\n",
        requires=(f'{WASMTIME}; extra == "{extra}" and sys_platform != "emscripten"',),
        extras=(extra,),
        fields=(("Author", card.owner), ("License", card.license)),
    )
    model = {
        "name": job.name,
        "version": config.version,
        "wheel_version": metadata.version,
        "task": config.task,
        "inputs": [plain(s) for s in job.model.inputs],
        "outputs": [plain(s) for s in job.model.outputs],
        "features": [plain(f) for f in job.features],
        "results": [plain(r) for r in results],
        "files": [_entry(path, data) for path, data in files.items()],
        "shards": [_entry(f.path.rpartition("/")[2], f.data) for f in shards],
    }
    sources = {f.name: f.read_bytes() for f in asset("templates/python").iterdir() if f.suffix in (".py", ".typed")}
    sources |= {"model.json": _json(model), "__init__.pyi": stub(job.name, job.features, results).encode(), **files}
    return wheel(metadata, {f"{package}/{name}": data for name, data in sources.items()}), metadata, package


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry = {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if path.startswith("engine-"):
        return entry | {"role": "engine", "build": path.removeprefix("engine-").removesuffix(".wasm")}
    return entry | {"role": path.partition(".")[0].partition("-")[0]}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
