"""Run a bundle in headless Chromium, as a page under the headers that hosting sends."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from edgekit.assets import asset
from edgekit.errors import CheckFailed, NotAvailable, UnfitBuild, missing_extra
from edgekit.runtimes.answer import Answer
from edgekit.server import Server, site
from edgekit.store import Bundle

try:
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import TimeoutError as PlaywrightTimeout
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None  # type: ignore[assignment]
    PlaywrightError = PlaywrightTimeout = RuntimeError  # type: ignore[assignment]

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

Rows = npt.NDArray[np.float32]

#: Added up in the page, from before its first byte.
_OBSERVE = """(() => {
  const found = (globalThis.edgekitVitals = { cls: 0 });
  const observe = (type, take, more) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...more });
  const longest = ({ duration, interactionId }) => {
    if (interactionId) found.inp = Math.max(found.inp ?? 0, duration);
  };
  observe('largest-contentful-paint', ({ startTime }) => { found.lcp = startTime; });
  observe('layout-shift', ({ value, hadRecentInput }) => { if (!hadRecentInput) found.cls += value; });
  observe('event', longest, { durationThreshold: 16 });
})();"""

VARIABLE = "EDGEKIT_CHROME"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_CHUNK_BYTES = 4 << 20  # of rows in one call into the page
_LAUNCH_SECONDS = 60


@final
class Browser:
    """One running browser; every page opened in it is fresh and forgets everything when it closes."""

    def __init__(self, timeout: float = 120.0, flags: Sequence[str] = ()) -> None:
        """Prepare; `timeout` is how many seconds a page may take to load, and for each chunk of rows.

        `flags` are added to the command line, such as --js-flags=... for V8.
        """
        self.timeout = timeout
        self.flags = tuple(flags)
        self._open = ExitStack()

    def __enter__(self) -> Browser:
        if sync_playwright is None:
            raise missing_extra("running a bundle in a browser", "browser")
        program = None
        try:
            driver = self._open.enter_context(sync_playwright())
            program = find(driver)
            self._browser = driver.chromium.launch(
                executable_path=program,
                args=[*FLAGS, *(["--no-sandbox"] if _is_root() else []), *self.flags],
                timeout=_LAUNCH_SECONDS * 1000,
            )
            self._open.callback(self._browser.close)
        except PlaywrightError as error:
            self._open.close()
            what = (
                f"{program} did not start; set ${VARIABLE} to another browser"
                if program
                else "Playwright did not start"
            )
            raise NotAvailable(f"{what}: {_first_line(error)}") from None
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def name(self) -> str:
        """The browser and its version, such as "Chromium 156.0.8078.79"."""
        return f"Chromium {self._browser.version}"

    @contextmanager
    def page(self, origin: str | None, **options: Any) -> Iterator[Tab]:
        """Open an empty page that may talk to one origin only; options are Playwright's of a new context.

        None for the origin intercepts nothing, which would cost time for every request.
        """
        context = self._browser.new_context(**{"service_workers": "block", **options})
        try:
            context.set_default_timeout(self.timeout * 1000)
            tab = Tab(context.new_page(), self.timeout)
            tab.watch(origin)
            yield tab
        finally:
            context.close()


@dataclass(frozen=True, eq=False)
class Tab:
    """A page and everything that it complained about."""

    page: Page
    timeout: float
    complaints: list[str] = field(default_factory=list)

    def watch(self, origin: str | None) -> None:
        """Collect console errors and exceptions; stop and collect requests to anywhere but `origin`."""

        def gone(url: str) -> bool:
            return not url.startswith((str(origin), "data:", "blob:"))

        def stop(route: Any) -> None:
            self.complaints.append(f"the page asked for {route.request.url}, which is not its own")
            route.abort()

        if origin is not None:
            self.page.context.route(gone, stop)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("crash", lambda _: self.complaints.append("the page crashed"))

    def complaint(self) -> str:
        """Return what was collected as one line; empty when all was quiet."""
        return "; ".join(dict.fromkeys(" ".join(text.split()) for text in self.complaints))


def find(driver: Playwright | None = None) -> Path:
    """Return the browser to use: $EDGEKIT_CHROME, one on the PATH, or the one that Playwright installed."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        program = shutil.which(chosen)
        if program is None:
            raise NotAvailable(f"${VARIABLE} names {chosen}, which cannot be run; correct or unset it")
        return Path(program)
    for name in NAMES:
        if program := shutil.which(name):
            return Path(program)
    own = Path(driver.chromium.executable_path) if driver else None
    if own and own.is_file():
        return own
    raise NotAvailable(
        f"no Chromium was found; install it (apt-get install chromium) or set ${VARIABLE} to the browser's path"
    )


def run(
    browser: Browser, bundle: Bundle, rows: Rows, target: str, build: str | None, more: Mapping[str, Path] | None = None
) -> Answer:
    """Serve the bundle to a page and predict every row of float32 [rows, inputs flattened] there.

    `more` are further files for the page, by URL path.
    """
    try:
        with Server(_files(bundle) | dict(more or {})) as server, browser.page(server.url) as tab:
            outputs, seconds = _run_in(tab, f"{server.url}verify.html", rows, (target, build))
    except PlaywrightError as error:  # the browser itself is gone
        return Answer(target, build, browser.name, error=_first_line(error))
    except UnfitBuild as error:
        return Answer(target, build, browser.name, unfit=str(error))
    except CheckFailed as error:
        return Answer(target, build, browser.name, error=str(error))
    return Answer(target, build, browser.name, outputs, seconds)


def visit(browser: Browser, url: str, commands: Mapping[str, Mapping[str, object]]) -> dict[str, Any]:
    """Open templates/bench/visit.html in a fresh context and return its result.

    commands: of the DevTools protocol with their parameters, sent before the navigation. Raises UnfitBuild where the
    build is not for this device, CheckFailed where the page fails, complains or gives no answer.
    """
    try:
        with browser.page(None) as tab:
            devtools = tab.page.context.new_cdp_session(tab.page)
            for command, parameters in commands.items():
                devtools.send(command, dict(parameters))
            # Not a selector: what Playwright puts into a page to look for one takes time from what is measured.
            with tab.page.expect_event("console", lambda m: m.text.startswith("edgekit visit")):
                tab.page.goto(url, wait_until="commit")
            result: dict[str, Any] = tab.page.evaluate("() => globalThis.edgekitVisit")
            complaint = tab.complaint()
    except PlaywrightError as error:
        why = f"no answer within {browser.timeout:g} s" if isinstance(error, PlaywrightTimeout) else _first_line(error)
        raise CheckFailed(f"a visit failed: {why}") from None
    if "unfit" in result:
        raise UnfitBuild(result["unfit"])
    if "error" in result or complaint:
        raise CheckFailed(f"a visit failed: {result.get('error') or complaint}")
    return result


def vitals(browser: Browser, url: str, commands: Mapping[str, Mapping[str, object]]) -> dict[str, float]:
    """Return lcp and inp in ms, and cls, of the demo page at `url`: it loads, and somebody changes an input.

    LCP is the last candidate before the interaction, INP the longest event of the interactions, CLS the sum of all
    shifts, which of one short visit is its largest window (web.dev/articles/vitals).
    """
    try:
        with browser.page(None) as tab:
            devtools = tab.page.context.new_cdp_session(tab.page)
            for command, parameters in commands.items():
                devtools.send(command, dict(parameters))
            tab.page.add_init_script(_OBSERVE)
            tab.page.goto(url)
            _settle(tab, "ready", "failed")
            for _ in range(3):
                tab.page.locator("#fields :is(input, select)").first.focus()
                tab.page.keyboard.press("ArrowUp")
                tab.page.wait_for_timeout(100)
            found: dict[str, float] = tab.page.evaluate("() => globalThis.edgekitVitals")
            return found
    except PlaywrightError as error:
        raise CheckFailed(f"the demo page did not answer: {_first_line(error)}") from None


@contextmanager
def timer(browser: Browser, bundle: Bundle, target: str) -> Iterator[Callable[[Rows], float]]:
    """Open a page with a target of the bundle; what it gives takes rows and returns the seconds that they took.

    Raises CheckFailed where the target does not run.
    """
    with Server(_files(bundle)) as server, browser.page(server.url) as tab:
        try:
            tab.page.goto(f"{server.url}verify.html")
            _settle(tab, "ready")
        except PlaywrightError as error:
            raise CheckFailed(_first_line(error)) from None

        def seconds(rows: Rows) -> float:
            try:
                return _predict(tab, rows, target, None)[1]
            except PlaywrightError as error:
                raise CheckFailed(_first_line(error)) from None

        yield seconds


def _files(bundle: Bundle) -> dict[str, Path]:
    page = asset("templates/verify")
    return site(bundle) | {f"/{name}": page / name for name in ("verify.html", "verify.js")}


def _run_in(tab: Tab, url: str, rows: Rows, what: tuple[str, str | None]) -> tuple[Rows, float]:
    try:
        tab.page.goto(url)
        _settle(tab, "ready")
        answer = _predict(tab, rows, *what)
    except UnfitBuild:
        raise
    except (PlaywrightError, CheckFailed) as error:
        why = f"no answer within {tab.timeout:g} s" if isinstance(error, PlaywrightTimeout) else _first_line(error)
        raise CheckFailed(f"{why} ({tab.complaint()})" if tab.complaints else why) from None
    if tab.complaints:
        raise CheckFailed(f"the page complained: {tab.complaint()}")
    return answer


def _predict(tab: Tab, rows: Rows, target: str, build: str | None) -> tuple[Rows, float]:
    rows = np.ascontiguousarray(rows, "<f4")
    step = max(1, _CHUNK_BYTES // (4 * rows.shape[1]))
    answers: list[bytes] = []
    seconds = 0.0
    for start in range(0, len(rows), step):
        chunk = base64.b64encode(rows[start : start + step].tobytes()).decode()
        work = {"target": target, "build": build, "rows": chunk, "width": rows.shape[1]}
        tab.page.evaluate("work => globalThis.edgekitVerify.start(work)", work)
        _settle(tab, "done", "failed")
        result = tab.page.evaluate("() => globalThis.edgekitVerify.result()")
        if "unfit" in result:
            raise UnfitBuild(result["unfit"])
        if "error" in result:
            raise CheckFailed(result["error"])
        if build is not None and result["build"] != build:
            raise CheckFailed(f"the build {build} was asked for, {result['build']} ran")
        answers += [base64.b64decode(text) for text in result["outputs"]]
        seconds += result["seconds"]
    return _table(answers), seconds


def _settle(tab: Tab, *states: str) -> None:
    # A selector is looked up outside the page's own world: no eval that the CSP would stop, and a time limit.
    tab.page.wait_for_selector(", ".join(f"html[data-state={s}]" for s in states), state="attached")


def _table(answers: Sequence[bytes]) -> Rows:
    widths = {len(answer) for answer in answers}
    if len(widths) != 1:
        raise CheckFailed("the rows have answers of different lengths")
    return np.frombuffer(b"".join(answers), "<f4").reshape(len(answers), -1)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
