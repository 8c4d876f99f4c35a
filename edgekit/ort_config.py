"""Stage: what a build of onnxruntime-web needs for one bundle, and how to make that build."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgekit.errors import EdgekitError, InputError, missing_extra
from edgekit.formats.onnx_graph import WEIGHTS
from edgekit.formats.tensorflow_child import run
from edgekit.ort_runtime import STOCK, VERSION
from edgekit.store import Bundle

#: Without exceptions and type information, as the stock build; the operators of classical machine learning never occur.
_FLAGS = (
    "--config MinSizeRel --build_wasm --enable_wasm_simd --enable_wasm_threads --target onnxruntime_webassembly "
    "--skip_tests --parallel --disable_wasm_exception_catching --disable_rtti --disable_ml_ops "
    "--enable_reduced_operator_type_support --include_ops_by_config"
)


@dataclass(frozen=True)
class Reduced:
    """The text of the configuration, the commands that build with it, and the files that the build makes."""

    config: str
    commands: tuple[str, ...]
    makes: tuple[str, ...]


def ort_config(bundle: Bundle, file: Path) -> Reduced:
    """Return what a reduced build for the bundle's target ort needs; `file` is where the configuration will lie.

    Raises InputError for a bundle without this target or for WebGPU, NotAvailable without the extra [onnx].
    """
    target = bundle.manifest.targets.get("ort")
    if target is None:
        raise InputError(f"{bundle.root.name}: has no target ort; export it with --to ort")
    if target.options.get("backend") != "wasm":
        raise InputError(f"{bundle.root.name}: runs on WebGPU, and a build can be reduced for the back end wasm only")
    if importlib.util.find_spec("onnxruntime") is None:
        raise missing_extra("edgekit ort-config", "onnx")
    with tempfile.TemporaryDirectory(prefix="edgekit-ort-") as work:
        model = Path(work, "model.onnx")
        model.write_bytes(b"".join(bundle.read(f.path) for f in target.files if f.role == "model"))
        Path(work, WEIGHTS).write_bytes(b"".join(bundle.read(f.path) for f in target.files if f.role == "shard"))
        request = {"name": bundle.root.name, "model": str(model), "out": str(Path(work, "out"))}
        (answer,) = run("edgekit.formats.ort_config_worker", [request])
    if isinstance(answer, EdgekitError):
        raise answer
    head = f"# For {bundle.manifest.name} {bundle.manifest.version} ({bundle.manifest.id[:16]}), ONNX Runtime {VERSION}"
    commands = (
        f"git clone --recursive --branch v{VERSION} https://github.com/microsoft/onnxruntime",
        f"cd onnxruntime && ./build.sh {_FLAGS} {file.resolve()}",
    )
    makes = tuple(f"build/Linux/MinSizeRel/{package.file.rpartition('/')[2]}" for package in STOCK["wasm"][1:])
    return Reduced("\n".join([head, *answer["lines"], ""]), commands, makes)
