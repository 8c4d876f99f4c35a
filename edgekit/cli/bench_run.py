"""edgekit bench run: measure a bundle on devices, and judge it against another."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from edgekit.bench.devices import Comparison, Measured, check_alike, exit_code_of, on_devices
from edgekit.bench.history import DEFAULT, History
from edgekit.bench.measures import MEASURES
from edgekit.bench.records import INTERRUPTED, Run
from edgekit.bench.runners import RUNNERS, make_runner
from edgekit.bench.runners.chromium import NETWORKS
from edgekit.bench.runners.spec import Conditions
from edgekit.bench.session import Plan
from edgekit.bench.verdict import Policy
from edgekit.cli import INTERRUPTED as INTERRUPTED_EXIT
from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, config_option, json_option
from edgekit.config import Config, find_config, parse_drop
from edgekit.data import Dataset, load_data
from edgekit.plain import plain
from edgekit.store import Bundle, open_bundle

#: Without --on: those of these that the bundle has a target for.
USUAL = ("tflite", "chromium")


@click.command("run")
@click.argument("bundle", type=PATH)
@click.option("--against", type=PATH, metavar="BUNDLE", help="The baseline; without it nothing is compared.")
@click.option(
    "--on",
    "runners",
    metavar="RUNNERS",
    help="NAME[:TARGET[:BUILD]], with commas between, such as tflite,chromium:wasm:simd; else tflite and chromium.",
)
@click.option("--threads", type=click.IntRange(1, 64), metavar="NUMBER", help="Of the engine or the interpreter.")
@click.option(
    "--cpu-throttle", type=click.FloatRange(1, 100), default=1.0, show_default=True, metavar="TIMES",
    help="Slow the browser's page down.",
)  # fmt: skip
@click.option("--network", type=click.Choice([*NETWORKS]), help="A line for the browser to imitate.")
@click.option("--not-isolated", is_flag=True, help="Serve without the headers that let a page use threads.")
@click.option("--vitals", is_flag=True, help="Measure LCP, INP and CLS on the demo page too.")
@click.option("--data", type=PATH, metavar="DATA", help="Evaluation rows, for accuracy: .npz, .csv or .parquet.")
@click.option(
    "--pairs", type=click.IntRange(1, 4096), default=512, show_default=True, help="At most; visits without --against."
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    default=3.0,
    show_default=True,
    metavar="NUMBER",
    help="For each runner.",
)
@click.option("--min-effect", default="5%", show_default=True, metavar="SHARE", help="The smallest change that counts.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order of the visits.")
@click.option("--history", type=PATH, default=DEFAULT, show_default=True, metavar="FILE", help="Where runs are kept.")
@click.option("--no-history", is_flag=True, help="Keep nothing.")
@config_option
@json_option
def command(
    bundle: Path,
    against: Path | None,
    runners: str | None,
    threads: int | None,
    cpu_throttle: float,
    network: str | None,
    not_isolated: bool,
    vitals: bool,
    data: Path | None,
    pairs: int,
    minutes: float,
    min_effect: str,
    seed: int,
    history: Path,
    no_history: bool,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Measure a bundle on devices, and judge it against another."""
    candidate = open_bundle(bundle)
    baseline = open_bundle(against) if against else None
    if baseline:
        check_alike(candidate, baseline)
    conditions = Conditions(threads, cpu_throttle, network or "", not not_isolated, vitals)
    bundles = [candidate, baseline] if baseline else [candidate]
    chosen = [make_runner(text, conditions, bundles) for text in _specs(runners, candidate, conditions)]
    config = find_config(config_file)
    rows = _rows(data, candidate, config) if data else None
    plan = Plan(
        minutes=minutes,
        pairs=pairs,
        seed=seed,
        policy=Policy(effect=parse_drop(min_effect, "--min-effect")),
        commit=commit_of(bundle),
    )
    comparison = Comparison(candidate, baseline, rows, config)
    with progress_bar() as progress:
        measured = on_devices(chosen, comparison, plan, progress)
    kept = {} if no_history else _keep(history, measured)
    if as_json:
        emit_json({"exit_code": exit_code_of(measured), "history": kept, "runners": [plain(m) for m in measured]})
    else:
        for one in measured:
            show(one)
        if kept:
            click.echo(f"kept in {history}")
    interrupted = any(m.run and m.run.ended == INTERRUPTED for m in measured)
    return INTERRUPTED_EXIT if interrupted else exit_code_of(measured)


def _specs(text: str | None, bundle: Bundle, conditions: Conditions) -> list[str]:
    if text is None:
        usual = [name for name in USUAL if name == "chromium" or not conditions.for_browsers]
        return [name for name in usual if {*RUNNERS[name].targets} & {*bundle.manifest.targets}]
    return [*dict.fromkeys(part.strip() for part in text.split(",") if part.strip())]


def _rows(data: Path, bundle: Bundle, config: Config) -> Dataset:
    manifest = bundle.manifest
    outputs = sum(int(np.prod(s.shape)) for s in manifest.outputs)
    return load_data(data, config, manifest.inputs, outputs)


def commit_of(folder: Path) -> str:
    """Return the commit of the repository that a folder lies in, "" where there is none or no git."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _keep(file: Path, measured: Sequence[Measured]) -> dict[str, int]:
    """Write the runs into the history; return their numbers there by runner."""
    history = History(file)
    return {m.runner: history.add(m.run, m.verdict) for m in measured if m.run and m.verdict}


def show(one: Measured) -> None:
    """Print what came of a runner: a table, what the device can see, and the verdict."""
    if one.run is None or one.verdict is None:
        click.echo(f"not run: {one.runner}: {one.not_run}" if one.not_run else f"failed: {one.runner}: {one.failed}")
        return
    run, verdict = one.run, one.verdict
    what = f"{run.candidate.name} {run.candidate.version}"
    build = f", build {run.candidate.build}" if run.candidate.build else ""
    where = f"{run.candidate.target} in {run.device.runtime}{build}"
    if run.baseline is None:
        columns = ["measure", "unit", "median", "lowest", "highest", "what it is"]
        table(f"{what}: {where}, {len(run.visits)} visits", columns, _summary(run))
    else:
        beside = f"{what} beside {run.baseline.version}: {where}, {len(run.pairs)} pairs in {run.seconds:.0f} s"
        columns = ["measure", "unit", "baseline", "candidate", "ratio", "low", "high", "verdict"]
        rows = [
            (f.measure, f.unit, *map(_number, (f.baseline, f.candidate, f.ratio, f.low, f.high)), f.state)
            for f in verdict.findings
        ]
        table(beside, columns, rows)
        if verdict.detectable:
            seen = ", ".join(f"{name} {share:.1%}" for name, share in verdict.detectable.items())
            click.echo(f"changes that this device would see: {seen}")
    ended = f" ({run.ended})" if run.ended == INTERRUPTED else ""
    said = verdict.why if run.baseline else "; ".join(f.why for f in verdict.findings)
    click.echo(f"{run.runner}: {said}{ended}")


def _summary(run: Run) -> list[tuple[str, ...]]:
    """Return a row for each measure that some visit has."""
    rows = []
    for name, measure in MEASURES.items():
        values = [v.values[name] for v in run.visits if name in v.values]
        if values:
            numbers = (float(np.median(values)), min(values), max(values))
            rows.append((name, measure.unit, *map(_number, numbers), measure.meaning))
    return rows


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
