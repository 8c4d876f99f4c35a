"""edgekit check: the gate, and the report that publish asks for."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from edgekit.check import Question, check, rows_for
from edgekit.check_bench import FIRST
from edgekit.check_report import Signed, write_signed
from edgekit.cli.console import emit_json, progress_bar, table
from edgekit.cli.options import PATH, config_option, json_option
from edgekit.cli.site import any_site_options, open_site
from edgekit.config import find_config
from edgekit.errors import NotAvailable
from edgekit.load import load
from edgekit.manifest import Manifest
from edgekit.progress import Progress
from edgekit.publishing.journal import cache_folder
from edgekit.publishing.live_bundle import fetch_baseline
from edgekit.publishing.packing import PackCache
from edgekit.report import write_report
from edgekit.store import Bundle, open_bundle

HISTORY = Path(".edgekit") / "history.sqlite"


@click.command("check")
@click.argument("bundle", type=PATH)
@click.option("--against", type=PATH, metavar="BUNDLE", help="What it is compared with; else what SITE shows.")
@any_site_options
@click.option("--eval", "evaluation", type=PATH, metavar="DATA", help="Evaluation rows; else data.evaluation.")
@click.option("--data", type=PATH, metavar="DATA", help="Rows of which a part is held out, where there is no --eval.")
@click.option("--model", type=PATH, metavar="MODEL", help="The float model, to measure what was lost once more.")
@click.option("--report", "page", type=PATH, metavar="FILE", help="The report page; else BUNDLE.check.html.")
@config_option
@json_option
def command(
    bundle: Path,
    against: Path | None,
    site_name: str,
    folder: Path | None,
    credentials: Path | None,
    endpoint: str | None,
    evaluation: Path | None,
    data: Path | None,
    model: Path | None,
    page: Path | None,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Hold a bundle to [gate]; write the signed report that publish asks for."""
    config = find_config(config_file)
    opened = open_bundle(bundle)
    with progress_bar() as progress, ExitStack() as stack:
        rows = rows_for(opened.manifest, data, evaluation, config)
        question = Question(opened, rows=rows, history=HISTORY)
        if model is not None:
            work = stack.enter_context(tempfile.TemporaryDirectory(prefix="edgekit-"))
            question = replace(question, model=load(model, Path(work), progress))
        if against is not None:
            question = replace(question, baseline=open_bundle(against))
        elif site := site_name or config.run.site:
            place = (site, folder or Path(config.run.folder), credentials, endpoint)
            question = replace(question, baseline=_live(place, opened.manifest, progress))
        signed, verified = check(question, config, progress)
    write_report(verified, opened)
    written = write_signed(signed, opened, page)
    emit_json({**signed.to_json(), "report": str(written)}) if as_json else say_signed(signed, written)
    return signed.exit_code


def say_signed(signed: Signed, written: Path) -> None:
    """Print the parts and the verdict."""
    rows = [(c.name, c.status, "" if c.required else "optional", c.detail) for c in signed.checks]
    table(f"{signed.name} {signed.version}", ["check", "verdict", "", "what was seen"], rows)
    click.echo(f"{signed.verdict()}; report: {written}")


def _live(place: tuple[str, Path, Path | None, str | None], own: Manifest, progress: Progress) -> Bundle | str:
    """Return the bundle that the site shows, or why it cannot be had."""
    kept = cache_folder() / "bundles"
    try:
        return fetch_baseline(open_site(*place), own, kept, PackCache(cache_folder()), progress) or FIRST
    except NotAvailable as error:
        return str(error)
