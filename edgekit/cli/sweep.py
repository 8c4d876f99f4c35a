"""edgekit sweep: a matrix of models and recipes, exported side by side and measured."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.bench.history import DEFAULT, History
from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, config_option, json_option
from edgekit.config import find_config
from edgekit.engines import ENGINES
from edgekit.plain import plain
from edgekit.sweep import rows_of, sweep
from edgekit.sweeping.exports import LOST, MADE, Wish


@click.command("sweep")
@click.argument("models", type=PATH, nargs=-1, required=True)
@click.option("--data", type=PATH, required=True, metavar="DATA", help="Rows to calibrate with, for every model.")
@click.option("--eval", "evaluation", type=PATH, metavar="DATA", help="Held-out rows; else those of edgekit.toml.")
@click.option("--recipes", default="auto", show_default=True, help="Recipes, with commas between.")
@click.option("--to", "targets", default="tflite,wasm", show_default=True, help="Targets, with commas between.")
@click.option("--on", "runners", default="", metavar="RUNNERS", help="Measure with these; else export only.")
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="Where the cells go; what is there stays.")
@click.option("--engine", type=click.Choice(list(ENGINES)), default="joblib", show_default=True, help="What runs them.")
@click.option("--jobs", type=click.IntRange(0, 512), default=0, help="Workers of this machine; 0: one a processor.")
@click.option("--address", default="", metavar="ADDRESS", help="Of a Ray cluster; else one on this machine.")
@click.option("--history", type=PATH, default=DEFAULT, show_default=True, metavar="FILE", help="Where runs are kept.")
@config_option
@json_option
def command(
    models: tuple[Path, ...],
    data: Path,
    evaluation: Path | None,
    recipes: str,
    targets: str,
    runners: str,
    out: Path,
    engine: str,
    jobs: int,
    address: str,
    history: Path,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Export and measure every model with every recipe, in parallel."""
    config = find_config(config_file)
    held_out = evaluation or (Path(config.data.evaluation) if config.data.evaluation else None)
    wish = Wish(models, data, out, _names(recipes), _names(targets), held_out, _names(runners))
    with progress_bar() as progress:
        done = sweep(wish, config, ENGINES[engine](jobs, address), History(history) if wish.runners else None, progress)
    if as_json:
        emit_json({"cells": [plain(one) for one in done]})
    else:
        columns, rows = rows_of(done)
        table(f"{len(done)} cells in {out}", columns, rows)
        for one in done:
            if one.outcome.status != MADE:
                click.echo(f"{one.outcome.status}: {one.cell}: {one.outcome.detail}")
            for measured in one.measured:
                if measured.why:
                    click.echo(f"not run: {one.cell} on {measured.runner}: {measured.why}")
    states = {one.outcome.status for one in done}
    missing = LOST in states or any(m.why for one in done for m in one.measured)
    return 3 if missing else 0 if states == {MADE} else 1


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
