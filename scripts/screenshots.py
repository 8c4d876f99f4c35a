"""Make the pictures of docs/ from a local site with a gallery: `python scripts/screenshots.py SITE`.

SITE is what scripts/run_examples.py leaves in FOLDER/hosting. Every model is measured first; the times are of this
machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        return picture


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
