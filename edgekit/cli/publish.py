"""edgekit publish: a bundle onto a hosting site, all at once."""

from __future__ import annotations

import os
from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar
from edgekit.cli.options import PATH, config_option, json_option
from edgekit.cli.site import open_remote, open_site, parse_bytes, parse_life, patience, say_all, say_seen, site_options
from edgekit.config import find_config
from edgekit.publish import Outcome, Way, permitted, plan, publish, to_json, told
from edgekit.publishing.channel_file import parse_percent
from edgekit.publishing.firebase_json import write_folder
from edgekit.publishing.gate import settings_of
from edgekit.publishing.notify import VARIABLE
from edgekit.publishing.plan import Budget, Plan
from edgekit.publishing.planning import Wish, tree
from edgekit.publishing.site import LIVE
from edgekit.store import open_bundle


@click.command("publish")
@click.argument("bundle", type=PATH)
@site_options
@click.option("--channel", default=LIVE, show_default=True, help="live, or the name of a preview channel.")
@click.option("--expires", metavar="TIME", help="How long a preview channel lives, such as 7d; default 7d.")
@click.option("--dry-run", is_flag=True, help="Print the plan and only read.")
@click.option("--to-folder", type=PATH, metavar="DIR", help="Only write the site and its firebase.json there.")
@click.option(
    "--canary", metavar="PERCENT", help="Give the bundle to some installs, such as 10%; the others keep theirs."
)
@click.option(
    "--keep-bundles", type=click.IntRange(0, 5), default=3, show_default=True, help="Older bundles that stay."
)
@click.option("--expect-release", default="", metavar="ID", help="Refuse if another release than this one is live.")
@click.option("--max-first-load", metavar="SIZE", help="Refuse if a first visit costs more after gzip, such as 200kB.")
@click.option("--max-bundle", metavar="SIZE", help="Refuse if the bundle is larger after gzip.")
@click.option(
    "--rollback-on-failure", is_flag=True, help="Bring the old release back if the new one is seen to be wrong."
)
@click.option("--no-preview", is_flag=True, help="Do not look at the version on a preview address before the release.")
@click.option("--no-check", is_flag=True, help="Do not fetch back what was published, before or after.")
@click.option("--force", is_flag=True, help="Publish without green reports or over budget; the release says so.")
@click.option("--reports", type=PATH, metavar="DIR", help="Where the reports lie; else beside the bundle.")
@click.option("--remote-config", is_flag=True, help="Write the canary's percentage to Firebase Remote Config too.")
@click.option("--project", metavar="ID", help="The project of Remote Config; else the credential's.")
@click.option("--webhook", multiple=True, metavar="URL", help=f"Tell Slack, Discord or Telegram; else ${VARIABLE}.")
@config_option
@json_option
def command(
    bundle: Path,
    site_name: str,
    folder: Path,
    credentials: Path | None,
    endpoint: str | None,
    channel: str,
    expires: str | None,
    dry_run: bool,
    to_folder: Path | None,
    canary: str | None,
    keep_bundles: int,
    expect_release: str,
    max_first_load: str | None,
    max_bundle: str | None,
    rollback_on_failure: bool,
    no_preview: bool,
    no_check: bool,
    force: bool,
    reports: Path | None,
    remote_config: bool,
    project: str | None,
    webhook: tuple[str, ...],
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Publish a bundle on a hosting site, all at once."""
    way = Way(
        expect=expect_release,
        preview=not no_preview,
        check=not no_check,
        rollback=rollback_on_failure,
        expires=parse_life(expires or "7d"),
        remote=open_remote(remote_config, site_name, project, credentials),
        patience=patience(),
    )
    budget = Budget(parse_bytes(max_first_load), parse_bytes(max_bundle))
    share = None if canary is None else parse_percent(canary)
    hooks = webhook or tuple(filter(None, [os.environ.get(VARIABLE, "")]))
    opened = open_bundle(bundle)
    settings = settings_of(find_config(config_file))
    if to_folder:
        return _to_folder(to_folder, Wish(opened), as_json)
    site = open_site(site_name, folder, credentials, endpoint)
    wish = Wish(opened, channel, share, keep_bundles, budget, "--force" if force else "")
    if dry_run:
        made = plan(site, wish, way)
        emit_json(made.to_json()) if as_json else say_plan(made)
        return 1 if made.over_budget else 0
    with progress_bar() as progress, told(hooks, f"publish {opened.manifest.name} on {site_name}") as tell:
        why = permitted(opened, force, reports, settings)
        wish = Wish(opened, channel, share, keep_bundles, budget, why or wish.forced)
        outcome = publish(site, wish, way, progress)
        missed = tell(outcome)
    emit_json({**to_json(outcome), "alerts_failed": missed}) if as_json else say_outcome(outcome, missed)
    return 0 if outcome.ok else 1


def _to_folder(folder: Path, wish: Wish, as_json: bool) -> int:
    write_folder(folder, *tree(wish))
    emit_json({"folder": str(folder)}) if as_json else click.echo(f"wrote {folder}; next: firebase deploy there")
    return 0


def say_plan(made: Plan) -> None:
    """Print a plan."""
    state = made.channels
    click.echo(
        f"{made.record.action} {state.name} on {made.channel} of {made.site}, on release {made.base.release or '-'}"
    )
    canary = f", canary {state.canary[:16]} for {state.percent:g} %" if state.canary else ""
    click.echo(f"stable {(state.stable or '-')[:16]}{canary}, {len(state.previous)} older bundles stay")
    for title, paths in (("added", made.added), ("changed", made.changed), ("removed", made.removed)):
        if paths:
            click.echo(f"{title}: {len(paths)}")
            say_all(paths)
    if changes := made.config_changes():
        click.echo(f"settings: {len(changes)}")
        say_all(changes)
    click.echo(f"upload: {len(made.uploads)} files, {made.upload_bytes:,} bytes of gzip")
    click.echo(f"a first visit: {made.first_load_bytes:,} bytes of gzip; the bundle: {made.bundle_bytes:,}")
    for problem in made.over_budget:
        click.echo(f"over budget: {problem}")
    if made.is_done:
        click.echo("nothing to do: this is live")


def say_outcome(outcome: Outcome, missed: list[str]) -> None:
    """Print what was done."""
    made = outcome.plan
    if outcome.made is None:
        click.echo(f"nothing to do: release {outcome.release} is live and has all of this")
        return
    click.echo(f"{made.record.action} {made.channels.name}: {made.summary()}")
    again = ", going on with an earlier run" if outcome.made.resumed else ""
    click.echo(f"sent {outcome.made.files_sent} files, {outcome.made.bytes_sent:,} bytes{again}")
    say_seen("preview", outcome.preview)
    say_seen("published", outcome.seen)
    say_all(outcome.notes)
    say_all(missed)
    if outcome.rolled_back:
        click.echo(f"rolled back: release {outcome.release} shows the version {outcome.version} again")
    elif outcome.ok:
        where = f"{outcome.url}{made.channels.name}/" if outcome.url else f"edgekit serve {outcome.address}"
        click.echo(f"release {outcome.release} is on {made.channel}: {where}")
    else:
        click.echo(f"release {outcome.release} is on {made.channel} and is wrong; see: edgekit rollback")
