"""Bundles with a regression planted in them, sealed again: what the verdict has to find, and name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from edgekit.config import Config
from edgekit.formats.tflite_read import parse_tflite
from edgekit.manifest import FileEntry, seal
from edgekit.models import Model
from edgekit.store import Bundle, entry, write_bundle
from edgekit.targets.protocol import File, Job
from edgekit.targets.tflite import TfliteTarget
from edgekit.targets.wasm import WasmTarget

#: A tenth of the weights, and never so few that they pass for noise of the compression.
_MORE, _LEAST = 0.1, 2048


def scalar(bundle: Bundle, out: Path) -> Bundle:
    """Put the engine's slowest build in the place of each; builds with threads, which it cannot replace, go."""
    files = bundle.manifest.targets["wasm"].files
    slow = next(f.path for f in files if f.build == "scalar")
    kept = [f for f in files if not (f.build or "").endswith("-threads")]
    return _write(bundle, out, {"wasm": [_file(bundle, f, slow if f.build else f.path) for f in kept]})


def larger(bundle: Bundle, out: Path) -> Bundle:
    """Put bytes that nobody needs, and that no compression removes, at the end of the last shard."""
    files = {f.path: _file(bundle, f, f.path) for f in bundle.manifest.targets["wasm"].files}
    shards = [f for f in files.values() if f.role == "shard"]
    more = max(_LEAST, int(_MORE * sum(len(f.data) for f in shards)))
    last = shards[-1]
    files[last.path] = replace(last, data=last.data + np.random.default_rng(0).bytes(more))
    plan = next(f for f in files.values() if f.role == "plan")
    words = np.frombuffer(plan.data, "<u4").copy()
    words[3] += more  # the bytes of all weights (docs/bundle.md)
    files[plan.path] = replace(plan, data=words.tobytes())
    return _write(bundle, out, {"wasm": [*files.values()]})


def spoiled(bundle: Bundle, out: Path) -> Bundle:
    """Make the weights of the first layer half as large again; the golden rows stay as they were."""
    model = next(f.path for f in bundle.manifest.targets["tflite"].files if f.role == "model")
    graph = parse_tflite(bundle.read(model), "spoiled")
    layer = next(op for op in graph.ops if op.kind in ("FULLY_CONNECTED", "CONV_2D"))
    weights = graph.tensors[layer.inputs[1]]
    assert weights.quant is not None
    wrong = replace(weights, quant=replace(weights.quant, scale=weights.quant.scale * np.float32(1.5)))
    tensors = tuple(wrong if tensor is weights else tensor for tensor in graph.tensors)
    job = Job(cast(Model, None), replace(graph, tensors=tensors), Config(), np.zeros((1, 1), np.float32))
    made = {"tflite": TfliteTarget().build(job).files, "wasm": WasmTarget().build(job).files}
    return _write(bundle, out, {name: [*files] for name, files in made.items()})


#: What is planted, and what of the verdict must name it: a measure, or the answers.
PLANTED: Mapping[str, tuple[Callable[[Bundle, Path], Bundle], tuple[str, ...]]] = {
    "slower kernels": (scalar, ("p50",)),
    "a larger shard": (larger, ("bytes",)),
    "a layer's scale spoiled": (spoiled, ("answers",)),
}


def _file(bundle: Bundle, entry: FileEntry, source: str) -> File:
    return File(entry.path, bundle.read(source), entry.role, entry.first_step, entry.build)


def _write(bundle: Bundle, out: Path, changed: Mapping[str, list[File]]) -> Bundle:
    """Write the bundle with other files of some targets; the other targets, the page's runtime too, stay."""
    targets, contents = dict(bundle.manifest.targets), {}
    for name, files in changed.items():
        entries = [entry(f.path, f.data, f.role, first_step=f.first_step, build=f.build) for f in files]
        targets[name] = replace(targets[name], files=tuple(entries))
        contents |= {f.path: f.data for f in files}
    manifest = seal(replace(bundle.manifest, targets=targets))
    kept = {f.path: bundle.read(f.path) for f in manifest.files() if f.path not in contents}
    return write_bundle(out, manifest, kept | contents)
