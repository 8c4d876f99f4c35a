"""edgekit prune: old versions, deleted."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json
from edgekit.cli.options import json_option
from edgekit.cli.site import open_site, say_all, site_options
from edgekit.releases import prune


@click.command("prune")
@site_options
@click.option("--keep", type=click.IntRange(1, 100), default=5, show_default=True, help="Versions of live that stay.")
@click.option("--all-tools", is_flag=True, help="Also versions that edgekit did not make.")
@click.option("--delete-channel", "channels", multiple=True, metavar="NAME", help="A preview channel; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted and only read.")
@json_option
def command(
    site_name: str,
    folder: Path,
    credentials: Path | None,
    endpoint: str | None,
    keep: int,
    all_tools: bool,
    channels: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete old versions that no channel shows."""
    site = open_site(site_name, folder, credentials, endpoint)
    done = prune(site, keep, all_tools=all_tools, channels=channels, dry_run=dry_run)
    if as_json:
        emit_json(done)
        return
    verb = "would delete" if dry_run else "deleted"
    click.echo(f"{verb} {len(done.versions)} versions ({done.bytes:,} bytes), {done.kept} stay")
    say_all(done.versions)
    if done.channels:
        click.echo(f"{verb} the channels {', '.join(done.channels)}")
