"""edgekit flutter: a bundle into a Dart workspace."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.console import emit_json
from edgekit.cli.options import PATH, json_option
from edgekit.flutter import ClientRequest, flutter
from edgekit.store import open_bundle


@click.command("flutter")
@click.argument("bundle", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="DIR", help="The client's folder; one of edgekit is updated.")
@click.option("--channel", default="", metavar="URL", help="The channel.json that new versions come by.")
@click.option("--public-key", default="", metavar="KEY", help="Take only versions signed with this key's other half.")
@click.option("--native", is_flag=True, help="Build the engine for phones and desktops too; needs ziglang.")
@click.option("--force", is_flag=True, help="Overwrite files of the client that were changed by hand.")
@json_option
def command(bundle: Path, out: Path, channel: str, public_key: str, native: bool, force: bool, as_json: bool) -> None:
    """Write a Flutter client: a typed Dart package of the model and an app."""
    client = flutter(open_bundle(bundle), ClientRequest(out, channel, public_key, native, force))
    if as_json:
        emit_json({**vars(client), "root": str(client.root)})
        return
    how = "it runs in plain Dart too" if client.embeds else "it needs the native, LiteRT or web runtime"
    click.echo(f"wrote {client.root}: {len(client.changed)} of {client.files} files; {client.model}, {how}")
    click.echo(f"next: sh {client.root}/tool/bootstrap.sh; or take the packages into your own app: docs/flutter.md")
