"""edgekit bench report: what the history says, as a page and for CI."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from edgekit.bench.ci import junit, markdown
from edgekit.bench.history import DEFAULT, Entry, History
from edgekit.bench.page import described, page
from edgekit.bench.trend import latest, series
from edgekit.cli.console import emit_json, table
from edgekit.cli.options import PATH, json_option
from edgekit.errors import InputError, missing_extra
from edgekit.report_parts import write
from edgekit.store import open_bundle


@click.command("report")
@click.option("--history", "file", type=PATH, default=DEFAULT, show_default=True, metavar="FILE", help="Which history.")
@click.option("--out", type=PATH, default=Path("bench.html"), show_default=True, metavar="FILE", help="The page.")
@click.option("--name", default="", help="Only runs of this model.")
@click.option("--device", default="", metavar="KEY", help="Only runs on this device.")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="The newest runs that count.")
@click.option("--junit", "xml", type=PATH, metavar="FILE", help="The last run on each device as JUnit XML.")
@click.option("--markdown", "text", type=PATH, metavar="FILE", help="The same as a Markdown summary.")
@click.option("--mlflow", "uri", metavar="URI", help="Log the runs to MLflow; needs the extra mlflow.")
@click.option(
    "--bundle", "bundles", type=PATH, multiple=True, help="With --mlflow: a bundle whose lineage is logged; repeatable."
)
@json_option
def command(
    file: Path,
    out: Path,
    name: str,
    device: str,
    limit: int,
    xml: Path | None,
    text: Path | None,
    uri: str | None,
    bundles: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Write what the history says: a page, JUnit XML, Markdown, MLflow."""
    where = {key: value for key, value in (("name", name), ("device", device)) if value}
    entries = History(file).runs(limit, **where)
    if not entries:
        asked = " and ".join(f"{key} {value}" for key, value in where.items())
        raise InputError(f"{file} has no run{f' of {asked}' if asked else ''}; `edgekit bench BUNDLE` adds one")
    logged = None if uri is None else _log(entries, uri, bundles)
    write(out, page(entries))
    last = latest(entries)
    if xml is not None:
        write(xml, junit(last))
    if text is not None:
        write(text, markdown(last))
    if as_json:
        emit_json({**_content(entries, last), "report": str(out), **({} if logged is None else {"logged": logged})})
        return
    rows = [(e.id, e.verdict.state, described(e), e.verdict.why) for e in last]
    table(f"{len(entries)} runs; the last on each device", ["run", "verdict", "what", "why"], rows)
    if logged is not None:
        click.echo(f"MLflow: {logged} runs logged, {len(entries) - logged} were there")
    click.echo(f"report: {out}")


def _log(entries: tuple[Entry, ...], uri: str, bundles: tuple[Path, ...]) -> int:
    try:  # imported here: it takes a second, and most reports do without
        module = importlib.import_module("edgekit.bench.mlflow_log")
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "mlflow":
            raise missing_extra("edgekit bench report --mlflow", "mlflow") from None
        raise
    count: int = module.log(entries, uri, [open_bundle(path) for path in bundles])
    return count


def _content(entries: tuple[Entry, ...], last: tuple[Entry, ...]) -> dict[str, Any]:
    """Return the JSON: the last runs without their samples, and the change points of every series."""
    runs = [
        {
            "run": e.id,
            "started": e.run.started,
            "runner": e.run.runner,
            "device": e.run.device.key,
            "candidate": e.run.candidate,
            "baseline": e.run.baseline,
            "commit": e.run.commit,
            "verdict": e.verdict,
        }
        for e in last
    ]
    changes = [
        {"device": s.device, "name": s.name, "measure": s.measure.name, "run": s.points[c.at].run, "factor": c.factor}
        for s in series(entries)
        for c in s.changes
    ]
    return {"runs": len(entries), "last": runs, "changes": changes}
