"""edgekit promote: what a preview channel shows, to live."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar
from edgekit.cli.options import json_option
from edgekit.cli.site import open_site, say_all, say_seen, site_options
from edgekit.releases import Moved, promote


@click.command("promote")
@site_options
@click.option("--from", "source", required=True, metavar="CHANNEL", help="The preview channel.")
@click.option("--force", is_flag=True, help="Also where live moved since the preview was made: that is replaced.")
@click.option("--no-check", is_flag=True, help="Do not fetch back what is live then.")
@json_option
def command(
    site_name: str,
    folder: Path,
    credentials: Path | None,
    endpoint: str | None,
    source: str,
    force: bool,
    no_check: bool,
    as_json: bool,
) -> int:
    """Release to live the very version that a preview channel shows."""
    site = open_site(site_name, folder, credentials, endpoint)
    with progress_bar() as progress:
        moved = promote(site, source, force, not no_check, progress)
    say_moved(moved, as_json)
    return 0 if moved.ok else 1


def say_moved(moved: Moved, as_json: bool) -> None:
    """Print what is live now."""
    if as_json:
        emit_json(moved)
        return
    for title, paths in (("added", moved.added), ("changed", moved.changed), ("removed", moved.removed)):
        if paths:
            click.echo(f"{title}: {len(paths)}")
            say_all(paths, 5)
    say_seen("published", moved.seen)
    click.echo(f"release {moved.release} shows the version {moved.version}, before it was {moved.before or '-'}")
