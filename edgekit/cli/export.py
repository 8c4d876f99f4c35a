"""edgekit export: a model and data into a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, config_option, json_option
from edgekit.cli.quantize import print_rungs, print_slices, say_no
from edgekit.config import Config, find_config, with_ort_dist
from edgekit.export import Exported, Request, export
from edgekit.plain import plain
from edgekit.report import sizes
from edgekit.store import zip_bundle
from edgekit.targets import DEFAULT_TARGETS, TARGETS


@click.command("export")
@click.argument("model", type=PATH)
@click.option(
    "--data", type=PATH, required=True, metavar="DATA", help="Rows to calibrate with: .npz, .csv or .parquet."
)
@click.option(
    "--eval", "evaluation", type=PATH, metavar="DATA", help="Held-out rows to judge with; else a quarter of DATA."
)
@click.option(
    "--to", "targets", default=",".join(DEFAULT_TARGETS), show_default=True,
    help=f"Targets, with commas between; others: {', '.join(n for n in TARGETS if n not in DEFAULT_TARGETS)}.",
)  # fmt: skip
@click.option(
    "--out", type=PATH, required=True, metavar="BUNDLE", help="The folder to write; an old bundle is replaced."
)
@click.option("--zip", "as_zip", is_flag=True, help="Write BUNDLE.zip too; equal bundles give equal bytes.")
@click.option("--ort-dist", type=PATH, metavar="DIR", help="A build of onnxruntime-web of your own, for --to ort.")
@config_option
@json_option
def command(
    model: Path,
    data: Path,
    evaluation: Path | None,
    targets: str,
    out: Path,
    as_zip: bool,
    ort_dist: Path | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Quantize a model and write a bundle for its targets."""
    names = tuple(dict.fromkeys(name.strip() for name in targets.split(",") if name.strip()))
    request = Request(model, data, out, names, evaluation)
    with progress_bar() as progress:
        config = find_config(config_file)
        config = config if ort_dist is None else with_ort_dist(config, ort_dist)
        done = export(request, config, progress)
    if as_zip:
        zip_bundle(done.bundle, out.with_name(f"{out.name}.zip"))
    manifest = done.bundle.manifest
    if as_json:
        emit_json(
            {
                "bundle": str(out),
                "id": manifest.id,
                "quantization": manifest.quantization,
                "targets": [plain(s) for s in sizes(done.bundle)],
            }
        )
    else:
        _print(out, done, config)
    return 0 if done.holds else 1


def _print(out: Path, done: Exported, config: Config) -> None:
    manifest = done.bundle.manifest
    print_rungs(done.made, config)
    print_slices(done.made)
    lines = [
        (s.target, s.files, f"{s.raw:,}", "–" if s.brotli is None else f"{s.brotli:,}") for s in sizes(done.bundle)
    ]
    table("Targets", ["target", "files", "bytes", "brotli"], lines)
    click.echo(f"wrote {out}, id {manifest.id[:16]}; next: edgekit verify {out}")
    say_no(done.made, config)
