"""edgekit gallery: one page of all models of a local site."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json
from edgekit.cli.options import PATH, json_option
from edgekit.gallery import gallery


@click.command("gallery")
@click.argument("site", type=PATH)
@json_option
def command(site: Path, as_json: bool) -> None:
    """Write one page of all models of a local site, with sizes, errors and speed."""
    made = gallery(site)
    if as_json:
        emit_json(made)
        return
    done = f"release {made.release}" if made.release else "nothing to do"
    click.echo(f"{done}: {len(made.models)} models, {', '.join(made.models)}; see them with: edgekit serve {site}")
