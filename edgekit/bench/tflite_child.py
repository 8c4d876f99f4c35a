"""python -m edgekit.bench.tflite_child MODEL THREADS STARTED: one visit of a .tflite model, in a process of its own.

STARTED is the parent's monotonic clock in ns, which all processes of a machine share. Prints {"values", "calls"}.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import numpy as np

from edgekit.bench import machine
from edgekit.runtimes.litert import Interpreter, Rows

_WARM_NS = 50_000_000
_STEADY_NS = 150_000_000
_BATCHES = 100
_FEWEST = 5
_BATCH_NS = 500_000
now = machine.Stopwatch().now


def main(model: str, threads: str, started: str) -> None:
    """Load, predict once, then for a while, and print what that took."""
    gc.disable()
    begin = now()
    interpreter = Interpreter(Path(model).read_bytes(), threads=int(threads))
    ready = now()
    row = np.zeros((1, interpreter.inputs), np.float32)
    interpreter.run(row)
    answered = now()
    values = {
        "cold": (answered - int(started)) / 1e6,
        "load": (ready - begin) / 1e6,
        "first": (answered - ready) / 1e3,
    }
    before = machine.energy()
    calls, total = _steady(interpreter, row)
    after = machine.energy()
    if before is not None and after is not None and after > before:  # the counter wraps around
        values["energy"] = (after - before) / 1e3 / total
    if (memory := machine.peak_memory()) is not None:
        values["memory"] = float(memory)
    if (temperature := machine.temperature()) is not None:
        values["temperature"] = temperature
    json.dump({"values": values, "calls": calls}, sys.stdout)


def _steady(interpreter: Interpreter, row: Rows) -> tuple[list[float], int]:
    """Return batches in us a call, and how many calls there were."""
    count, total = 1, 0

    def timed() -> int:
        begin = now()
        for _ in range(count):
            interpreter.run(row)
        return now() - begin

    end = now() + _WARM_NS
    while now() < end:
        took = timed()
        if took < _BATCH_NS:
            count = min(2 * count, -(-count * _BATCH_NS // max(took, 1)))
    calls: list[float] = []
    end = now() + _STEADY_NS
    while len(calls) < _FEWEST or (len(calls) < _BATCHES and now() < end):
        calls.append(timed() / 1e3 / count)
        total += count
    return calls, total


if __name__ == "__main__":
    main(*sys.argv[1:])
