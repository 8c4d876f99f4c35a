"""Write the example model of templates/flutter again: a small made-up network, exported and generated.

Needed when the plan, the engine's operators or the generator change. Its bundle is committed without the files that
are the same for every model (the engine, the browser runtime): those are in wasm/.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.config import Config, FeatureConfig, OutputConfig
from edgekit.dart.package import asset_files, model_package
from edgekit.dart.schema import schema_of
from edgekit.export import Request, export
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Tensor
from edgekit.store import MANIFEST, Bundle

OUT = Path(__file__).parent.parent / "templates" / "flutter" / "packages" / "example_model"
EVERY_MODEL = ("engine", "runtime")

FEATURES = (
    FeatureConfig("speed", unit="km/h", range=(0.0, 180.0)),
    FeatureConfig("outside temperature", unit="°C", range=(-25.0, 45.0)),
    FeatureConfig("road", kind="category", categories=("city", "country road", "motorway")),
    FeatureConfig("passengers", kind="integer", range=(1.0, 5.0)),
    FeatureConfig("battery age", unit="years", range=(0.0, 12.5)),
)
OUTPUTS = (OutputConfig("consumption", "kWh/100 km"), OutputConfig("range", "km"))


def dense_graph(low: np.ndarray, high: np.ndarray, units: Sequence[int], activation: str = "RELU") -> Graph:
    """Return a float network of dense layers with weights by chance, centred on the ranges."""
    random = np.random.default_rng(len(low))
    builder = GraphBuilder("dense")

    def constant(data: np.ndarray) -> int:
        return builder.tensor(Tensor(f"c{len(builder.tensors)}", data.shape, "float32", None, data.astype(np.float32)))

    def value(width: int) -> int:
        return builder.tensor(Tensor(f"t{len(builder.tensors)}", (1, width), "float32"))

    source = first = value(len(low))
    scale, centre = 2 / np.maximum(high - low, 1e-9), (high + low) / 2
    for layer, width in enumerate(units):
        inputs = len(low) if layer == 0 else units[layer - 1]
        weights = random.normal(size=(width, inputs)) / inputs**0.5
        bias = 0.3 * random.normal(size=width) + 2
        if layer == 0:
            weights = weights * scale
            bias = bias - weights @ centre
        last = layer == len(units) - 1
        fused = activation if activation == "RELU" and not last else "NONE"
        made = value(width)
        builder.op(
            "FULLY_CONNECTED", (source, constant(weights), constant(bias)), (made,), fused_activation_function=fused
        )
        if fused == "NONE" and not last:
            source, made = made, value(width)
            builder.op(activation, (source,), (made,))
        source = made
    return builder.build((first,), (source,))


def dense_bundle(
    out: Path,
    config: Config,
    units: Sequence[int],
    activation: str = "RELU",
    targets: tuple[str, ...] = ("tflite", "wasm"),
) -> Bundle:
    """Export a dense network by chance for the features of a config, which all need a range or categories."""
    random = np.random.default_rng(1)
    numbers = [f for step in range(config.features[0].steps) for f in config.features]  # a window is [steps, features]
    ends = [f.range or (0, len(f.categories) - 1) for f in numbers]
    low, high = (np.array([end[i] for end in ends], np.float64) for i in (0, 1))
    rows = random.uniform(low, high, (400, len(ends)))
    whole = [i for i, f in enumerate(numbers) if f.kind != "number"]
    rows[:, whole] = np.round(rows[:, whole])
    with tempfile.TemporaryDirectory() as folder:
        model, data = Path(folder) / "model.tflite", Path(folder) / "rows.npz"
        model.write_bytes(write_tflite(dense_graph(low, high, units, activation)))
        np.savez(data, x=rows.astype(np.float32))
        return export(Request(model, data, out, targets), config).bundle


def example_files(bundle: Bundle) -> dict[str, bytes]:
    """Return path -> bytes of the example's package."""
    schema = schema_of(bundle.manifest)
    entries = [f for f in asset_files(schema) if f.role not in EVERY_MODEL]
    files = {MANIFEST: (bundle.root / MANIFEST).read_bytes()} | {f.path: bundle.read(f.path) for f in entries}
    return model_package(schema, files, embeds=True)


def main() -> int:
    """Write the package; return the exit code."""
    config = Config(name="example", version="1.0.0", features=FEATURES, outputs=OUTPUTS)
    with tempfile.TemporaryDirectory() as folder:
        files = example_files(dense_bundle(Path(folder) / "bundle", config, (16, 16, 2)))
    shutil.rmtree(OUT, ignore_errors=True)
    for path, data in files.items():
        (OUT / path).parent.mkdir(parents=True, exist_ok=True)
        (OUT / path).write_bytes(data)
    print(f"wrote {OUT}: {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
