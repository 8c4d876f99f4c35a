"""Sweep on a Ray of two workers, the first of which is killed while it exports; run by tests/test_sweep_ray.py.

Prints the outcomes, how many workers were killed, and what the history holds after two sweeps.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import sweep_models

from edgekit.bench.history import History
from edgekit.config import Config
from edgekit.engines import RayEngine
from edgekit.sweep import sweep

PATIENCE = 60


def kill_a_worker(killed: list[int]) -> None:
    """Wait until a worker exports, and kill it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not killed:
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::export_cell"):
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed.append(int(entry.name))
                    return
            except OSError:
                continue  # it has ended
        time.sleep(0.005)


def main() -> None:
    folder = Path(sys.argv[1])
    wish = replace(sweep_models.write_models(folder), runners=("tflite",), visits=2)
    engine = RayEngine(workers=2)
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(killed,))
    killer.start()
    history = History(folder / "history.sqlite")
    done = sweep(wish, Config(), engine, history)
    killer.join()
    again = sweep(wish, Config(), engine, history)
    runs = [entry.run.candidate.bundle_id for entry in history.runs()]
    ids = [one.outcome.bundle_id for one in done]
    states = {one.cell: one.outcome.status for one in done}
    print(json.dumps({"states": states, "killed": len(killed), "same": again == done, "ids": ids, "runs": runs}))


if __name__ == "__main__":
    main()
