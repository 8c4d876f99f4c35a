"""Time from navigation to the first prediction on a slow line with a cold cache: edgekit and its peers.

python benchmarks/cold_start.py BUNDLE
"""

from __future__ import annotations

import html
import importlib.util
import json
import random
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from brotli_server import FLAGS, serving
from contenders import bundles
from judge import difference
from npm_packages import litert_files
from onnx_models import onnx_models, runtime_files
from playwright.sync_api import Browser, Page
from session import answer, open_browser, open_page

from edgekit import golden
from edgekit.cli.console import emit_json, table
from edgekit.errors import CheckFailed, EdgekitError, InputError
from edgekit.store import MANIFEST, Bundle

PAGES = Path(__file__).parent / "pages"
ONNX = "onnxruntime-web int8"
_TIMEOUT_SECONDS = 180


@dataclass(frozen=True)
class Stack:
    """A runtime with the page that uses it; `files` are URL paths, the hinted ones first and in the order of need."""

    name: str
    target: str
    files: Mapping[str, bytes]
    hinted: int


@dataclass(frozen=True)
class Line:
    """The line that is imitated: Chromium limits the bytes a second and delays each request."""

    mbit: float
    rtt: float


@dataclass(frozen=True)
class File:
    """A file that came: bytes over the line, and the ms since navigation at which it was asked for and was there."""

    path: str
    bytes: int
    asked: float
    came: float


@dataclass(frozen=True)
class Result:
    """What was measured of a stack; bytes as they came over the line, without headers.

    `waterfall` is that of the first visit.
    """

    stack: str
    bytes: int
    files: int
    milliseconds: tuple[float, ...]
    answer: str
    waterfall: tuple[File, ...]


def stacks(bundle: Bundle, folder: Path, build: str) -> list[Stack]:
    """Return the stacks that the bundle has targets for; `build` is the engine that this browser takes."""
    targets = bundle.manifest.targets
    found = [edgekit_stack(bundle, build)]
    needless = ("compat", "threaded")  # builds that this page does not take
    wanted = {path: file for path, file in litert_files(folder).items() if not any(word in path for word in needless)}
    litert = {path: file.read_bytes() for path, file in wanted.items()}
    model = next(f.path for f in targets["tflite"].files if f.role == "model")
    found.append(_stack("LiteRT.js", "tflite", litert | {f"/bundle/{model}": bundle.read(model)}))
    if "tfjs" in targets:
        paths = [f.path for role in ("script", "model", "weights") for f in targets["tfjs"].files if f.role == role]
        found.append(_stack("TF.js", "tfjs", {f"/bundle/{path}": bundle.read(path) for path in paths}))
    if importlib.util.find_spec("tf2onnx") is None:
        click.echo("onnxruntime-web: not run, tf2onnx is not installed (pip install tf2onnx)", err=True)
    elif onnx := onnx_models(bundle.read(model), folder):
        runtime = {path: file.read_bytes() for path, file in runtime_files(folder).items()}
        found.append(_stack(ONNX, "tflite", runtime | {"/model.onnx": onnx[ONNX].read_bytes()}))
    return found


def _stack(name: str, target: str, files: Mapping[str, bytes]) -> Stack:
    return Stack(name, target, files, len(files))


def edgekit_stack(bundle: Bundle, build: str | None) -> Stack:
    """Return edgekit's own stack, with a hint for one build of the engine or for none."""
    files = bundle.manifest.targets["wasm"].files
    engine = [f.path for f in files if f.role == "engine" and f.build == build]
    first = [*engine, "runtime/edgekit.js", MANIFEST]
    first += [f.path for role in ("plan", "shard") for f in files if f.role == role]
    rest = [f.path for f in files if f.path not in first]
    contents = {f"/bundle/{path}": bundle.read(path) for path in [*first, *rest]}
    return Stack("edgekit", "wasm", contents, len(first))


def hints(stack: Stack) -> str:
    """Return the tags that let the browser fetch everything at once; every stack gets them."""
    return "\n".join(_hint(path) for path in [*[*stack.files][: stack.hinted], "/finish.js"])


def _hint(path: str) -> str:
    if path.endswith(".js") and "/litert/wasm/" not in path:
        return f'<link rel="modulepreload" href="{path}">'
    kind = "script" if path.endswith(".js") else "fetch"
    return f'<link rel="preload" as="{kind}" href="{path}" crossorigin="anonymous">'


def site(stack: Stack, bundle: Bundle, row: golden.Rows, hinted: bool) -> dict[str, bytes]:
    """Return every file that the stack's page needs."""
    names = {"edgekit": "cold_edgekit.js", "LiteRT.js": "cold_litert.js", "TF.js": "cold_tfjs.js", ONNX: "cold_onnx.js"}
    question = {
        "row": row.tolist(),
        "inputs": [{"shape": s.shape} for s in bundle.manifest.inputs],
        "options": bundle.manifest.targets[stack.target].options,
    }
    page = (PAGES / "cold.html").read_text()
    page = page.replace("<html", f'<html data-question="{html.escape(json.dumps(question))}"', 1)
    page = page.replace("<!-- hints -->", hints(stack) if hinted else "")
    scripts = {"/cold.js": PAGES / names[stack.name], "/finish.js": PAGES / "finish.js"}
    return {"/": page.encode(), **{path: file.read_bytes() for path, file in scripts.items()}, **stack.files}


def imitate(page: Page, line: Line) -> None:
    """Let a page have that line from now on."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    speed = line.mbit * 1e6 / 8
    limits = {"latency": line.rtt, "downloadThroughput": speed, "uploadThroughput": speed}
    session.send("Network.emulateNetworkConditions", {"offline": False, **limits})


def visit(browser: Browser, url: str, line: Line) -> dict[str, Any]:
    """Open the page with an empty cache and return what it says."""
    with open_page(browser) as page:
        imitate(page, line)
        page.goto(url, wait_until="commit", timeout=_TIMEOUT_SECONDS * 1000)
        result: dict[str, Any] = answer(page, _TIMEOUT_SECONDS)
        return result


def measure(bundle: Bundle, line: Line, repeat: int, hinted: bool) -> tuple[str, list[Result]]:
    """Visit every stack's page `repeat` times, in random turns; return Chromium's version and the results."""
    if len(bundle.manifest.inputs) != 1 or len(bundle.manifest.outputs) != 1:
        raise InputError("the pages are written for one input and one output; give another bundle")
    rows = golden.decode(bundle.read(golden.PATH))
    visits: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder, open_browser(FLAGS) as browser:
        with serving(site(edgekit_stack(bundle, None), bundle, rows.inputs[0], hinted=False)) as url:
            build = visit(browser, url, Line(100, 0))["build"]
        turns = [stack for stack in stacks(bundle, Path(folder), build) for _ in range(repeat)]
        random.Random(0).shuffle(turns)  # noqa: S311 -- an order, not a secret
        for stack in turns:
            with serving(site(stack, bundle, rows.inputs[0], hinted)) as url:
                visits.setdefault(stack.name, []).append(visit(browser, url, line))
        results = [
            _result(name, found, rows) for name, found in sorted(visits.items(), key=lambda v: v[0] != "edgekit")
        ]
        return browser.version, results


def _result(name: str, visits: list[dict[str, Any]], rows: golden.Golden) -> Result:
    output = np.asarray(visits[0]["output"], np.float32)
    said = difference(output, rows.quantized[0])
    if name == "edgekit" and said != "bit for bit":
        raise CheckFailed(f"edgekit's answer is wrong: {said}")
    files = tuple(File(*f) for f in visits[0]["files"])
    times = tuple(v["milliseconds"] for v in visits)
    return Result(name, sum(f.bytes for f in files), len(files), times, said, files)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--repeat", type=click.IntRange(1, 100), default=5, show_default=True, help="Visits of each page.")
@click.option("--mbit", type=click.FloatRange(0.01, 1000), default=1.5, show_default=True, help="Megabits a second.")
@click.option("--rtt", type=click.FloatRange(0, 10000), default=150.0, show_default=True, help="Milliseconds.")
@click.option("--hints/--no-hints", default=True, show_default=True, help="Whether the pages name their files ahead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all samples.")
def command(bundle: Path, repeat: int, mbit: float, rtt: float, hints: bool, as_json: bool) -> int:
    """Time the first prediction on a slow line, with a bundle or an int8 .tflite of one input and output."""
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        _, opened = next(bundles([bundle], None, Path(work)))
        version, results = measure(opened, Line(mbit, rtt), repeat, hints)
    if as_json:
        emit_json({"chromium": version, "mbit": mbit, "rtt": rtt, "hints": hints, "stacks": results})
        return 0
    lines = [
        (
            r.stack,
            f"{r.bytes:,}",
            r.files,
            f"{np.median(r.milliseconds):,.0f}",
            f"{min(r.milliseconds):,.0f}",
            f"{max(r.milliseconds):,.0f}",
            r.answer,
        )
        for r in results
    ]
    title = f"First prediction, {mbit:g} Mbit/s, {rtt:g} ms, {'with' if hints else 'without'} hints, Chromium {version}"
    table(title, ["stack", "bytes", "files", "ms, median", "fastest", "slowest", "int8 answer"], lines)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(command(standalone_mode=False))
    except (EdgekitError, click.ClickException) as error:
        click.echo(f"cold_start: {error}", err=True)
        sys.exit(error.exit_code)
