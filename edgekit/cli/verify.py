"""edgekit verify: the golden rows through every target in its real runtime."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, json_option
from edgekit.report import write_report
from edgekit.store import Bundle, open_bundle
from edgekit.verdicts import verdicts
from edgekit.verify import ALL_RUNTIMES, PASS, REQUIRE, Report, exit_code, verify


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
    golden_rows = max((c.rows for c in report.checks), default=0)
    columns, rows = verdicts(report, bundle)
    table(f"{report.name} {report.version}: {golden_rows} golden rows against the float model", columns, rows)
    for check in report.checks:
        if check.status != PASS:
            click.echo(f"{check.status}: {check.target} {check.build or ''} in {check.runtime}: {check.detail}")
