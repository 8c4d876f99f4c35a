"""The child's side of targets/ort.py: graphs into optimized ONNX files, and what they answer.

Run by formats/tensorflow_child.py, which calls `handle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import InputError
from edgekit.formats.onnx_file import answers, operators, optimize, take_weights_out, to_proto, versions
from edgekit.formats.onnx_graph import OnnxGraph, to_onnx
from edgekit.formats.onnx_operators import EMITTERS
from edgekit.formats.tflite_read import read_tflite
from edgekit.shards import cut


def handle(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write model.onnx and shards of each .tflite file into a folder of its name, and answers.npy beside them."""
    out = Path(request["out"])
    rows = np.load(request["rows"])
    found: dict[str, Any] = {}
    for name, file in request["graphs"].items():
        folder = out / name
        folder.mkdir(parents=True)
        plain = to_onnx(read_tflite(Path(file), str(request["name"])), EMITTERS)
        if not isinstance(plain, OnnxGraph):
            op, why = plain[0]
            raise InputError(f"{request['name']}: the target ort cannot take {op.kind}: {why}; leave ort out of --to")
        model = optimize(to_proto(plain), str(request["level"]), folder / "optimized.onnx")
        np.save(folder / "answers.npy", answers(model, rows))
        shards = cut(take_weights_out(model), int(request["shard_bytes"]))
        (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
        for place, shard in enumerate(shards):
            (folder / shard.name(place)).write_bytes(shard.data)
        steps = {shard.name(place): shard.first_step for place, shard in enumerate(shards)}
        found[name] = {"operators": operators(model), "shards": steps}
    return {"variants": found, "tools": dict(versions())}
