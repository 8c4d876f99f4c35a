"""Peak memory of `quantize` against the size of the model: dense float .tflite files, each in a process of its own.

    python benchmarks/quantization_memory.py [UNITS ...]

Prints the model's bytes, the peak of the process, and the peak of a process that only imports edgekit.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from quantization_speed import network

from edgekit.config import Config, RecipeConfig
from edgekit.data import load_data
from edgekit.formats.tflite_write import write_tflite
from edgekit.load import load
from edgekit.quantize import Rows, quantize

ROWS = 200


def child(units: int) -> None:
    """Quantize a network of 8 layers of this many units in int8; print its bytes and the peak in megabytes."""
    if units:
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            subprocess.run([sys.executable, __file__, "--make", str(units), work], check=True)
            size = (folder / "m.tflite").stat().st_size
            model = load(folder / "m.tflite", folder)
            config = Config(recipe=RecipeConfig("int8"))
            data = load_data(folder / "d.npz", config, model.inputs, model.output_elements)
            quantize(model, Rows(data, data), config)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{units} units: model {size / 1e6 if units else 0:.1f} MB, peak {peak / 1e6:.0f} MB", flush=True)


def main() -> None:
    """Run every size in a process of its own."""
    if sys.argv[1:2] == ["--make"]:
        units, folder = int(sys.argv[2]), Path(sys.argv[3])
        (folder / "m.tflite").write_bytes(write_tflite(network(units)))
        np.savez(folder / "d.npz", x=np.random.default_rng(0).normal(size=(ROWS, units)).astype(np.float32))
    elif sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]))
    else:
        for units in [0, *(map(int, sys.argv[1:]) if sys.argv[1:] else (256, 512, 1024, 1536))]:
            subprocess.run([sys.executable, __file__, "--child", str(units)], check=True)


if __name__ == "__main__":
    main()
