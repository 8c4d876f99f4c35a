"""Say how near every layer of an int8 model comes to the machine's dot product: GMAC/s in the bare engine, in Chromium.

python benchmarks/layers.py MODEL.tflite ... [--build simd] [--no-vnni]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import Browser
from session import NO_VNNI, answer, open_browser, open_page

from edgekit import plan as plans
from edgekit.assets import asset
from edgekit.cli.console import emit_json, table
from edgekit.errors import EdgekitError, InputError
from edgekit.formats.tflite_read import read_tflite
from edgekit.lowering import Lowered, lower
from edgekit.quantize import float_ends
from edgekit.server import Server

PAGES = Path(__file__).parent / "pages"
_PATIENCE_SECONDS = 300
_SIMD = ["-mcpu=generic+bulk_memory+simd128", "-msimd128"]
_RELAXED = ["-mcpu=generic+bulk_memory+simd128+relaxed_simd", "-msimd128", "-mrelaxed-simd"]


@dataclass(frozen=True)
class Layer:
    """A step of a plan: its multiplications and its least milliseconds."""

    step: int
    operator: str
    shape: str
    macs: int
    milliseconds: float


@dataclass(frozen=True)
class Result:
    """A model's steps; `peak` is the GMAC/s of the dot product alone, in registers."""

    model: str
    build: str
    milliseconds: float
    peak: float
    layers: tuple[Layer, ...]


def peak_engine(build: str, out: Path) -> Path:
    """Compile peak.c for a build's instructions."""
    flags = _SIMD if build == "simd" else _RELAXED
    linker = ["-Wl,--no-entry", "-Wl,-s", "-Wl,--export=peak", "-Wl,--export=peak_products"]
    target = ["-target", "wasm32-freestanding", "-O3", "-nostdlib", "-fno-sanitize=all"]
    source = Path(__file__).parent / "peak.c"
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *target, *linker, *flags, str(source), "-o", str(out)], check=True
    )
    return out


def measure(browser: Browser, path: Path, build: str, rounds: int) -> Result:
    """Time every step of a model."""
    lowered = lower(float_ends(read_tflite(path)))
    if not isinstance(lowered, Lowered):
        raise InputError(f"the engine does not take {path}: {lowered[0].op.kind}: {lowered[0].why}")
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        work = Path(folder)
        (work / "m.plan").write_bytes(plans.encode(lowered.plan))
        (work / "m.weights").write_bytes(b"".join(data for _, data in lowered.chunks))
        files = {f"/{f.name}": f for f in (*PAGES.glob("layers.*"), work / "m.plan", work / "m.weights")}
        files["/engine.wasm"] = asset(f"wasm/dist/engine-{build}.wasm")
        files["/peak.wasm"] = peak_engine(build, work / "peak.wasm")
        with Server(files) as server, open_page(browser) as page:
            page.goto(f"{server.url}layers.html")
            page.wait_for_selector("html[data-state=ready]", state="attached")
            page.evaluate("work => { layers(work); }", {"rounds": rounds, "model": "m"})
            found = answer(page, _PATIENCE_SECONDS)
    layers = tuple(
        _layer(i, step, milliseconds)
        for i, (step, milliseconds) in enumerate(zip(lowered.plan.steps, found["each"], strict=True))
    )
    whole: Sequence[float] = found["whole"]
    return Result(path.stem, build, whole[len(whole) // 2], found["peak"] / 1e6, layers)


def _layer(number: int, step: plans.Step, milliseconds: float) -> Layer:
    names = [name for _, name in plans.operators()[step.operator].fields]
    fields: dict[str, Any] = dict(zip(names, step.words, strict=True))
    macs, shape = 0, ""
    if "units" in fields and "inputs" in fields:
        macs = fields["rows"] * fields["inputs"] * fields["units"]
        shape = f"{fields['rows']} x {fields['inputs']} -> {fields['units']}"
    elif "stride_y" in fields:
        pixels = fields["batch"] * fields["out_height"] * fields["out_width"]
        taps = fields["rows"] * fields["columns"]
        outputs = fields.get("units", fields["channels"] * fields.get("multiplier", 1))
        macs = pixels * taps * outputs * (fields["channels"] if "units" in fields else 1)
        shape = (
            f"{fields['rows']}x{fields['columns']} stride {fields['stride_y']}, "
            f"{fields['out_height']}x{fields['out_width']}x{fields['channels']} -> {outputs}"
        )
    return Layer(number, step.operator, shape, macs, milliseconds)


def print_result(result: Result) -> None:
    """Print a table of the layers, and the time by operator."""
    lines = []
    for layer in result.layers:
        rate = layer.macs / layer.milliseconds / 1e6 if layer.macs and layer.milliseconds else 0.0
        share = f"{rate / result.peak:.0%}" if rate else ""
        lines.append(
            (
                str(layer.step),
                layer.operator,
                layer.shape,
                f"{layer.milliseconds * 1000:.1f}",
                f"{rate:.1f}" if rate else "",
                share,
            )
        )
    columns = ["step", "operator", "what", "us", "GMAC/s", "of the peak"]
    title = f"{result.model}, build {result.build}: {result.milliseconds:.3f} ms; peak {result.peak:.0f} GMAC/s"
    table(title, columns, lines)
    operators = sorted({layer.operator for layer in result.layers})
    for operator in operators:
        total = sum(layer.milliseconds for layer in result.layers if layer.operator == operator)
        macs = sum(layer.macs for layer in result.layers if layer.operator == operator)
        click.echo(f"{operator}: {total:.3f} ms" + (f", {macs / total / 1e6:.1f} GMAC/s" if macs else ""))


@click.command()
@click.argument("models", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--build", default="relaxed", show_default=True, help="The engine build.")
@click.option("--no-vnni", is_flag=True, help="Run V8 without AVX-VNNI, as on an older x86 CPU.")
@click.option("--rounds", type=click.IntRange(1), default=60, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def command(models: tuple[Path, ...], build: str, no_vnni: bool, rounds: int, as_json: bool) -> int:
    """Print GMAC/s of every layer."""
    with open_browser([NO_VNNI] if no_vnni else []) as browser:
        results = [measure(browser, path, build, rounds) for path in models]
    if as_json:
        emit_json({"results": results})
    else:
        for result in results:
            print_result(result)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(command(standalone_mode=False))
    except (EdgekitError, click.ClickException) as error:
        click.echo(f"layers: {error}", err=True)
        sys.exit(error.exit_code)
