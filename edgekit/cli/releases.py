"""edgekit releases: what was released on a site."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, table
from edgekit.cli.options import json_option
from edgekit.cli.site import open_site, site_options
from edgekit.publishing.site import LIVE
from edgekit.releases import Row, releases, to_json


@click.command("releases")
@site_options
@click.option("--channel", default=LIVE, show_default=True, help="Of which channel.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@json_option
def command(
    site_name: str,
    folder: Path,
    credentials: Path | None,
    endpoint: str | None,
    channel: str,
    limit: int,
    as_json: bool,
) -> None:
    """List what was released on a site, with each bundle's id, source and metrics."""
    rows = releases(open_site(site_name, folder, credentials, endpoint), channel, limit)
    if as_json:
        emit_json([to_json(row) for row in rows])
        return
    columns = ["", "release", "time", "what", "model", "bundle", "canary", "source", "float / int8", "forced"]
    table(f"Releases of {site_name} on {channel}", columns, [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[str, ...]:
    mark = "*" if row.is_live else ""
    found = row.record
    if found is None:
        return (mark, row.release, row.time, row.kind.lower(), "", "", "", "", "", "")
    canary = f"{found.canary[:12]} {found.percent:g} %" if found.canary else ""
    metrics = ", ".join(f"{name} {a:.5g} / {b:.5g}" for name, (a, b) in (found.metrics or {}).items())
    model = f"{found.name} {found.version}".strip()
    ids = ((found.stable or "")[:12], canary, found.source[:12])
    return (mark, row.release, row.time, found.action, model, *ids, metrics, found.forced)
