"""edgekit inspect: what a model is and which target takes it, or what a bundle holds."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, json_option
from edgekit.inspect_bundle import BundleInspection, inspect_bundle
from edgekit.inspect_model import Inspection, inspect
from edgekit.store import MANIFEST


@click.command("inspect")
@click.argument("model", type=PATH)
@json_option
def command(model: Path, as_json: bool) -> None:
    """Show a model's or a bundle's signature, targets and peak memory."""
    found: Inspection | BundleInspection
    if (model / MANIFEST).is_file():
        found = inspect_bundle(model)
    else:
        with progress_bar() as progress:
            found = inspect(model, progress)
    if as_json:
        emit_json(found)
    elif isinstance(found, Inspection):
        _print_model(found)
    else:
        _print_bundle(found)


def _print_model(found: Inspection) -> None:
    kind = f"{found.kind}, {'int8 already' if found.quantized else 'float32'}"
    click.echo(f"{found.name}: {kind}, {found.file_bytes:,} bytes, {found.parameters:,} parameters")
    _print_signature(found)
    table("Operators", ["operator", "count"], [(o.name, o.count) for o in found.operators])
    table(
        "Targets",
        ["target", "takes it", "why not"],
        [(t.target, "yes" if t.takes else "no", t.why) for t in found.targets],
    )
    if found.memory and found.quantized:
        click.echo(f"peak memory of wasm: {found.memory}")
    elif found.memory:
        click.echo(
            f"peak memory of wasm: known after quantization (edgekit export, then inspect the bundle); "
            f"about {found.memory.peak:,} bytes if the recipe int8 is enough"
        )


def _print_bundle(found: BundleInspection) -> None:
    click.echo(f"{found.name} {found.version}: a bundle for {found.task}, id {found.id[:16]}")
    _print_signature(found)
    table(
        "Targets",
        ["target", "files", "bytes", "parity"],
        [
            (t.target, t.files, f"{t.bytes:,}", "exact" if t.bound is None else f"within {t.bound:g}")
            for t in found.targets
        ],
    )
    if found.memory:
        click.echo(f"peak memory of wasm: {found.memory}")


def _print_signature(found: Inspection | BundleInspection) -> None:
    ports = [("input", s) for s in found.inputs] + [("output", s) for s in found.outputs]
    table("Signature", ["", "name", "shape", "dtype"], [(w, s.name, list(s.shape), s.dtype) for w, s in ports])
