"""How near the first prediction comes to what a slow line allows: its bytes over the bandwidth, and one round trip.

python benchmarks/slow_line.py BUNDLE
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from brotli_server import FLAGS, serving
from cold_start import PAGES, Line, edgekit_stack, imitate
from contenders import bundles
from judge import difference
from playwright.sync_api import Browser
from session import answer, open_browser, open_page

from edgekit import golden
from edgekit.cli.console import emit_json, table
from edgekit.errors import CheckFailed, EdgekitError
from edgekit.store import Bundle

_TIMEOUT_SECONDS = 600
LINES = (Line(0.4, 150), Line(1.5, 150), Line(9, 60))


@dataclass(frozen=True)
class Result:
    """What was measured on a line: all bytes that were fetched after the manifest; `limit` and samples in ms."""

    line: Line
    bytes: int
    files: int
    limit: float
    milliseconds: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median over the limit."""
        return float(np.median(self.milliseconds)) / self.limit


def measure(browser: Browser, bundle: Bundle, lines: Sequence[Line], repeat: int) -> list[Result]:
    """Predict once with a model that was not there, `repeat` times on each line in turn."""
    rows = golden.decode(bundle.read(golden.PATH))
    page = {"/": PAGES / "cold.html", "/cold.js": PAGES / "slow.js"}
    files = {path: file.read_bytes() for path, file in page.items()} | dict(edgekit_stack(bundle, None).files)
    found: dict[Line, list[dict[str, Any]]] = {line: [] for line in lines}
    with serving(files) as url:
        for line in [line for _ in range(repeat) for line in lines]:
            visit = _visit(browser, url, line, rows.inputs[0].ravel().tolist())
            said = difference(np.asarray(visit["output"], np.float32), rows.quantized[0].ravel())
            if said != "bit for bit":
                raise CheckFailed(f"the answer is wrong: {said}")
            found[line].append(visit)
    return [_result(line, visits) for line, visits in found.items()]


def _visit(browser: Browser, url: str, line: Line, row: list[float]) -> dict[str, Any]:
    with open_page(browser) as page:
        page.goto(url)
        page.wait_for_selector("html[data-state=ready]", state="attached")
        imitate(page, line)
        page.evaluate("row => { visit(row); }", row)
        found: dict[str, Any] = answer(page, _TIMEOUT_SECONDS)
        return found


def _result(line: Line, visits: Sequence[dict[str, Any]]) -> Result:
    size = visits[0]["bytes"]
    limit = 1000 * size / (line.mbit * 1e6 / 8) + line.rtt
    return Result(line, size, visits[0]["files"], limit, tuple(v["milliseconds"] for v in visits))


@click.command()
@click.argument("paths", metavar="BUNDLE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--repeat", type=click.IntRange(1, 100), default=5, show_default=True, help="Visits on each line.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all samples.")
def command(paths: tuple[Path, ...], repeat: int, as_json: bool) -> int:
    """Compare the first prediction on slow lines with their limit, for bundles or int8 .tflite files."""
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        found = list(bundles(paths, None, Path(work)))
        with open_browser(FLAGS) as browser:
            version = browser.version
            results = {name: measure(browser, bundle, LINES, repeat) for name, bundle in found}
    if as_json:
        emit_json({"chromium": version, "models": results})
        return 0
    columns = ["Mbit/s", "ms there and back", "bytes", "files", "limit, ms", "ms, median", "times the limit"]
    for name, lines in results.items():
        rows = [
            (f"{r.line.mbit:g}", f"{r.line.rtt:g}", f"{r.bytes:,}", r.files, f"{r.limit:,.0f}",
             f"{np.median(r.milliseconds):,.0f}", f"{r.ratio:.3f}")
            for r in lines
        ]  # fmt: skip
        table(f"{name}: first prediction, Chromium {version}", columns, rows)
    click.echo(f"load average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(command(standalone_mode=False))
    except (EdgekitError, click.ClickException) as error:
        click.echo(f"slow_line: {error}", err=True)
        sys.exit(error.exit_code)
