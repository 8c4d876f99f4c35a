"""What a browser that has a model downloads for the next one, of which the last layer alone was trained further.

python benchmarks/update_bytes.py MODEL.keras DATA.npz
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from judge import difference
from playwright.sync_api import Page
from session import answer, open_browser, open_page

from edgekit import golden
from edgekit.cli.console import emit_json, table
from edgekit.compression import packed
from edgekit.config import Config, read_config
from edgekit.errors import CheckFailed, EdgekitError
from edgekit.export import Request, export
from edgekit.server import Server, site
from edgekit.store import Bundle

PAGES = Path(__file__).parent / "pages"
_TARGETS = ("tflite", "wasm")
_TIMEOUT_SECONDS = 60


class Counted(dict[str, Path]):
    """The files of a server, which remembers what it sent."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(_files(bundle))
        self.sent: list[str] = []

    def get(self, path: str, default: Any = None) -> Any:
        """Look up what a request asks for."""
        if path.startswith("/bundle/") and path in self:
            self.sent.append(path)
        return super().get(path, default)


@dataclass(frozen=True)
class Visit:
    """What the server sent of the bundle, the runtime's scripts aside; `brotli` is what a host would send."""

    what: str
    files: tuple[str, ...]
    bytes: int
    brotli: int


def _files(bundle: Bundle) -> dict[str, Path]:
    return site(bundle) | {"/update.html": PAGES / "cold.html", "/cold.js": PAGES / "update.js"}


def versions(model: Path, data: Path, config: Config, work: Path) -> tuple[Bundle, Bundle]:
    """Export the model, train its last layer further, and export that; both with the same data."""
    new = work / "new.keras"
    subprocess.run([sys.executable, PAGES.parent / "fine_tune.py", model, data, new], check=True)
    old = export(Request(model, data, work / "old", _TARGETS), config).bundle
    later = replace(config, version="2.0.0")
    return old, export(Request(new, data, work / "new", _TARGETS), later).bundle


def measure(old: Bundle, new: Bundle) -> list[Visit]:
    """Visit the old bundle with an empty cache, then the new one at the same address."""
    files = Counted(old)
    visits = []
    with Server(files) as server, open_browser() as browser, open_page(browser) as page:
        for what, bundle in (("first visit", old), ("next visit", old), ("after the update", new)):
            files.update(_files(bundle))
            files.sent.clear()
            _predict(page, f"{server.url}update.html", bundle)
            sent = [path for path in files.sent if "/runtime/" not in path]
            data = [files[path].read_bytes() for path in sent]
            visits.append(Visit(what, tuple(sent), sum(map(len, data)), sum(len(packed(d)) for d in data)))
    return visits


def _predict(page: Page, url: str, bundle: Bundle) -> None:
    rows = golden.decode(bundle.read(golden.PATH))
    page.goto(url)
    page.wait_for_selector("html[data-state=ready]", state="attached")
    page.evaluate("row => { visit(row); }", rows.inputs[0].ravel().tolist())
    found = answer(page, _TIMEOUT_SECONDS)
    said = difference(np.asarray(found["output"], np.float32), rows.quantized[0].ravel())
    if (found["version"], said) != (bundle.manifest.version, "bit for bit"):
        raise CheckFailed(f"version {found['version']} answers wrongly: {said}")


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--config", type=click.Path(path_type=Path, exists=True), help="An edgekit.toml.")
@click.option("--shard-bytes", type=click.IntRange(1024), help="Instead of the configured size of shards.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: Path, data: Path, config: Path | None, shard_bytes: int | None, as_json: bool) -> int:
    """Count the bytes of an update of a model's last layer, in a real browser."""
    chosen = read_config(config) if config else Config()
    if shard_bytes:
        wasm = replace(chosen.targets.wasm, shard_bytes=shard_bytes)
        chosen = replace(chosen, targets=replace(chosen.targets, wasm=wasm))
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work:
        old, new = versions(model, data, chosen, Path(work))
        visits = measure(old, new)
    if as_json:
        emit_json({"visits": visits})
        return 0
    rows = [(v.what, len(v.files), f"{v.bytes:,}", f"{v.brotli:,}") for v in visits]
    table("Bytes that the server sent", ["visit", "files", "bytes", "brotli"], rows)
    click.echo("the update: " + ", ".join(path.removeprefix("/bundle/") for path in visits[-1].files))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(command(standalone_mode=False))
    except (EdgekitError, click.ClickException) as error:
        click.echo(f"update_bytes: {error}", err=True)
        sys.exit(error.exit_code)
