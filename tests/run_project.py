"""A small project for `edgekit run`: a float .tflite model that a script without TensorFlow writes, and a .csv file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from whole_models import Network

import edgekit
from edgekit.formats.tflite_write import write_tflite
from edgekit.run_state import FOLDER
from edgekit.runtimes.litert import Interpreter

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(edgekit.__file__).parents[1]), "EDGEKIT_WEBHOOK": ""}

TOML = """\
name = "speed"
version = "1.0.0"

[[features]]
column = "power"
unit = "kW"
range = [0.0, 100.0]

[[features]]
column = "mass"
unit = "t"
range = [1.0, 3.0]

[[outputs]]
name = "speed"

[budgets]
max_drop = "5%"
max_slice_drop = "50%"

[gate]
runtimes = ["litert"]
max_first_load = "200kB"
max_requests = 40

[run]
train = ["{python}", "train.py"]
inputs = ["train.py", "seed.txt"]
new_data = "rows.csv"
model = "model.tflite"
data = "rows.csv"
targets = ["tflite", "wasm"]
site = "local"
"""

#: Only copies: tests/run_project.py wrote the model, as a training would. It says that it ran.
TRAIN = """\
import pathlib, shutil
shutil.copy("trained.bin", "model.tflite")
with open("trained.log", "a") as log:
    log.write(pathlib.Path("seed.txt").read_text())
"""


def model(seed: int) -> bytes:
    """A float network of two features."""
    net = Network(seed)
    source = net.value(1, 2)
    return write_tflite(net.build((source,), (net.dense(net.dense(source, 8, "RELU"), 1),)))


def rows(seed: int, count: int = 240) -> str:
    random = np.random.default_rng(seed)
    power, mass = random.uniform(0, 100, count), random.uniform(1, 3, count)
    answers = Interpreter(model(1)).run(np.stack([power, mass], axis=1).astype(np.float32))[:, 0]
    speed = answers + random.normal(0, 0.1 * answers.std(), count)
    lines = (f"{p:.4f},{m:.4f},{s:.4f}" for p, m, s in zip(power, mass, speed, strict=True))
    return "power,mass,speed\n" + "\n".join(lines) + "\n"


def make_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "edgekit.toml").write_text(TOML.format(python=sys.executable))
    (folder / "train.py").write_text(TRAIN)
    (folder / "seed.txt").write_text("1\n")
    (folder / "trained.bin").write_bytes(model(1))
    (folder / "rows.csv").write_text(rows(1))
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "edgekit", *arguments]


def environment(folder: Path) -> dict[str, str]:
    return {**ENVIRONMENT, "EDGEKIT_CACHE": str(folder.parent / "cache")}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a run whose stderr can be read."""
    options = {"cwd": folder, "env": environment(folder), "text": True}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command("run", "--no-check", *arguments), **options, **pipes)  # type: ignore[call-overload, no-any-return]


def state_file(folder: Path) -> Path:
    return folder / FOLDER / "run.json"
