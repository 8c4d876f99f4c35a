"""edgekit check-data: new rows, before anything is trained on them."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json
from edgekit.cli.options import PATH, config_option, json_option, one_line
from edgekit.config import find_config
from edgekit.new_data import DataReport, check_data


@click.command("check-data")
@click.argument("data", type=PATH)
@click.option(
    "--against", type=PATH, metavar="WHAT", help="A bundle, its manifest.json, or older rows; beside edgekit.toml."
)
@config_option
@json_option
def command(data: Path, against: Path | None, config_file: Path | None, as_json: bool) -> int:
    """Look at new rows before training: schema, units, ranges, age."""
    report = check_data(data, find_config(config_file), against)
    emit_json(report.to_json()) if as_json else say_data(report)
    return 0 if report.ok else 1


def say_data(report: DataReport) -> None:
    """Print a finding a line."""
    for finding in report.findings:
        click.echo(one_line(f"{finding.severity}: {finding.sentence}"))
    held = f"held to {' and '.join(report.against)}" if report.against else "held to nothing: there is no edgekit.toml"
    verdict = "can be trained on" if report.ok else "must not be trained on"
    click.echo(one_line(f"{report.file}: {report.rows:,} rows, {held}; it {verdict}"))
