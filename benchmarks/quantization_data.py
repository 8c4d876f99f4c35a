"""Peak memory and time of `edgekit quantize` against the size of a .parquet file, each run in a process of its own.

    python benchmarks/quantization_data.py [GIGABYTES ...]

The files hold 32 random float64 columns and a label; they are written to a temporary folder (TMPDIR) and deleted. The
model is a dense float .tflite of 3 layers. Needs the extras data and run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Tensor

COLUMNS, GROUP = 32, 200_000
COMMAND = "import resource, runpy, sys; sys.argv = ['edgekit', *sys.argv[1:]]; code = 0\n" + (
    "try: runpy.run_module('edgekit', run_name='__main__')\n"
    "except SystemExit as end: code = end.code\n"
    "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
)


def network() -> Graph:
    """Return a network of 3 dense layers that was never trained."""
    random, builder = np.random.default_rng(0), GraphBuilder("dense")
    value = first = builder.tensor(Tensor("x", (1, COLUMNS), "float32"))
    for number, (inputs, units) in enumerate(((COLUMNS, 64), (64, 64), (64, 1))):
        made = builder.tensor(Tensor(f"y{number}", (1, units), "float32"))
        weights = random.normal(scale=inputs**-0.5, size=(units, inputs)).astype(np.float32)
        constants = (weights, np.zeros(units, np.float32))
        at = [builder.tensor(Tensor(f"c{number}{i}", c.shape, "float32", None, c)) for i, c in enumerate(constants)]
        builder.op("FULLY_CONNECTED", (value, *at), (made,), fused_activation_function="RELU" if units > 1 else "NONE")
        value = made
    return builder.build((first,), (value,))


def write_rows(path: Path, gigabytes: float) -> int:
    """Write random rows until the file has this size; return how many."""
    random, written = np.random.default_rng(0), 0
    names = [f"f{i}" for i in range(COLUMNS)] + ["y"]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as file:
        while path.stat().st_size < gigabytes * 1e9:
            values = random.standard_normal((len(names), GROUP))
            file.write_table(pa.table([pa.array(v) for v in values], schema=schema))
            written += GROUP
    return written


def main() -> None:
    """Write, quantize and delete a file of each size."""
    for gigabytes in map(float, sys.argv[1:] or ["0.1", "1", "10"]):
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            (folder / "m.tflite").write_bytes(write_tflite(network()))
            rows = write_rows(folder / "d.parquet", gigabytes)
            size = (folder / "d.parquet").stat().st_size
            began = time.monotonic()
            options = ["quantize", "m.tflite", "--data", "d.parquet", "--out", "q.tflite", "--mode", "int8"]
            done = subprocess.run(
                [sys.executable, "-c", COMMAND, *options], cwd=folder, capture_output=True, text=True, check=False
            )
            seconds = time.monotonic() - began
            code, peak = done.stderr.split()[-2:]
            print(
                f"{size / 1e9:.1f} GB, {rows:,} rows: exit code {code}, peak {int(peak) / 1e3:.0f} MB, {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
