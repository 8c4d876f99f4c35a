"""edgekit verify: the golden rows through every target in its real runtime."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, json_option
from edgekit.report import Size, sizes, write_report
from edgekit.store import Bundle, open_bundle
from edgekit.verify import ALL_RUNTIMES, FAIL, NOT_RUN, PASS, REQUIRE, Check, Report, exit_code, verify


@click.command("verify")
@click.argument("bundle", type=PATH)
@click.option(
    "--on", "runtimes", default=",".join(ALL_RUNTIMES), show_default=True, help="Runtimes, with commas between."
)
@click.option(
    "--require", type=click.Choice(REQUIRE), default="none", show_default=True, help="all: 3 if a check was not run."
)
@click.option("--report", "page", type=PATH, metavar="FILE", help="The report page; else BUNDLE.report.html.")
@json_option
def command(bundle: Path, runtimes: str, require: str, page: Path | None, as_json: bool) -> int:
    """Run a bundle's golden rows through every target in its real runtime."""
    chosen = [name.strip() for name in runtimes.split(",") if name.strip()]
    for name in chosen:
        if name not in ALL_RUNTIMES:
            raise click.BadParameter(f"{name!r} is no runtime; there are {', '.join(ALL_RUNTIMES)}", param_hint="--on")
    opened = open_bundle(bundle)
    with progress_bar() as progress:
        report = verify(opened, chosen, progress)
    written, _ = write_report(report, opened, page)
    if as_json:
        emit_json({**report.to_json(), "report": str(written)})
    else:
        _print(opened, report)
        click.echo(f"report: {written}")
    return exit_code(report, require)


def _print(bundle: Bundle, report: Report) -> None:
    units = {r.unit for r in bundle.manifest.results}
    unit = units.pop() if len(units) == 1 else ""
    measured = {s.target: s for s in sizes(bundle)}
    suffix = f" [{unit}]" if unit else ""
    columns = ["target", "bytes", "brotli", f"rms error{suffix}", f"max error{suffix}", "parity", "where"]
    rows = [_row(measured[t], [c for c in report.checks if c.target == t]) for t in bundle.manifest.targets]
    golden_rows = max((c.rows for c in report.checks), default=0)
    table(f"{report.name} {report.version}: {golden_rows} golden rows against the float model", columns, rows)
    for check in report.checks:
        if check.status != PASS:
            click.echo(f"{check.status}: {check.target} {check.build or ''} in {check.runtime}: {check.detail}")


def _row(size: Size, checks: list[Check]) -> tuple[object, ...]:
    """Return one line for a target: its worst verdict, its largest errors, and where it ran."""
    found = {c.status for c in checks}
    status = FAIL if FAIL in found else PASS if PASS in found else NOT_RUN
    errors = [max((e for e in part if e is not None), default=None) for part in _errors(checks)]
    shown = ["–" if e is None else f"{e:.4g}" for e in errors]
    packed = "–" if size.brotli is None else f"{size.brotli:,}"
    passed = [f"{c.runtime}{f' ({c.build})' if c.build else ''}" for c in checks if c.status == PASS]
    details = {c.detail for c in checks if c.status == PASS}
    verdict = f"{status}: {details.pop()}" if status == PASS and len(details) == 1 else status
    return (size.target, f"{size.raw:,}", packed, *shown, verdict, ", ".join(passed))


def _errors(checks: list[Check]) -> tuple[list[float | None], list[float | None]]:
    return [c.rmse for c in checks], [c.max_error for c in checks]
