"""Two small float models for sweeps, without TensorFlow, and rows for both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Tensor
from edgekit.sweeping.exports import Wish

FEATURES = 6


def dense(seed: int, width: int) -> Graph:
    """Two dense layers with random weights."""
    random = np.random.default_rng(seed)
    builder = GraphBuilder("dense")
    source = builder.tensor(Tensor("x", (1, FEATURES), "float32"))
    at = source
    for i, (rows, columns) in enumerate([(width, FEATURES), (1, width)]):
        weights = builder.tensor(
            Tensor(f"w{i}", (rows, columns), "float32", data=random.normal(size=(rows, columns)).astype("f4"))
        )
        bias = builder.tensor(Tensor(f"b{i}", (rows,), "float32", data=random.normal(size=rows).astype("f4")))
        after = builder.tensor(Tensor(f"y{i}", (1, rows), "float32"))
        activation = "RELU" if i == 0 else "NONE"
        builder.op("FULLY_CONNECTED", (at, weights, bias), (after,), fused_activation_function=activation)
        at = after
    return builder.build((source,), (at,))


def write_models(folder: Path) -> Wish:
    """Write small.tflite, wide.tflite and rows.npz; return a wish for two recipes of each."""
    for name, seed, width in (("small", 1, 8), ("wide", 2, 64)):
        (folder / f"{name}.tflite").write_bytes(write_tflite(dense(seed, width)))
    np.savez(folder / "rows.npz", x=np.random.default_rng(3).normal(size=(400, FEATURES)).astype("f4"))
    models = (folder / "small.tflite", folder / "wide.tflite")
    return Wish(models, folder / "rows.npz", folder / "cells", ("int8", "int16"))
