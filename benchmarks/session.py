"""A headless Chromium that can reach this machine only, and pages that answer by a state on their root element."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from edgekit.errors import CheckFailed
from edgekit.runtimes import chromium

#: V8 without the dot product of AVX-VNNI, as on an older x86 CPU.
NO_VNNI = "--js-flags=--no-enable-avx-vnni --no-enable-avx-vnni-int8"
_LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@contextmanager
def open_browser(flags: Sequence[str] = ()) -> Iterator[Browser]:
    """Start the Chromium that edgekit finds, with more flags."""
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium.find(driver), args=[*chromium.FLAGS, *root, _LOOPBACK_ONLY, *flags]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser) -> Iterator[Page]:
    """Open an empty page with a cold cache; nothing is intercepted, which would cost time for every request."""
    context = browser.new_context(service_workers="block")
    try:
        yield context.new_page()
    finally:
        context.close()


def answer(page: Page, seconds: float) -> Any:
    """Wait until the page is done and return `globalThis.result`; raises CheckFailed with the page's own words."""
    # A selector is looked up outside the page's world: no eval that the CSP would stop, and a time limit.
    states = "html[data-state=done], html[data-state=failed]"
    try:
        page.wait_for_selector(states, state="attached", timeout=seconds * 1000)
    except PlaywrightError as error:
        raise CheckFailed(f"the page gave no answer: {str(error).splitlines()[0]}") from None
    result = page.evaluate("() => globalThis.result")
    if "error" in result:
        raise CheckFailed(f"the page failed: {result['error']}")
    return result
