"""Core Web Vitals of the gallery on a slow line and a slow processor: LCP, INP of a real click, and CLS.

python benchmarks/gallery_vitals.py SITE [--loads 9]

SITE is a local site with a gallery (scripts/run_examples.py, or edgekit gallery). Each load is a fresh context with a
cold cache in Chromium, phone-sized, at 1.6 Mbit/s and 150 ms, on a processor slowed down four times ("slow 4G", "4x" in
DevTools). The server does not compress, which hosting would. Exit code 1 where a budget does not hold.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from playwright.sync_api import Browser, Page
from session import open_browser

from edgekit.cli.console import emit_json, table
from edgekit.gallery import ROOT
from edgekit.publishing.local_site import Hosted, LocalSite
from edgekit.publishing.site import LIVE
from edgekit.server import Server

#: At the 75th percentile of the loads (web.dev/articles/vitals): ms, ms, and a sum without a unit.
BUDGETS = {"LCP": 2500.0, "INP": 200.0, "CLS": 0.1}
SLOW_4G = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
SLOWDOWN = 4
SIZE = {"width": 390, "height": 844}
_OBSERVE = """
globalThis.vitals = { LCP: 0, INP: 0, CLS: 0 };
const watch = (type, take, more) => {
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(take));
  observer.observe({ type, buffered: true, ...more });
};
watch('largest-contentful-paint', ({ startTime }) => { vitals.LCP = startTime; });
watch('layout-shift', ({ value, hadRecentInput }) => { if (!hadRecentInput) vitals.CLS += value; });
watch('event', ({ interactionId, duration }) => {
  if (interactionId) vitals.INP = Math.max(vitals.INP, duration);
}, { durationThreshold: 16 });
"""


@dataclass(frozen=True)
class Vitals:
    """One load. INP is the longest of the clicks on every button; 16 ms where none took longer, as events round."""

    LCP: float
    INP: float
    CLS: float


def visit(browser: Browser, url: str) -> Vitals:
    """Load the page on the slow line, press every button as a person does, and return what was observed."""
    context = browser.new_context(viewport=SIZE, service_workers="block")
    try:
        page = context.new_page()
        page.set_default_timeout(120_000)
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_4G)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
        page.add_init_script(_OBSERVE)
        page.goto(url, wait_until="load")
        page.wait_for_timeout(1000)  # what comes late would count too
        press_all(page)
        found = page.evaluate("() => new Promise((r) => setTimeout(() => r(vitals), 500))")
        return Vitals(found["LCP"], max(found["INP"], 16.0), found["CLS"])
    finally:
        context.close()


def press_all(page: Page) -> None:
    """Measure every model of the page, one after the other."""
    cards = page.locator("[data-bundle]")
    for i in range(cards.count()):
        cards.nth(i).get_by_role("button").click()
        cards.nth(i).locator(".latency", has_text="s").filter(has_not_text="measur").wait_for()


def percentile_75(values: list[float]) -> float:
    """Return the 75th percentile, inclusive; of one value that value."""
    return statistics.quantiles(values, n=4, method="inclusive")[2] if len(values) > 1 else values[0]


@click.command()
@click.argument("site", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--loads", default=9, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True)
def main(site: Path, loads: int, as_json: bool) -> None:
    """Visit the gallery of a local site several times."""
    hosted = Hosted(LocalSite(site), LIVE)
    with Server(hosted, settings=hosted.settings) as server, open_browser() as browser:
        visits = [visit(browser, server.url.rstrip("/") + ROOT) for _ in range(loads)]
    rows, holds = [], True
    for name, budget in BUDGETS.items():
        values = [float(getattr(v, name)) for v in visits]
        found = percentile_75(values)
        holds = holds and found <= budget
        numbers = (f"{v:.4g}" for v in (found, statistics.median(values), max(values)))
        rows.append((name, *numbers, f"{budget:g}", "holds" if found <= budget else "does not hold"))
    if as_json:
        emit_json({"loads": [vars(v) for v in visits], "holds": holds})
    else:
        columns = ["vital", "75th percentile", "median", "largest", "budget", "verdict"]
        table(f"The gallery on a slow 4G line and a processor {SLOWDOWN} times slower, {loads} loads", columns, rows)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
