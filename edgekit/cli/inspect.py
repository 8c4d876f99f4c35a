"""edgekit inspect: what a model is, and which target takes it."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, json_option
from edgekit.inspect_model import inspect


@click.command("inspect")
@click.argument("model", type=PATH)
@json_option
def command(model: Path, as_json: bool) -> None:
    """Show a model's signature, operators and which targets take it."""
    with progress_bar() as progress:
        found = inspect(model, progress)
    if as_json:
        emit_json(found)
        return
    kind = f"{found.kind}, {'int8 already' if found.quantized else 'float32'}"
    click.echo(f"{found.name}: {kind}, {found.file_bytes:,} bytes, {found.parameters:,} parameters")
    ports = [("input", s) for s in found.inputs] + [("output", s) for s in found.outputs]
    table("Signature", ["", "name", "shape", "dtype"], [(w, s.name, list(s.shape), s.dtype) for w, s in ports])
    table("Operators", ["operator", "count"], [(o.name, o.count) for o in found.operators])
    table(
        "Targets",
        ["target", "takes it", "why not"],
        [(t.target, "yes" if t.takes else "no", t.why) for t in found.targets],
    )
