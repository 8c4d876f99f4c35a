"""Join the modules of wasm/js into the files of wasm/dist that bundles carry: readable here, small on the line.

Needs npm, for esbuild; users never run this. `--check` builds elsewhere and compares.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
#: Its WebAssembly build runs everywhere and gives the same bytes.
ESBUILD = "esbuild-wasm@0.28.2"
#: What a page loads, what it loads on demand, what its workers run, and what finds a published bundle.
ENTRIES = ("edgekit.js", "tfjs.js", "ort.js", "worker.js", "threads-worker.js", "channel.js")
FLAGS = (
    "--bundle", "--minify", "--format=esm", "--target=es2022", "--charset=utf8", "--log-level=warning",
    "--external:./edgekit.js", "--external:./tfjs.js", "--external:./ort.js",
    "--banner:js=// edgekit, Apache-2.0; made of wasm/js",
)  # fmt: skip


def build(out: Path) -> None:
    """Write the files into a folder."""
    sources = [str(HERE / "js" / name) for name in ENTRIES]
    with tempfile.TemporaryDirectory() as folder:
        npm = ["npm", "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ESBUILD]
        subprocess.run(npm, check=True)
        esbuild = Path(folder) / "node_modules/esbuild-wasm/bin/esbuild"
        subprocess.run(["node", esbuild, *sources, *FLAGS, f"--outdir={out.resolve()}"], check=True)


def main() -> int:
    """Build, or with --check compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where dist/ is not what the sources give")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        for name in ENTRIES:
            made, kept = (Path(folder) / name).read_bytes(), HERE / "dist" / name
            if not check:
                kept.write_bytes(made)
            elif not kept.is_file() or kept.read_bytes() != made:
                print(f"{kept.name} is not what wasm/js gives; run: python wasm/build_js.py", file=sys.stderr)
                return 1
            print(f"{kept.name}: {len(made)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
