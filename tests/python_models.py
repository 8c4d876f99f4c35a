"""Models as Python wheels, and other Pythons to run them in."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from flutter_models import NASTY, dense_bundle
from write_flutter_example import FEATURES, OUTPUTS

from edgekit.assets import asset
from edgekit.config import Config
from edgekit.config_targets import PyodideConfig
from edgekit.store import Bundle

CAR = Config(name="Car.range", version="1.0.0-rc.1", features=FEATURES, outputs=OUTPUTS)
GOOD = {"speed": 90, "outside temperature": 21.5, "road": "city", "passengers": 2, "battery age": 3.25}


def pyodide_bundle(out: Path, weights: str, config: Config = CAR) -> Bundle:
    """Export a dense network by chance as a wheel; its weights are inside or in shards of 1 KB."""
    targets = replace(config.targets, pyodide=PyodideConfig(weights, 1024))
    units = (48, 48, len(config.outputs))
    return dense_bundle(out, replace(config, targets=targets), units, targets=("tflite", "pyodide"))


def nasty_bundle(out: Path) -> Bundle:
    return pyodide_bundle(out, "inside", NASTY)


def wheel_of(bundle: Bundle) -> Path:
    return bundle.root / bundle.manifest.targets["pyodide"].options["wheel"]


@cache
def module(name: str) -> ModuleType:
    """One file of templates/python, as in a package whose __init__ is empty."""
    package = ModuleType("edgekit_template")
    package.__path__ = [str(asset("templates/python"))]
    sys.modules.setdefault(package.__name__, package)
    return importlib.import_module(f"{package.__name__}.{name}")


@cache
def other_pythons() -> dict[str, str]:
    """The Pythons of this machine that a wheel says it runs in, by their version."""
    found = {}
    managed = sorted(Path.home().glob(".pyenv/versions/3.1[0-9]*/bin/python"))
    for program in [*(p for v in range(10, 15) if (p := shutil.which(f"python3.{v}"))), *map(str, managed)]:
        try:
            code = "import sys; print('%d.%d' % sys.version_info[:2])"
            said = subprocess.run([program, "-c", code], capture_output=True, text=True, check=True, timeout=20).stdout
        except (OSError, subprocess.SubprocessError):
            continue
        found.setdefault(said.strip(), program)
    return found


def run_python(code: str, paths: Sequence[Path], program: str = sys.executable, given: Any = None) -> Any:
    """Run code in a process of its own that sees these paths only; it prints JSON, which is returned."""
    head = f"import sys, json; sys.path[:0] = {[str(p) for p in paths]!r}; given = json.load(sys.stdin)\n"
    done = subprocess.run(
        [program, "-I", "-S", "-c", head + code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
