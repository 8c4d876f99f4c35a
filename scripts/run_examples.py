"""Train, export, verify and publish the four examples on this machine; print one table of what came of them.

    python scripts/run_examples.py [--out FOLDER] [--quick]

Each ends in FOLDER/NAME; all of them are on the local site FOLDER/hosting, with its gallery. `--quick` trains on few
rows.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edgekit.cli.console import table

ROOT = Path(__file__).parent.parent
EXAMPLES = ("health_monitoring", "ev_efficiency", "renewable_energy", "crypto_market_size")
COLUMNS = ["example", "trained on this machine", "recipe", "int8 / float", "model, bytes", "wasm", "tfjs", "seconds"]


def run(name: str, out: Path, quick: bool) -> tuple[str, ...]:
    """Walk one example from training to a published page; return its row of the table."""
    source, folder, begin = ROOT / "examples" / name, out / name, time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(source / "edgekit.toml", folder)
    said = call([sys.executable, str(source / "train.py"), str(folder), *(["--quick"] if quick else [])], folder)
    (data,) = folder.glob("calibration.*")
    edgekit = [sys.executable, "-m", "edgekit"]
    exported = call([*edgekit, "export", "model.keras", "--data", data.name, "--out", "bundle", "--json"], folder)
    verified = call([*edgekit, "verify", "bundle", "--json"], folder)
    call([*edgekit, "publish", "bundle", "--site", "local", "--folder", str(out / "hosting")], folder)
    manifest = json.loads((folder / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    quantization = manifest["quantization"]
    (waist,) = [file["bytes"] for file in manifest["targets"]["tflite"]["files"]]
    assert json.loads(exported), name
    states = verdicts(json.loads(verified))
    errors = f"{quantization['quantized_value']:.4g} / {quantization['float_value']:.4g}"
    lines = "\n".join(
        line.partition("; wrote")[0] for line in said.splitlines() if line.startswith(("baselines:", "trained:"))
    )
    seconds = f"{time.monotonic() - begin:.0f}"
    return (name, lines, quantization["recipe"], errors, f"{waist:,}", states["wasm"], states["tfjs"], seconds)


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    """Return the worst verdict of each target; a build that does not fit this machine counts for nothing."""
    found: dict[str, str] = {}
    for check in report["checks"]:
        states = {s for s in (found.get(check["target"]), check["status"]) if s and s != "unfit"}
        found[check["target"]] = next((s for s in ("fail", "pass") if s in states), "not run")
    return found


def call(command: list[str], folder: Path) -> str:
    """Run a command in a folder and return what it printed; what it complained of is shown only where it failed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> int:
    """Run them one after the other; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "examples" / "out", help="where everything is written")
    parser.add_argument("--quick", action="store_true", help="few rows and epochs, to see that all of it works")
    given = parser.parse_args()
    out = given.out.resolve()
    shutil.rmtree(out / "hosting", ignore_errors=True)
    rows = []
    for name in EXAMPLES:
        rows.append(run(name, out, given.quick))
        print(f"{name}: {rows[-1][1]}", file=sys.stderr, flush=True)
    call([sys.executable, "-m", "edgekit", "gallery", str(out / "hosting")], out)
    table("The examples", COLUMNS, rows)
    print(f"see them with: edgekit serve {out / 'hosting'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
