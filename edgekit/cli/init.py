"""edgekit init: a commented edgekit.toml, with what a model and data tell."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from edgekit.ci import DAILIES, write_daily
from edgekit.cli.console import emit_json, progress_bar
from edgekit.cli.options import PATH, json_option, one_line
from edgekit.config import FILE_NAME, Config, OutputConfig, check, read_config
from edgekit.data import load_data
from edgekit.firebase_ml import read_firebase_model
from edgekit.init import refuse_overwrite, starter, write
from edgekit.load import load


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=PATH, default=".")
@click.option("--model", type=PATH, metavar="MODEL", help="Take the name and the inputs from this model.")
@click.option("--data", type=PATH, metavar="DATA", help="Take features and their ranges from this file (with --model).")
@click.option("--label", "labels", multiple=True, metavar="COLUMN", help="A label's column; may be repeated.")
@click.option(
    "--firebase-ml",
    type=PATH,
    metavar="JSON",
    help="What Firebase ML says of the model: its name, its hash (with --model).",
)
@click.option("--ci", type=click.Choice(list(DAILIES)), help="Only write what runs the daily loop of a project.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@json_option
def command(
    folder: Path,
    model: Path | None,
    data: Path | None,
    labels: tuple[str, ...],
    firebase_ml: Path | None,
    ci: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a commented edgekit.toml."""
    if data is not None and model is None:
        raise click.UsageError("--data needs --model, which says how many numbers a row has")
    if firebase_ml is not None and model is None:
        raise click.UsageError("--firebase-ml needs --model, the .tflite file that it speaks of")
    if ci is not None:
        return _daily(folder, ci, force, as_json)
    refuse_overwrite(folder, force)
    if model is None:
        text = starter("", (), None)
    else:
        named = read_firebase_model(firebase_ml, model).name if firebase_ml else ""
        with progress_bar() as progress, tempfile.TemporaryDirectory() as work:
            loaded = load(model, Path(work), progress)
        config = Config(outputs=tuple(OutputConfig(name, column=name) for name in labels))
        check(config, "edgekit init --label")
        rows = None if data is None else load_data(data, config, loaded.inputs, loaded.output_elements)
        text = starter(named or loaded.name, loaded.inputs, rows, loaded.output_elements)
    file = write(folder, text, force)
    if as_json:
        emit_json({"path": str(file)})
    else:
        click.echo(one_line(f"wrote {file}; read its comments, and correct units and ranges"))
    return None


def _daily(folder: Path, kind: str, force: bool, as_json: bool) -> None:
    there = folder / FILE_NAME
    file = write_daily(folder, kind, read_config(there) if there.exists() else Config(), force)
    if as_json:
        emit_json({"path": str(file)})
    else:
        click.echo(one_line(f"wrote {file}; read its first lines: they name the settings that it needs"))
