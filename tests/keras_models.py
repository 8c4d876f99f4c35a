"""Make the Keras files that tests read; by a script of its own, for TensorFlow stays out of the test process.

`made(folder)` runs it once in a test session and returns the folder with the files.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path


@functools.cache
def made(base: Path) -> Path:
    """Return the folder of the models, made below `base` the first time it is asked for."""
    folder = base / "keras_models"
    folder.mkdir()
    quiet = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("make_keras_models.py")), str(folder)],
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder
