"""Time edgekit's wasm target beside LiteRT.js, onnxruntime-web and TF.js (where the bundle has it), in turn.

python benchmarks/browser_peers.py --models FOLDER --model BUNDLE [--threads 2]
"""

from __future__ import annotations

import base64
import importlib.util
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from contenders import bundles
from judge import Ratio, Spread, difference, ratio, spread
from npm_packages import litert_files
from onnx_models import onnx_models, runtime_files
from playwright.sync_api import Browser
from session import NO_VNNI, answer, open_browser, open_page

from edgekit import golden
from edgekit.cli.console import emit_json, table
from edgekit.errors import CheckFailed, EdgekitError, InputError
from edgekit.golden import Golden
from edgekit.server import Server, site
from edgekit.store import Bundle

PAGES = Path(__file__).parent / "pages"
OWN, PEER = "edgekit", "LiteRT.js"
_PATIENCE_SECONDS = 180  # beyond the timing itself: loading, answering and warming up
_ROWS = 32


@dataclass(frozen=True)
class Timed:
    """A runtime's result for a model: milliseconds a call, one sample for each round."""

    runtime: str
    note: str
    answers: str  # against golden.json
    calls: int  # in a block, which makes a sample
    samples: tuple[float, ...]
    milliseconds: Spread
    ratio: Ratio | None  # to edgekit; None for edgekit itself


@dataclass(frozen=True)
class Result:
    """What was measured of a model; `same` says how the answers of edgekit and LiteRT.js differ."""

    model: str
    tflite_bytes: int
    same: str
    timed: tuple[Timed, ...]


@dataclass(frozen=True)
class Setting:
    """How to measure, the same for every model."""

    build: str | None
    threads: int
    seconds: float
    seed: int
    peers: Mapping[str, Path]  # URL path -> file of LiteRT.js and onnxruntime-web
    onnx: bool


def measure(browser: Browser, name: str, bundle: Bundle, setting: Setting) -> Result:
    """Compare the answers of the runtimes, then time them. Raises CheckFailed where edgekit's are wrong."""
    rows = golden.decode(bundle.read(golden.PATH))
    rows = Golden(rows.inputs[:_ROWS], rows.float[:_ROWS], rows.quantized[:_ROWS])
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        binary = Path(folder, "rows.bin")
        binary.write_bytes(rows.inputs.tobytes())
        pages = {f"/{page.name}": page for page in PAGES.glob("peers.*")}
        onnx = onnx_models(bundle.read("tflite/model.tflite"), Path(folder)) if setting.onnx else {}
        models = {f"/{file.name}": file for file in onnx.values()}
        files = {**site(bundle), **pages, **setting.peers, **models, "/rows.bin": binary}
        with Server(files) as server, open_page(browser) as page:
            page.goto(f"{server.url}peers.html")
            page.wait_for_selector("html[data-state=ready]", state="attached")
            page.evaluate("work => { prepare(work); }", _work(bundle, rows, setting, onnx))
            prepared = answer(page, _PATIENCE_SECONDS)
            if not prepared["isolated"]:
                raise CheckFailed("the page is not cross-origin isolated, so its clock is too coarse")
            answers = {k: _values(v, len(rows)) for k, v in prepared["answers"].items()}
            differences = {k: difference(v, rows.quantized) for k, v in answers.items()}
            if bundle.manifest.targets["wasm"].parity == "exact" and differences[OWN] != "bit for bit":
                raise CheckFailed(f"{name} is not timed, edgekit's answers are wrong: {differences[OWN]}")
            page.evaluate("work => { time(work); }", {"seconds": setting.seconds, "seed": setting.seed})
            times = answer(page, setting.seconds + _PATIENCE_SECONDS)
    samples = times["samples"]
    timed = tuple(
        Timed(
            runtime=runtime,
            note=prepared["notes"][runtime],
            answers=differences[runtime],
            calls=times["calls"][runtime],
            samples=tuple(samples[runtime]),
            milliseconds=spread(samples[runtime]),
            ratio=None if runtime == OWN else ratio(samples[OWN], samples[runtime], setting.seed),
        )
        for runtime in samples
    )
    return Result(name, _model_bytes(bundle), difference(answers[OWN], answers[PEER]), timed)


def _work(bundle: Bundle, rows: Golden, setting: Setting, onnx: Mapping[str, Path]) -> dict[str, Any]:
    tfjs = bundle.manifest.targets.get("tfjs")
    return {
        "runtimes": [OWN, PEER, *(["TF.js"] if tfjs else []), *(["onnxruntime-web"] if onnx else [])],
        "build": setting.build,
        "threads": setting.threads,
        "width": rows.inputs.shape[1],
        "inputs": [{"name": s.name, "shape": list(s.shape)} for s in bundle.manifest.inputs],
        "tfjs": dict(tfjs.options) if tfjs else None,
        "onnx": {name: file.name for name, file in onnx.items()},
    }


def _values(text: str, rows: int) -> golden.Rows:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(rows, -1)


def _model_bytes(bundle: Bundle) -> int:
    return next(f.bytes for f in bundle.manifest.targets["tflite"].files if f.role == "model")


def print_results(results: Sequence[Result], seconds: float, threads: int) -> None:
    """Print a table for each model."""
    for result in results:
        title = f"{result.model}: {result.tflite_bytes:,} bytes of .tflite; {OWN} and {PEER}: {result.same}"
        lines = [
            (
                t.runtime,
                time(t.milliseconds.best),
                time(t.milliseconds.median),
                time(t.milliseconds.p90),
                str(t.ratio or "–"),
                str(len(t.samples)),
                str(t.calls),
                t.answers,
                t.note,
            )
            for t in result.timed
        ]
        columns = ["runtime", "best", "median", "p90", "times edgekit's", "rounds", "calls", "int8 answers", "what ran"]
        table(title, columns, lines)
    click.echo(
        f"{seconds:g} s a model, blocks in random turns, threads: {threads}; load average {os.getloadavg()[0]:.1f}"
    )


def time(milliseconds: float) -> str:
    """Write a duration in the unit that suits it."""
    return f"{milliseconds:.3f} ms" if milliseconds >= 0.1 else f"{milliseconds * 1000:.2f} us"


@click.command()
@click.option("--model", "models", type=click.Path(path_type=Path), multiple=True, help="An int8 .tflite or a bundle.")
@click.option(
    "--models", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Its int8 ones."
)
@click.option("--build", help="The engine build, such as simd or scalar; else the one that the runtime chooses.")
@click.option("--threads", type=click.IntRange(1, 4), default=1, show_default=True, help="Of edgekit and LiteRT.js.")
@click.option("--no-vnni", is_flag=True, help="Run V8 without AVX-VNNI, as on an older x86 CPU.")
@click.option("--seconds", type=click.FloatRange(0.1, 600), default=20.0, show_default=True, help="For each model.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order of the blocks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all samples.")
def command(  # noqa: PLR0913, PLR0917 -- a parameter for each option
    models: tuple[Path, ...],
    folder: Path | None,
    build: str | None,
    threads: int,
    no_vnni: bool,
    seconds: float,
    seed: int,
    as_json: bool,
) -> int:
    """Time edgekit beside its peers in one browser."""
    if not models and folder is None:
        raise InputError("nothing to measure is given; give --model or --models")
    results: list[Result] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        has_onnx = importlib.util.find_spec("tf2onnx") is not None
        peers = litert_files(Path(work, "litert")) | (runtime_files(Path(work, "ort")) if has_onnx else {})
        setting = Setting(build, threads, seconds, seed, peers, has_onnx)
        # Before the browser runs: what converts must not compete with it.
        found = list(bundles(models, folder, Path(work)))
        with open_browser([NO_VNNI] if no_vnni else []) as browser:
            version = browser.version
            for name, bundle in found:
                try:
                    results.append(measure(browser, name, bundle, setting))
                except CheckFailed as error:
                    failed.append(f"{name}: {error}")
    if as_json:
        setup = {"chromium": version, "vnni": not no_vnni, "threads": threads, "seconds": seconds}
        emit_json({**setup, "models": results, "failed": failed})
    else:
        click.echo(f"Chromium {version}{', AVX-VNNI off' if no_vnni else ''}")
        print_results(results, seconds, threads)
    if not has_onnx:
        click.echo("onnxruntime-web: not run, tf2onnx is not installed (pip install tf2onnx)", err=True)
    for line in failed:
        click.echo(line, err=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(command(standalone_mode=False))
    except (EdgekitError, click.ClickException) as error:
        click.echo(f"browser_peers: {error}", err=True)
        sys.exit(error.exit_code)
