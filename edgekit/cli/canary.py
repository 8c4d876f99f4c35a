"""edgekit canary: make a model's canary stable, or end it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar
from edgekit.cli.options import json_option
from edgekit.cli.publish import say_outcome, say_plan
from edgekit.cli.site import open_remote, open_site, patience, site_options
from edgekit.publish import Way, change_canary, plan_change, to_json, told
from edgekit.publishing.notify import VARIABLE


@click.command("canary")
@click.argument("action", type=click.Choice(["promote", "abort"]))
@click.option("--name", required=True, metavar="MODEL", help="The model, as in its address.")
@site_options
@click.option("--expect-release", default="", metavar="ID", help="Refuse if another release than this one is live.")
@click.option(
    "--rollback-on-failure", is_flag=True, help="Bring the old release back if the new one is seen to be wrong."
)
@click.option("--no-check", is_flag=True, help="Do not fetch back what is live then.")
@click.option("--dry-run", is_flag=True, help="Print the plan and only read.")
@click.option("--remote-config", is_flag=True, help="Write the canary's percentage to Firebase Remote Config too.")
@click.option("--project", metavar="ID", help="The project of Remote Config; else the credential's.")
@click.option("--webhook", multiple=True, metavar="URL", help=f"Tell Slack, Discord or Telegram; else ${VARIABLE}.")
@json_option
def command(
    action: str,
    name: str,
    site_name: str,
    folder: Path,
    credentials: Path | None,
    endpoint: str | None,
    expect_release: str,
    rollback_on_failure: bool,
    no_check: bool,
    dry_run: bool,
    remote_config: bool,
    project: str | None,
    webhook: tuple[str, ...],
    as_json: bool,
) -> int:
    """Make the canary of a model stable, or end it: a release of one small file."""
    way = Way(
        expect_release,
        check=not no_check,
        rollback=rollback_on_failure,
        remote=open_remote(remote_config, site_name, project, credentials),
        patience=patience(),
    )
    site = open_site(site_name, folder, credentials, endpoint)
    if dry_run:
        made = plan_change(site, name, action, way)
        emit_json(made.to_json()) if as_json else say_plan(made)
        return 0
    hooks = webhook or tuple(filter(None, [os.environ.get(VARIABLE, "")]))
    with progress_bar() as progress, told(hooks, f"canary {action} {name} on {site_name}") as tell:
        outcome = change_canary(site, name, action, way, progress)
        missed = tell(outcome)
    emit_json({**to_json(outcome), "alerts_failed": missed}) if as_json else say_outcome(outcome, missed)
    return 0 if outcome.ok else 1
