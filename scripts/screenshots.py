"""Make the pictures of docs/ from a local site with a gallery: `python scripts/screenshots.py SITE`.

SITE is what scripts/run_examples.py leaves in FOLDER/hosting. Every model is measured first; the times are of this
machine.
"""

from __future__ import annotations

import argparse
import base64
import struct
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.publishing.local_site import Hosted, LocalSite
from edgekit.publishing.site import LIVE
from edgekit.runtimes.chromium import Browser
from edgekit.server import Server

OUT = Path(__file__).parent.parent / "docs" / "images"
MAX_BYTES = 150_000  # of all pictures together


@dataclass(frozen=True)
class Shot:
    """A picture: a path of the site, the size of the window, and the scheme."""

    name: str
    path: str
    width: int
    height: int
    scheme: str


SHOTS = (
    Shot("gallery-light", "gallery/", 1280, 900, "light"),
    Shot("gallery-phone-dark", "gallery/", 390, 844, "dark"),
    Shot("window-phone-dark", "renewable_energy/", 390, 844, "dark"),
)


#: A PNG's pixels, which the browser that made it knows best how to read.
_PIXELS = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const parts = [];
  for (let i = 0; i < data.length; i += 30000) parts.push(String.fromCharCode(...data.subarray(i, i + 30000)));
  return [image.width, image.height, btoa(parts.join(''))];
}"""


def smaller(page: Any, picture: bytes) -> bytes:
    """Return a PNG of the 128 most frequent colours, each other one the nearest of them: a half of the bytes."""
    width, height, pixels = page.evaluate(_PIXELS, base64.b64encode(picture).decode())
    raw = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height * width, 4)[:, :3]
    colours, place, count = np.unique(raw, axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-count, kind="stable")[:128]]
    apart = ((colours[:, None].astype(int) - palette[None].astype(int)) ** 2).sum(axis=2)
    rows = apart.argmin(axis=1).astype(np.uint8)[place.reshape(-1)].reshape(height, width)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def take(browser: Browser, url: str, shot: Shot) -> bytes:
    """Return a PNG of what a visitor sees once everything has been measured."""
    size = {"width": shot.width, "height": shot.height}
    with browser.page(url, viewport=size, color_scheme=shot.scheme, reduced_motion="reduce") as tab:
        page: Any = tab.page
        page.goto(url + shot.path)
        cards = page.locator("[data-bundle]")
        for i in range(cards.count()):
            cards.nth(i).get_by_role("button").click()
            cards.nth(i).locator(".latency", has_text="s").filter(has_not_text="measur").wait_for()
        if not cards.count():
            page.wait_for_selector("html[data-state=ready]")
            page.wait_for_timeout(1000)
        page.evaluate("() => { scrollTo(0, 0); document.activeElement?.blur(); }")
        picture: bytes = page.screenshot()
        page.goto("about:blank")  # without the policy of the site
        return smaller(page, picture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures; return the exit code: 1 where they are too large together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="a local site with a gallery and the example renewable_energy")
    site = LocalSite(parser.parse_args(arguments).site)
    OUT.mkdir(parents=True, exist_ok=True)
    hosted = Hosted(site, LIVE)
    with Browser(timeout=60) as browser, Server(hosted, settings=hosted.settings) as server:
        pictures = {shot.name: take(browser, server.url, shot) for shot in SHOTS}
    for name, data in pictures.items():
        (OUT / f"{name}.png").write_bytes(data)
        print(f"{name}.png: {len(data):,} bytes")
    total = sum(map(len, pictures.values()))
    if total > MAX_BYTES:
        print(f"the pictures have {total:,} bytes together, the limit is {MAX_BYTES:,}", file=sys.stderr)
    return int(total > MAX_BYTES)


if __name__ == "__main__":
    sys.exit(main())
