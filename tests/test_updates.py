"""An update of the last layer alone: everything else keeps its name, and so its place in caches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Trained

from edgekit.config import read_config
from edgekit.config_targets import WasmConfig
from edgekit.export import export
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.load import load
from edgekit.manifest import FileEntry
from edgekit.store import Bundle


def trained_further(graph: Graph) -> Graph:
    """Change the weights of the last layer, each by another factor."""
    head = [op for op in graph.ops if op.kind == "FULLY_CONNECTED"][-1].inputs[1]
    tensors = list(graph.tensors)
    data = tensors[head].data
    assert data is not None
    factors = np.random.default_rng(0).uniform(0.9, 1.1, data.shape)
    tensors[head] = replace(tensors[head], data=(data * factors).astype(np.float32))
    return replace(graph, tensors=tuple(tensors))


def exported(graph: Graph, name: str, trained: Trained, folder: Path, shard_bytes: int) -> Bundle:
    """Export a float model to wasm."""
    config = read_config(trained.config)
    config = replace(config, targets=replace(config.targets, wasm=WasmConfig(shard_bytes=shard_bytes)))
    model = folder / f"{name}.tflite"
    model.write_bytes(write_tflite(graph))
    request = replace(trained.request(folder / name, "wasm"), model=model)
    return export(request, config).bundle


def shards(bundle: Bundle) -> list[FileEntry]:
    return [f for f in bundle.manifest.targets["wasm"].files if f.role == "shard"]


@pytest.mark.parametrize(
    "shard_bytes", [pytest.param(1024, id="several shards a layer"), pytest.param(WasmConfig().shard_bytes, id="usual")]
)
def test_layers_that_did_not_change_keep_their_shards(trained: Trained, tmp_path: Path, shard_bytes: int) -> None:
    graph = load(trained.model, tmp_path).graph
    old = exported(graph, "old", trained, tmp_path, shard_bytes)
    new = exported(trained_further(graph), "new", trained, tmp_path, shard_bytes)
    before = {f.path for f in shards(old)}
    changed = [f for f in shards(new) if f.path not in before]
    assert [(f.bytes, f.first_step) for f in shards(new)] == [(f.bytes, f.first_step) for f in shards(old)]
    assert changed == shards(new)[-1:]
    assert changed[0].bytes < sum(f.bytes for f in shards(new)) / 10
    same = [[f for f in b.manifest.targets["wasm"].files if f.role in ("engine", "runtime")] for b in (old, new)]
    assert same[0] == same[1]
