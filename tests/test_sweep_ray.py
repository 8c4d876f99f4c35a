"""A sweep on Ray, in an environment of its own (make ray) and in a network of its own: Ray listens on every interface."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = Path(os.environ.get("EDGEKIT_RAY", ROOT / ".venv" / "ray" / "bin" / "python"))
ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def test_a_worker_that_is_killed_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    if not PYTHON.is_file():
        pytest.skip("not run: there is no Ray here (make ray)")
    if shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip(
            "not run: this user may not make a network namespace, without which Ray would be open to the network"
        )
    done = subprocess.run(
        [*ALONE, str(PYTHON), str(ROOT / "tests" / "ray_sweep.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["states"] == dict.fromkeys(["small-int8", "small-int16", "wide-int8", "wide-int16"], "made")
    assert found["killed"] == 1
    assert found["same"]
    assert sorted(found["runs"]) == sorted(found["ids"])
