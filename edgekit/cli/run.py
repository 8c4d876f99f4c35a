"""edgekit run: from new rows to a published bundle, and again only what changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, config_option, json_option, one_line
from edgekit.cli.site import any_site_options, open_site, parse_life, patience
from edgekit.config import FILE_NAME, Config, read_config
from edgekit.config_daily import STAGES
from edgekit.plain import plain
from edgekit.publish import Way
from edgekit.publishing.notify import VARIABLE, News, tell_all, webhooks
from edgekit.run import DONE, FAILED, SKIPPED, Step, Walk, Wanted, run, walk_markdown
from edgekit.run_stages import Job, report_file


@click.command("run")
@click.option("--force", multiple=True, type=click.Choice(STAGES), help="Do this stage again; may be repeated.")
@click.option("--from", "since", type=click.Choice(STAGES), default=STAGES[0], help="Leave out what comes before it.")
@click.option("--until", type=click.Choice(STAGES), default=STAGES[-1], show_default=True, help="Stop behind it.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and why; only read.")
@any_site_options
@click.option("--channel", metavar="NAME", help="live or a preview channel; else [run] channel.")
@click.option("--no-check", is_flag=True, help="Do not fetch back what was published.")
@click.option("--summary", type=PATH, metavar="FILE", help="Add a Markdown table to this file, for CI.")
@click.option("--outputs", type=PATH, metavar="FILE", help="Add published=true or false and bundle=ID to this file.")
@click.option("--webhook", multiple=True, metavar="URL", help=f"Tell Slack, Discord or Telegram; else ${VARIABLE}.")
@config_option
@json_option
def command(
    force: tuple[str, ...],
    since: str,
    until: str,
    dry_run: bool,
    site_name: str,
    folder: Path | None,
    credentials: Path | None,
    endpoint: str | None,
    channel: str | None,
    no_check: bool,
    summary: Path | None,
    outputs: Path | None,
    webhook: tuple[str, ...],
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Walk from new rows to a published bundle; do again only what changed."""
    hooks = webhooks(webhook)
    file = config_file or Path(FILE_NAME)
    config = read_config(file)
    settings = replace(config.run, site=site_name or config.run.site, channel=channel or config.run.channel)
    held = str(Path(config.data.evaluation).resolve()) if config.data.evaluation else ""
    config = replace(config, run=settings, data=replace(config.data, evaluation=held))
    root = file.parent.resolve()
    place = (settings.site, folder or root / settings.folder, credentials, endpoint)
    way = Way(check=not no_check, expires=parse_life(settings.expires), patience=patience())
    with progress_bar() as progress:
        site = (lambda: open_site(*place)) if settings.site else None
        job = Job(root, config, site, way, progress=progress)
        walk = run(job, Wanted(force, since, until, dry_run), _begin)
    if summary is not None:
        _append(summary, _markdown(walk, report_file(job, ".check.md")))
    if outputs is not None:
        _append(outputs, _outputs(walk))
    missed = [] if dry_run else tell_all(hooks, _news(walk, config))
    emit_json({**plain(walk), "alerts_failed": missed}) if as_json else _say(walk, missed)
    return walk.exit_code


def _begin(stage: str, step: Step | None) -> None:
    text = f"{stage} ..." if step is None else f"{stage}: {step.state}: {step.why}"
    click.echo(one_line(f"edgekit run: {text}"), err=True)


def _say(walk: Walk, missed: list[str]) -> None:
    rows = [(s.stage, s.state, f"{s.seconds:.1f}" if s.seconds else "–", s.why) for s in walk.steps]
    table("edgekit run", ["stage", "what happened", "seconds", "why"], rows)
    for step in walk.steps:
        for note in (*step.result.get("notes", ()), *step.result.get("warnings", ())):
            click.echo(one_line(f"note: {step.stage}: {note}"))
    for why in missed:
        click.echo(one_line(why))
    click.echo(one_line(walk.title()))


def _news(walk: Walk, config: Config) -> News:
    name = config.name or Path(config.run.model).stem
    return News("failure" if walk.failed else "success", f"edgekit run: {name}", walk.title())


def _outputs(walk: Walk) -> str:
    """Return NAME=VALUE lines, as $GITHUB_OUTPUT and a shell read them."""
    last = next((s for s in walk.steps if s.stage == "publish"), None)
    published = "true" if last is not None and last.state == DONE else "false"
    bundle = next((str(s.result["bundle"]) for s in walk.steps if "bundle" in s.result), "")
    return f"published={published}\nbundle={bundle}\n"


def _markdown(walk: Walk, checked: Path) -> str:
    text = walk_markdown(walk)
    if checked.is_file() and any(s.stage == "check" and s.state in (DONE, SKIPPED, FAILED) for s in walk.steps):
        text += f"\n{checked.read_text(encoding='utf-8')}"
    return f"{text}\n"


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
