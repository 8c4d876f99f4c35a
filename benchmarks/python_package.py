"""What the Python package of a bundle costs: bytes, and times in Pyodide (Chromium) and in CPython with wasmtime.

python benchmarks/python_package.py BUNDLE [--runs 5] [--json]: the least of the runs of each time, as other work on the
machine only adds to it. Each run is a fresh page, or a fresh process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli

from edgekit import pyodide_runtime
from edgekit.runtimes.chromium import Browser
from edgekit.server import Server, site
from edgekit.store import Bundle, open_bundle
from edgekit.verify import read_golden

#: Run in both Pythons; ROW is a flat row that lies in every range. Times in seconds.
TIMES = """
import time
begin = time.perf_counter()
import {package} as model
imported = time.perf_counter()
model.predict(ROW, out_of_range="clamp")
first = time.perf_counter()

def each(work, count=2000):
    start = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - start) / count

named = dict(zip([f["name"] for f in model.FEATURES], ROW)) if model.FEATURES else ROW
times = {{"import": imported - begin, "first prediction": first - imported,
    "predict(dict)": each(lambda: model.predict(named, out_of_range="clamp")),
    "predict_array(list)": each(lambda: model.predict_array(ROW)),
    "predict_many, a row": each(lambda: model.predict_many([ROW] * 1000, out_of_range="clamp"), 2) / 1000}}
"""
PAGE = """
const start = performance.now();
const { loadPyodide } = await import('./pyodide/pyodide.mjs');
const lockFileURL = new URL('bundle/pyodide/pyodide-lock.json', document.baseURI).href;
const python = await loadPyodide({ lockFileURL, packageBaseUrl: new URL('.', lockFileURL).href });
const started = performance.now();
const { code, name, row } = await (await fetch('work.json')).json();
await python.loadPackage(name, { messageCallback() {} });
const loaded = performance.now();
python.globals.set('ROW', python.toPy(row));
const times = JSON.parse(python.runPython(`${code}\\nimport json; json.dumps(times)`));
const answer = { 'start Pyodide': (started - start) / 1000, loadPackage: (loaded - started) / 1000, ...times };
document.body.textContent = JSON.stringify(answer);
"""


def sizes(bundle: Bundle) -> Iterator[dict[str, Any]]:
    """Yield raw, gzip and brotli bytes of the wheel, the shards and Pyodide itself."""
    files = [(f.path, bundle.root / f.path) for f in bundle.manifest.targets["pyodide"].files]
    files += [(f"Pyodide: {name}", pyodide_runtime.folder() / name) for name in pyodide_runtime.FILES]
    for name, path in files:
        data = path.read_bytes()
        coded = len(gzip.compress(data, 9)), len(brotli.compress(data, quality=9))
        yield {"file": name, "bytes": len(data), "gzip": coded[0], "brotli": coded[1]}


def in_page(browser: Browser, bundle: Bundle, work: dict[str, Any], folder: Path) -> dict[str, float]:
    """Return the times of one fresh page, its files from a server of this machine."""
    html = "<!doctype html><link rel=icon href=data:,><body></body><script type=module src=page.js></script>"
    for name, text in {"page.html": html, "page.js": PAGE, "work.json": json.dumps(work)}.items():
        (folder / name).write_text(text)
    own = {f"/{name}": folder / name for name in ("page.html", "page.js", "work.json")}
    with Server(site(bundle) | pyodide_runtime.urls() | own) as server, browser.page(server.url) as tab:
        tab.page.goto(f"{server.url}page.html")
        tab.page.wait_for_selector("body:not(:empty)")
        times: dict[str, float] = json.loads(tab.page.inner_text("body"))
        return times


def in_process(wheel: Path, work: dict[str, Any]) -> dict[str, float]:
    """Return the times of one fresh Python, which reads the wheel as it is."""
    code = f"import sys, json; sys.path.insert(0, {str(wheel)!r}); ROW = {work['row']!r}\n{work['code']}"
    done = subprocess.run([sys.executable, "-c", f"{code}\nprint(json.dumps(times))"], capture_output=True, check=True)
    times: dict[str, float] = json.loads(done.stdout)
    return times


def main() -> int:
    """Print the sizes and the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    bundle = open_bundle(chosen.bundle)
    options = bundle.manifest.targets["pyodide"].options
    if options["weights"] != "inside":
        parser.error("this measures wheels with their weights inside")
    package = options["package"]
    row = read_golden(bundle).inputs[0].astype(float).tolist()
    work = {"code": TIMES.format(package=package), "name": package.replace("_", "-"), "row": row}
    with tempfile.TemporaryDirectory() as folder, Browser(timeout=120) as browser:
        pages = [in_page(browser, bundle, work, Path(folder)) for _ in range(chosen.runs)]
    processes = [in_process((bundle.root / options["wheel"]).resolve(), work) for _ in range(chosen.runs)]
    found = {
        "sizes": list(sizes(bundle)),
        "Chromium": {name: min(run[name] for run in pages) for name in pages[0]},
        "CPython": {name: min(run[name] for run in processes) for name in processes[0]},
    }
    if chosen.json:
        print(json.dumps(found))
        return 0
    for size in found["sizes"]:
        print(f"{size['file']:60} {size['bytes']:>11,} {size['gzip']:>11,} {size['brotli']:>11,}")
    for where in ("Chromium", "CPython"):
        for name, seconds in found[where].items():
            print(f"{where:9} {name:22} {seconds * 1e6:>12,.0f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
