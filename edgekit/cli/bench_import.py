"""edgekit bench import: take what the Flutter client's integration benchmark wrote into the history."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import click

from edgekit.bench.flutter_runs import Beside, Imported, compare, read_runs
from edgekit.bench.history import DEFAULT, History
from edgekit.bench.verdict import judge
from edgekit.cli.console import emit_json, table
from edgekit.cli.options import PATH, json_option
from edgekit.errors import InputError, NotAvailable

#: What two sessions say of a change: nothing that a gate may rely on.
ADVISORY = "two sessions are not pairs: these ratios are advisory, and the verdict is: cannot tell"


@click.command("import")
@click.argument("file", type=PATH)
@click.option("--against", type=PATH, metavar="FILE", help="Of an older version on the same device: advisory ratios.")
@click.option("--history", type=PATH, default=DEFAULT, show_default=True, metavar="FILE", help="Where runs are kept.")
@click.option("--no-history", is_flag=True, help="Keep nothing.")
@json_option
def command(file: Path, against: Path | None, history: Path, no_history: bool, as_json: bool) -> int:
    """Take the Flutter client's benchmark into the history."""
    imported = _read(file)
    beside = compare(imported.runs, _read(against).runs) if against else ()
    kept = {}
    if not no_history:
        kept = {run.runner: History(history).add(run, judge(run)) for run in imported.runs}
    if as_json:
        said = {"note": ADVISORY, "advisory": beside} if against else {}
        emit_json({"history": kept, "runs": imported.runs, "not_run": imported.not_run, **said})
    else:
        _show(imported, beside)
        if against:
            click.echo(ADVISORY)
        if kept:
            click.echo(f"kept in {history}")
    return NotAvailable.exit_code if against else 0


def _read(file: Path) -> Imported:
    try:
        written = datetime.fromtimestamp(file.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
        return read_runs(file.read_bytes(), str(file), written)
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}); the client writes build/integration_response_data.json"
        ) from None


def _show(imported: Imported, beside: tuple[Beside, ...]) -> None:
    columns = ["runtime", "load ms", "first us", "p50 us", "p90 us", "p99 us", "golden rows that differ"]
    rows = []
    for run in imported.runs:
        values, answers = run.visits[0].values, run.candidate_answers
        times = [_number(values[name]) for name in ("load", "first", "p50", "p90", "p99")]
        differing = f"{answers.golden_wrong} of {answers.golden_rows}" if answers else "–"
        rows.append([run.candidate.target, *times, differing])
    if imported.runs:
        device = imported.runs[0].device
        table(f"{imported.runs[0].candidate.bundle_id[:12]} on {device.system}", columns, rows)
    for name, why in imported.not_run.items():
        click.echo(f"not run: {name}: {why}")
    if beside:
        columns = ["runtime", "measure", "unit", "baseline", "candidate", "ratio"]
        cells = [(b.runner, b.measure, b.unit, *map(_number, (b.baseline, b.candidate, b.ratio))) for b in beside]
        table("Two sessions side by side", columns, cells)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}"
