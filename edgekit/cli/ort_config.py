"""edgekit ort-config: the operators that a build of onnxruntime-web needs for a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json
from edgekit.cli.options import PATH, json_option
from edgekit.ort_config import ort_config
from edgekit.plain import plain
from edgekit.quantize_model import write
from edgekit.store import open_bundle


@click.command("ort-config")
@click.argument("bundle", type=PATH)
@click.option("--out", type=PATH, metavar="FILE", help="The configuration to write; else BUNDLE.ort.config.")
@json_option
def command(bundle: Path, out: Path | None, as_json: bool) -> None:
    """Write what a smaller build of onnxruntime-web needs."""
    file = out or bundle.with_name(f"{bundle.name}.ort.config")
    reduced = ort_config(open_bundle(bundle), file)
    write(file, reduced.config.encode())
    if as_json:
        emit_json({"file": str(file), **plain(reduced)})
        return
    click.echo(f"wrote {file}; build with it where emscripten can be downloaded:\n")
    for line in reduced.commands:
        click.echo(f"  {line}")
    click.echo(f"\nthen copy {' and '.join(reduced.makes)} into a folder DIR, and: edgekit export ... --ort-dist DIR")
