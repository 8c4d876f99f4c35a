"""edgekit quantize: a model and data into an int8 .tflite, and an account of where accuracy went."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, config_option, json_option
from edgekit.config import RECIPES, Config, check, find_config, parse_drop
from edgekit.quantization_report import write_report
from edgekit.quantize_model import Made, Request, account, compression, quantize_model
from edgekit.slices import HOLDS, WORSE


@click.command("quantize")
@click.argument("model", type=PATH)
@click.option(
    "--data", type=PATH, required=True, metavar="DATA", help="Rows to calibrate with: .npz, .csv or .parquet."
)
@click.option(
    "--eval", "evaluation", type=PATH, metavar="DATA", help="Held-out rows to judge with; else a part of DATA."
)
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The .tflite file to write.")
@click.option("--max-drop", metavar="SHARE", help="Relative loss of the metric that is allowed, such as 1%.")
@click.option("--max-slice-drop", metavar="SHARE", help="The same for the worst slice of the rows, such as 5%.")
@click.option("--metric", metavar="NAME", help="rmse, mae, r2, top-1, or your own module:function.")
@click.option("--mode", metavar="NAME", help=f"{', '.join(RECIPES)}.")
@click.option("--sparsity", type=float, metavar="SHARE", help="Prune this part of the weights away first.")
@click.option("--to", "targets", default="tflite", show_default=True, help="Targets that must take it, with commas.")
@click.option("--report", is_flag=True, help="Write FILE.report.html and .json: layers, slices, plots.")
@config_option
@json_option
def command(
    model: Path,
    data: Path,
    evaluation: Path | None,
    out: Path,
    max_drop: str | None,
    max_slice_drop: str | None,
    metric: str | None,
    mode: str | None,
    sparsity: float | None,
    targets: str,
    report: bool,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Quantize a model, with a report of where accuracy went."""
    config = find_config(config_file)
    budgets, recipe = config.budgets, config.recipe
    if max_drop is not None:
        budgets = replace(budgets, max_drop=parse_drop(max_drop, "--max-drop"))
    if max_slice_drop is not None:
        budgets = replace(budgets, max_slice_drop=parse_drop(max_slice_drop, "--max-slice-drop"))
    budgets = replace(budgets, metric=budgets.metric if metric is None else metric)
    recipe = replace(recipe, mode=mode or recipe.mode, sparsity=recipe.sparsity if sparsity is None else sparsity)
    config = replace(config, budgets=budgets, recipe=recipe)
    check(config, "edgekit quantize")
    names = tuple(dict.fromkeys(name.strip() for name in targets.split(",") if name.strip()))
    with progress_bar() as progress:
        made = quantize_model(Request(model, data, out, evaluation, names), config, progress)
    page = write_report(made, config, out.with_name(f"{out.name}.report.html")) if report else None
    if as_json:
        emit_json({"out": str(out), "report": str(page or ""), **account(made, config)})
    else:
        print_rungs(made, config)
        print_slices(made)
        click.echo(f"wrote {out}, {len(made.quantized.tflite):,} bytes" + (f"; report: {page}" if page else ""))
        say_no(made, config)
    return 0 if made.holds else 1


def print_rungs(made: Made, config: Config) -> None:
    """Print the recipes that were tried, the repairs and the causes."""
    quantized = made.quantized
    before: float | None = None
    rows = []
    for rung in quantized.rungs:
        won = "" if before is None else f"{before - rung.result.upper:+.2%}"
        before = rung.result.upper
        rows.append(
            (
                ("* " if rung.recipe == quantized.recipe else "  ") + rung.recipe,
                rung.meaning,
                f"{rung.bytes:,}",
                f"{rung.microseconds:.1f}",
                f"{rung.result.float_value:.5g}",
                f"{rung.result.quantized_value:.5g}",
                f"{rung.result.drop:+.2%}",
                f"{rung.result.upper:+.2%}",
                won,
            )
        )
    metric = quantized.result.metric
    columns = ["recipe", "what it is", "bytes", "µs (estimate)", f"float {metric}", f"int8 {metric}", "drop"]
    table("Quantization (* was taken)", [*columns, "drop, 95 % bound", "won"], rows)
    for rung in quantized.rungs:
        if rung.refused:
            click.echo(f"refused: {rung.recipe}: {rung.refused}")
        if rung.recipe == quantized.recipe and rung.layers:
            click.echo(f"layers: {', '.join(rung.layers)}")
    causes = made.audit.diagnosis.causes if made.audit.diagnosis else quantized.repairs
    for cause in causes:
        click.echo(f"cause: {cause}")
    if config.recipe.sparsity:
        saved = compression(made, config)
        wire = "not run: no brotli" if saved["brotli"] is None else f"{saved['brotli']:,} bytes"
        if saved["shards_brotli"] is not None:
            wire += f" (as wasm shards {saved['shards_brotli']:,} of {saved['shards']:,})"
        click.echo(
            f"compression: nominal {saved['nominal_ratio']:g}x; on the wire {wire} with brotli, the float model has "
            f"{saved['float_bytes']:,}; zeros win no time, {saved['microseconds']:.1f} µs is the same estimate"
        )
    for text in (*quantized.notes, *made.warnings):
        click.echo(f"note: {text}")


def print_slices(made: Made) -> None:
    """Print the slices that do not hold beyond doubt, at most five."""
    slices = made.audit.slices
    held = sum(s.state == HOLDS for s in slices)
    rows = [
        (s.name, f"{s.rows:,}", f"{s.drop:+.2%}", f"{s.low:+.2%}", f"{s.high:+.2%}", s.state)
        for s in slices
        if s.low is not None and s.high is not None and s.state != HOLDS
    ]
    if rows:
        title = f"Slices: {held} of {len(slices)} hold {made.audit.slice_budget:.2%}; of the others the worst"
        table(title, ["slice", "rows", "drop", "low", "high", "verdict"], rows[:5])
    elif slices:
        click.echo(f"slices: {held} of {len(slices)} hold {made.audit.slice_budget:.2%}, the others are too small")


def say_no(made: Made, config: Config) -> None:
    """Say on stderr which budget does not hold and what to do."""
    quantized = made.quantized
    if not quantized.holds:
        lost = f"the best recipe, {quantized.recipe}, lost {quantized.result.drop:.2%}"
        budget = f"the accuracy budget of {config.budgets.max_drop:.2%} does not hold"
        click.echo(f"edgekit: {budget}: {lost}; give more calibration rows or raise budgets.max_drop", err=True)
    for one in made.audit.slices:
        if one.state == WORSE:
            click.echo(
                f"edgekit: the slice {one.name} loses at least {one.low:.2%}, more than {made.audit.slice_budget:.2%}; "
                "give more calibration rows of that kind, or raise budgets.max_slice_drop",
                err=True,
            )
