"""TF.js: a graph model made from the source model, and the script that runs it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit import tfjs_runtime
from edgekit.errors import EdgekitError, missing_extra
from edgekit.formats.keras import OPERATORS, input_node, output_node
from edgekit.formats.tensorflow_child import run
from edgekit.graph import Graph
from edgekit.models import Model
from edgekit.targets.bounds import of_span
from edgekit.targets.protocol import Built, File, Job, Refusal
from edgekit.targets.runtime_files import runtime_files

#: Float weights: only the order of the sums differs from TensorFlow. Measured on eight models in Chromium: at most
#: 2e-6 of the span, so this leaves room for models fifty times as ill-conditioned, and none for a wrong kernel.
FLOAT32_SPAN = 1e-4
#: uint8 weights, one scale for a whole matrix. Measured: 0.1 to 0.5 % of the span for networks of two to five layers,
#: tabular, convolutional and recurrent; 7 % and 19 % for an autoencoder of ten layers and a residual network with their
#: batch normalizations folded in, which is damage, and which this bound is there to refuse.
UINT8_SPAN = 0.02

#: What TF.js runs in `executeAsync` only; wasm/js/tfjs.js calls `execute`.
_DEFERRED = {"If", "StatelessIf", "StatelessWhile", "While", "Where"}
_DEFERRED |= {"NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV5"}
LACKS = "TF.js does not have this operator"
DEFERRED = "TF.js runs this operator step by step only, and edgekit's browser runtime runs a model in one step"
NO_SOURCE = "TF.js is made from a Keras model or SavedModel, and this is neither"


class TfjsTarget:
    """The target "tfjs"."""

    name = "tfjs"

    def refusals(self, model: Model, quantized: Graph) -> list[Refusal]:
        """Refuse .tflite and .onnx files and operators that TF.js does not have."""
        if model.saved_model is None:
            return [Refusal("model", model.name, NO_SOURCE)]
        used = json.loads((model.saved_model / OPERATORS).read_text(encoding="utf-8"))
        known = _operators() or used.keys()
        missing = [Refusal(op, layer, LACKS) for op, layer in used.items() if op not in known]
        return missing + [Refusal(op, layer, DEFERRED) for op, layer in used.items() if op in _DEFERRED]

    def build(self, job: Job) -> Built:
        """Convert in a child process and return the graph model with its shards named by their contents."""
        script = tfjs_runtime.script()
        options = job.config.targets.tfjs
        with tempfile.TemporaryDirectory(prefix="edgekit-tfjs-") as folder:
            tools = _convert(job, Path(folder))
            files = _read(Path(folder))
        model = job.model
        return Built(
            files=(*files, File("tfjs/tf.js", script, "script"), *runtime_files(self.name)),
            parity="bound",
            bound=bound(options.weights, job.float_outputs),
            options={
                "weights": options.weights,
                "inputs": [input_node(i) for i in range(len(model.inputs))],
                "outputs": [output_node(i) for i in range(len(model.outputs))],
                "input_shapes": [list(s.shape) for s in model.inputs],
            },
            tools={**tools, "@tensorflow/tfjs": tfjs_runtime.VERSION},
        )


def bound(weights: str, outputs: npt.NDArray[np.float32]) -> float:
    """Return the largest error that the target may have, absolute, in the output's own units."""
    return of_span(UINT8_SPAN if weights == "uint8" else FLOAT32_SPAN, outputs)


def _convert(job: Job, out: Path) -> dict[str, str]:
    if importlib.util.find_spec("tensorflowjs") is None:
        raise missing_extra("the tfjs target", "convert")
    options = job.config.targets.tfjs
    request = {
        "name": job.model.path.name,
        "frozen": str(job.model.saved_model),
        "inputs": [s.name for s in job.model.inputs],
        "outputs": [s.name for s in job.model.outputs],
        "weights": options.weights,
        "shard_bytes": options.shard_bytes,
        "out": str(out),
    }
    (answer,) = run("edgekit.formats.tfjs_worker", [request])
    if isinstance(answer, EdgekitError):
        raise answer
    return dict(answer)


def _read(folder: Path) -> tuple[File, ...]:
    topology = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    shards: list[File] = []
    for group in topology["weightsManifest"]:
        group["paths"] = [_shard(shards, (folder / path).read_bytes()) for path in group["paths"]]
    return (File("tfjs/model.json", _canonical(topology), "model"), *shards)


def _shard(shards: list[File], data: bytes) -> str:
    name = f"shard-{len(shards):03d}.{hashlib.sha256(data).hexdigest()[:16]}.bin"
    shards.append(File(f"tfjs/{name}", data, "weights"))
    return name


def _canonical(value: Any) -> bytes:
    """The converter's JSON has the order of protobuf maps, which differs from run to run."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n").encode()


def _operators() -> set[str]:
    """Return the operators of the installed tensorflowjs, without importing it; none when it is not there."""
    spec = importlib.util.find_spec("tensorflowjs")
    names: set[str] = set()
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder, "op_list").glob("*.json")):
            names.update(str(op["tfOpName"]) for op in json.loads(file.read_text(encoding="utf-8")))
    return names
