"""edgekit serve: a bundle's page, or a local site, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from edgekit.cli.console import emit_json
from edgekit.cli.options import PATH, json_option
from edgekit.hosting import Settings
from edgekit.publishing.local_site import Hosted, LocalSite, is_local_site
from edgekit.publishing.site import LIVE
from edgekit.python_console import python_console
from edgekit.server import HOST, PORT, fetch_all, serve, site
from edgekit.store import open_bundle


@click.command("serve")
@click.argument("bundle", type=PATH)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--host", default=HOST, show_default=True, help="The address to listen on.")
@click.option("--check", is_flag=True, help="Answer once, to oneself, for every file of the page; then end.")
@click.option(
    "--python", is_flag=True, help="With a Python console over the model at /python.html (Pyodide, fetched once)."
)
@click.option("--channel", default=LIVE, show_default=True, help="Of a site that --site local published to.")
@json_option
def command(bundle: Path, port: int, host: str, check: bool, python: bool, channel: str, as_json: bool) -> None:
    """Serve a bundle's page, or a local site, on this machine."""

    def announce(url: str) -> None:
        if as_json:
            emit_json({"url": url})
        else:
            end = "(every file answered; --check ends here)" if check else "(Ctrl-C ends)"
            click.echo(f"{bundle} is at {url} {end}")

    files: Mapping[str, Path]
    settings: Callable[[], Settings] = Settings
    if python:
        opened = open_bundle(bundle)
        files = site(opened) | python_console(opened)
    elif is_local_site(bundle):
        files = hosted = Hosted(LocalSite(bundle), channel)
        settings = hosted.settings
    else:
        files = site(open_bundle(bundle))
    if check:
        announce(fetch_all(files, port, host, settings))
    else:
        serve(files, port, host, announce, settings)
