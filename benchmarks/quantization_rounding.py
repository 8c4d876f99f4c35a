"""What rounding for the layer's output wins, and what correcting the bias wins, each without the other.

    python benchmarks/quantization_rounding.py FOLDER [NAME ...]

FOLDER is that of quantization_peers.py. Recipe int8; printed is the drop of the metric, and in brackets the rms
difference to the float model by the spread of its answers.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from quantization_peers import float_file, task

from edgekit.config import Config
from edgekit.data import load_data
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Quant
from edgekit.load import load
from edgekit.metrics import Values, compare
from edgekit.progress import silent
from edgekit.quantization import rewrite
from edgekit.quantization.rounding import Moments, RoundedWeights, round_weights
from edgekit.quantize import Rows, prepare
from edgekit.runtimes.litert import Interpreter


def nearest(weights: Values, quant: Quant, moments: Moments) -> RoundedWeights:
    """Round each weight on its own; what is left on average goes into the bias."""
    integers = np.clip(np.rint(weights / quant.scale[:, None]), -127, 127).astype(np.int8)
    left = weights.astype(np.float64) - integers * quant.scale.astype(np.float64)[:, None]
    return RoundedWeights(integers, quant, (left * moments.mean).sum(axis=1))


def without_shift(rounding: object) -> object:
    """Return the same rounding with the bias left as it is."""

    def rounded(weights: Values, quant: Quant, moments: Moments) -> RoundedWeights:
        found = rounding(weights, quant, moments)  # type: ignore[operator]
        return replace(found, bias_shift=np.zeros(len(weights)))

    return rounded


WAYS = {
    "nearest": without_shift(nearest),
    "nearest, bias corrected": nearest,
    "for the output": without_shift(round_weights),
    "for the output, bias corrected": round_weights,
}


def main() -> None:
    """Print a line for each case."""
    folder = Path(sys.argv[1]).resolve()
    print("case:", ", ".join(WAYS))
    for name in sys.argv[2:] or sorted(p.parent.name for p in folder.glob("*/evaluation.npz")):
        model = load(float_file(folder / name), folder)
        config = Config(task=task(folder / name))
        parts = [
            load_data(folder / name / f"{p}.npz", config, model.inputs, model.output_elements)
            for p in ("calibration", "evaluation")
        ]
        trials, _ = prepare(model.graph, Rows(*parts), config, silent)
        floats = Interpreter(write_tflite(model.graph)).run(parts[1].inputs)
        metric = "top-1" if config.task == "classification" else "rmse"
        cells = []
        for way in WAYS.values():
            trials.prepared("int8")[1].rounded.clear()
            rewrite.round_weights = way  # type: ignore[assignment]
            answers = Interpreter(write_tflite(trials.quantized("int8"))).run(parts[1].inputs)
            drop = compare(metric, parts[1].labels, floats, answers)
            cells.append(f"{drop.drop:+.2%} ({drop.rms_difference / floats.std():.2%})")
        print(f"{name}: {', '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
