"""edgekit rollback: an older version, live again."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import progress_bar
from edgekit.cli.options import json_option
from edgekit.cli.promote import say_moved
from edgekit.cli.site import open_site, site_options
from edgekit.releases import rollback


@click.command("rollback")
@site_options
@click.option("--to", default="", metavar="ID", help="A release or version of `edgekit releases`; else the one before.")
@click.option("--steps", type=click.IntRange(1), default=1, show_default=True, help="How many versions back.")
@click.option("--no-check", is_flag=True, help="Do not fetch back what is live then.")
@json_option
def command(
    site_name: str,
    folder: Path,
    credentials: Path | None,
    endpoint: str | None,
    to: str,
    steps: int,
    no_check: bool,
    as_json: bool,
) -> int:
    """Make an older version of a site live again; nothing is uploaded."""
    site = open_site(site_name, folder, credentials, endpoint)
    with progress_bar() as progress:
        moved = rollback(site, to, steps, not no_check, progress)
    say_moved(moved, as_json)
    return 0 if moved.ok else 1
