"""The structure: which module may import which, where the heavy packages are, and how large things may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "edgekit"

#: All modules, lowest first: a module imports only from above its own line. Each line is a layer.
ORDER = """
    __init__ errors assets progress plain
    expressions transforms graph config_daily config_targets config manifest models golden
    affine metrics arena plan engine_memory shards wheel python_stub
    formats
    formats.tflite_schema formats.tflite_read formats.tflite_write
    formats.columns formats.thinning formats.csv_read formats.npz_read formats.parquet formats.tables
    formats.keras_files formats.tensorflow_child formats.keras formats.keras_worker formats.tfjs_worker
    formats.onnx_graph formats.onnx_operators formats.onnx_file formats.ort_worker formats.ort_config_worker formats.onnx_source formats.onnx_layers
    placement data features npm_files tfjs_runtime compression pyodide_runtime ort_runtime
    runtimes runtimes.answer runtimes.litert
    quantization
    quantization.edges quantization.rules quantization.rounding quantization.patches formats.tuning_worker quantization.ranges
    quantization.clipping quantization.passes quantization.widening quantization.equalize quantization.rewrite quantization.ladder
    formats.onnx_import formats.onnx_worker formats.onnx_convert
    quantization.modes quantization.cost quantization.coverage quantization.trials quantization.diagnosis
    lowering.nearness lowering.context lowering.requantization lowering.sigmoid_table lowering.strides
    lowering.conversion lowering.dense lowering.elementwise lowering.shape lowering.unary lowering.window lowering.movement lowering.reduction
    lowering.resize lowering.transpose_conv lowering.window_s16 lowering.reduction_s16 lowering.float_ops lowering
    targets.protocol targets.bounds targets.runtime_files targets.tflite targets.wasm targets.tfjs targets.pyodide targets.ort targets
    model_card store hosting server runtimes.node runtimes.chromium runtimes.python_package python_console stopwatch
    simplify load tuning quantize rows slices behaviour audit quantize_model report_parts report_plots quantization_report export verify report verdicts init firebase_ml inspect_model inspect_bundle kept ort_config
    dart dart.names dart.layout dart.schema dart.package native flutter
    publishing
    publishing.site publishing.packing publishing.channel_file publishing.layout publishing.record publishing.plan
    publishing.journal publishing.retries publishing.transfer publishing.endpoint publishing.api_values publishing.hosting_api publishing.local_site
    publishing.credentials publishing.apply publishing.gate publishing.published publishing.notify
    publishing.firebase_json publishing.planning publishing.live_bundle publishing.remote_config
    publish releases gallery
    bench bench.measures bench.records bench.runner
    bench.policy bench.ratios bench.samples bench.accuracy bench.verdict bench.history
    bench.machine bench.visits bench.answers bench.tflite_child
    bench.remote_protocol bench.desk bench.phone_server bench.address bench.agent bench.agent_boot bench.adb_texts
    bench.runners.spec bench.runners.local bench.runners.tflite bench.runners.node bench.runners.chromium
    bench.runners.remote bench.runners.ssh bench.runners.adb bench.runners
    bench.session bench.devices engines sweeping sweeping.exports sweeping.measurements sweep bench.serving bench.flutter_runs
    bench.trend bench.charts bench.page bench.ci bench.mlflow_log
    drift new_data ci
    check_parts check_report check_bench check
    run_state run_stages run_publish run
    cli.options cli.console cli
    cli.site cli.init cli.inspect cli.quantize cli.export cli.verify cli.serve cli.gallery
    cli.publish cli.canary cli.promote cli.rollback cli.releases cli.prune cli.flutter
    cli.bench cli.bench_run cli.sweep cli.bench_report cli.bench_serve cli.bench_import cli.check_data cli.check cli.run cli.ort_config
    __main__
""".split()  # noqa: SIM905 (layers are lines)

#: Packages that are heavy or not in the base install: the modules that may import them.
HEAVY = {
    "tensorflow": {"formats.keras_worker", "formats.tfjs_worker", "formats.tuning_worker"},
    "tensorflowjs": {"formats.tfjs_worker"},
    "keras": {"formats.keras_worker"},
    "h5py": {"formats.keras_worker"},
    "pyarrow": {"formats.parquet"},
    "onnx": {"formats.onnx_file", "formats.onnx_worker"},
    "onnxruntime": {"formats.onnx_file", "formats.ort_config_worker"},
    "ai_edge_litert": {"runtimes.litert"},
    "tflite_runtime": {"runtimes.litert"},
    "playwright": {"runtimes.chromium"},
    "google": {"publishing.credentials", "formats.keras_worker", "formats.tfjs_worker", "formats.onnx_worker"},
    "requests": {"publishing.hosting_api", "publishing.remote_config"},
    "deflate": {"publishing.packing"},
    "joblib": {"engines"},
    "ray": {"engines"},
    "rich": {"cli.console"},
    "segno": {"cli.bench_serve"},
    "mlflow": {"bench.mlflow_log"},
    "brotli": {"report", "quantize_model", "compression", "gallery"},
    "tflite": {"formats.tflite_schema", "formats.tflite_read", "formats.tflite_write"},
    "flatbuffers": {"formats.tflite_write"},
    "click": {name for name in ORDER if name.split(".")[0] == "cli"},
}
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 400, 59, 6
VAGUE = {"utils", "util", "helpers", "common", "base", "manager", "misc"}

MODULES = {
    ".".join(f.relative_to(ROOT / PACKAGE).with_suffix("").parts).removesuffix(".__init__"): f
    for f in sorted((ROOT / PACKAGE).rglob("*.py"))
    if "_assets" not in f.parts
}
TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}
SOURCES = sorted(
    f
    for folder in ("edgekit", "scripts", "tests", "examples", "wasm", "templates")
    for ending in ("py", "js", "mjs", "c", "h")
    for f in (ROOT / folder).rglob(f"*.{ending}")
    if not {"out", "node_modules", "_assets"} & set(f.parts)
)


def imports(name: str) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it the import stands."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import; write it in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(imported: str) -> str:
    """Return the module of the package that a full name is, or lies in: edgekit.plan.encode -> plan."""
    parts = imported.split(".")[1:]
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts) or "__init__"


def test_the_order_names_every_module() -> None:
    new, gone = sorted(MODULES.keys() - set(ORDER)), sorted(set(ORDER) - MODULES.keys())
    assert not new, f"say where {', '.join(new)} belongs: add it to ORDER in {Path(__file__).name}"
    assert not gone, f"{', '.join(gone)} is in ORDER and not in the package"
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str) -> None:
    place = {module: i for i, module in enumerate(ORDER)}
    own = [module_of(full) for full in imports(name) if full.split(".")[0] == PACKAGE]
    wrong = sorted({used for used in own if place.get(used, len(place)) > place.get(name, -1)})
    assert not wrong, f"{name} imports {', '.join(wrong)}, which is not below it in ORDER"


@pytest.mark.parametrize("name", MODULES)
def test_heavy_packages_stay_where_they_are_needed(name: str) -> None:
    used = {full.split(".")[0] for full in imports(name)}
    wrong = sorted(package for package in used & HEAVY.keys() if name not in HEAVY[package])
    assert not wrong, f"{name} imports {', '.join(wrong)}; only the modules in HEAVY may"


def test_heavy_lists_only_what_is_used() -> None:
    unused = [
        f"{package} in {name}"
        for package, names in HEAVY.items()
        for name in sorted(names)
        if package not in {full.split(".")[0] for full in imports(name)}
    ]
    assert not unused, f"HEAVY allows what nobody does: {', '.join(unused)}"


def test_files_are_short() -> None:
    lengths = {f.relative_to(ROOT).as_posix(): len(f.read_text(encoding="utf-8").splitlines()) for f in SOURCES}
    assert len(lengths) > 100
    assert {name: n for name, n in lengths.items() if n > MAX_FILE} == {}


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for file in SOURCES:
        if file.suffix == ".py":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield f"{file.relative_to(ROOT).as_posix()}:{node.name}", node


def test_functions_are_short() -> None:
    lengths = {name: (node.end_lineno or 0) - node.lineno + 1 for name, node in functions()}
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION} == {}


def test_functions_have_few_parameters() -> None:
    """Commands have one for each option, and tests one for each fixture."""
    counts = {}
    for name, node in functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if not name.startswith(("edgekit/cli/", "tests/")):
            counts[name] = len([a for a in arguments if a.arg not in ("self", "cls")])
    assert len(counts) > 200
    assert {name: n for name, n in counts.items() if n > MAX_PARAMETERS} == {}


def test_no_module_has_a_vague_name() -> None:
    assert [f.as_posix() for f in SOURCES if VAGUE & set(f.stem.lower().split("_"))] == []
