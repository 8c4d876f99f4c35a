"""What a browser fetches for a first prediction with onnxruntime-web: a bundle's target ort, and the package's default.

python benchmarks/ort_bytes.py BUNDLE
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import onnx
from brotli_server import compress
from npm_packages import ONNX_RUNTIME_WEB, opened

from edgekit.cli.console import emit_json, table
from edgekit.errors import EdgekitError, InputError
from edgekit.formats.onnx_graph import WEIGHTS
from edgekit.runtimes.chromium import Browser
from edgekit.server import Server, site
from edgekit.store import Bundle, open_bundle

PAGES = Path(__file__).parent / "pages"


class Counted(dict[str, Path]):
    """The files of a server, which remembers what it sent."""

    def __init__(self, files: Mapping[str, Path], script: str) -> None:
        super().__init__({**files, "/": PAGES / "ort.html", "/page.js": PAGES / script})
        self.sent: list[str] = []

    def get(self, path: str, default: Any = None) -> Any:
        """Look up what a request asks for."""
        if path in self and path not in ("/", "/page.js") and path not in self.sent:
            self.sent.append(path)
        return super().get(path, default)


def one_file(bundle: Bundle, folder: Path) -> Path:
    """Write the bundle's model with its weights inside, as users have it."""
    files = bundle.manifest.targets["ort"].files
    (folder / "split.onnx").write_bytes(b"".join(bundle.read(f.path) for f in files if f.role == "model"))
    (folder / WEIGHTS).write_bytes(b"".join(bundle.read(f.path) for f in files if f.role == "shard"))
    onnx.save(onnx.load(folder / "split.onnx"), folder / "model.onnx")
    return folder / "model.onnx"


def fetched(browser: Browser, files: Counted) -> list[tuple[str, int, int]]:
    """Open the page and return (path, bytes, bytes with brotli) of all that it fetched before its first prediction."""
    with Server(files) as server, browser.page(server.url) as tab:
        tab.page.goto(server.url)
        tab.page.wait_for_selector("html[data-state=done]", state="attached")
    contents = {path: files[path].read_bytes() for path in files.sent}
    return [(path, len(data), len(compress(data))) for path, data in contents.items()]


def main(path: Path) -> dict[str, list[tuple[str, int, int]]]:
    """Run both pages."""
    bundle = open_bundle(path)
    if "ort" not in bundle.manifest.targets:
        raise InputError(f"{path}: has no target ort; export it with --to ort")
    with tempfile.TemporaryDirectory(prefix="edgekit-") as work, Browser() as browser:
        with tarfile.open(opened(ONNX_RUNTIME_WEB)) as archive:
            archive.extractall(work, filter="data")
        dist = Path(work, "package", "dist")
        stock = {f"/dist/{f.name}": f for f in dist.iterdir()} | {"/model.onnx": one_file(bundle, Path(work))}
        return {
            "edgekit, target ort": fetched(browser, Counted(site(bundle), "ort_bundle.js")),
            "onnxruntime-web's default": fetched(browser, Counted(stock, "ort_stock.js")),
        }


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(bundle: Path, as_json: bool) -> None:
    """Compare the bytes on the wire of a bundle's target ort with those of the package's default file."""
    found = main(bundle)
    if as_json:
        emit_json(found)
        return
    for name, files in found.items():
        lines = [(path, f"{raw:,}", f"{packed:,}") for path, raw, packed in files]
        lines.append(("together", f"{sum(f[1] for f in files):,}", f"{sum(f[2] for f in files):,}"))
        table(name, ["file", "bytes", "brotli"], lines)


if __name__ == "__main__":
    try:
        command()
    except EdgekitError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
