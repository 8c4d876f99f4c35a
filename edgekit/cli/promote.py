"""edgekit promote: what a preview channel shows, to live."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar
from edgekit.cli.options import PATH, json_option
from edgekit.cli.site import open_site, say_all, say_seen, site_options
from edgekit.errors import EdgekitError
from edgekit.publishing.notify import VARIABLE, News, tell_all, webhooks
from edgekit.releases import Moved, promote


@click.command("promote")
@site_options
@click.option("--from", "source", required=True, metavar="CHANNEL", help="The preview channel.")
@click.option("--force", is_flag=True, help="Also where live moved since the preview was made: that is replaced.")
@click.option("--no-check", is_flag=True, help="Do not fetch back what is live then.")
@click.option(
    "--rollback-on-failure", is_flag=True, help="Bring the old version back if the new one is seen to be wrong."
)
@click.option("--summary", type=PATH, metavar="FILE", help="Add a sentence in Markdown to this file, for CI.")
@click.option("--webhook", multiple=True, metavar="URL", help=f"Tell Slack, Discord or Telegram; else ${VARIABLE}.")
@json_option
def command(
    site_name: str,
    folder: Path,
    credentials: Path | None,
    endpoint: str | None,
    source: str,
    force: bool,
    no_check: bool,
    rollback_on_failure: bool,
    summary: Path | None,
    webhook: tuple[str, ...],
    as_json: bool,
) -> int:
    """Release to live the very version that a preview channel shows."""
    hooks = webhooks(webhook)
    site = open_site(site_name, folder, credentials, endpoint)
    what = f"promote {source} on {site_name}"
    try:
        with progress_bar() as progress:
            moved = promote(site, source, force, not no_check, progress, rollback_on_failure)
    except EdgekitError as error:
        _add(summary, f"❌ {what}: {error}")
        tell_all(hooks, News("failure", what, str(error)))
        raise
    kind = "rollback" if moved.rolled_back else "success" if moved.ok else "failure"
    mark = {"rollback": "↩️", "success": "✅", "failure": "❌"}[kind]
    wrong = f"; {moved.seen.problems[0]}" if moved.seen and moved.seen.problems and not moved.ok else ""
    said = f"release {moved.release} shows the version {moved.version}{wrong}"
    _add(summary, f"{mark} {what}: {said}")
    missed = tell_all(hooks, News(kind, what, said))
    say_moved(moved, as_json)
    for why in missed:
        click.echo(why, err=True)
    return 0 if moved.ok else 1


def _add(summary: Path | None, line: str) -> None:
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n\n")


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
    if moved.rolled_back:
        click.echo("rolled back: the version before it is live again")
    click.echo(f"release {moved.release} shows the version {moved.version}, before it was {moved.before or '-'}")
