"""The runner `chromium`: headless Chromium on this machine; a visit is a page in a fresh context, nothing cached."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from edgekit.assets import asset
from edgekit.bench import machine
from edgekit.bench.records import Device, Subject, Visit
from edgekit.bench.runner import Rows
from edgekit.bench.runners.local import here
from edgekit.bench.runners.spec import Conditions, Spec, subject_of, target_of
from edgekit.bench.visits import visit_of
from edgekit.compression import encodings
from edgekit.errors import CheckFailed, InputError, NotAvailable, UnfitBuild
from edgekit.hosting import RULES, Rule, Settings
from edgekit.runtimes import chromium
from edgekit.server import Server, site
from edgekit.store import Bundle

T = TypeVar("T")

TARGETS = ("wasm", "tfjs")
#: Name: Mbit/s down, Mbit/s up, ms there and back; WebPageTest's, and Lighthouse's "slow 4G", which is its fast 3G.
NETWORKS: Mapping[str, tuple[float, float, float]] = {
    "slow-3g": (0.4, 0.4, 400),
    "fast-3g": (1.6, 0.768, 150),
    "slow-4g": (1.6, 0.75, 150),
    "fast-4g": (9, 9, 170),
}
FLAGS = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # this machine only
    "--enable-precise-memory-info",
    "--enable-blink-features=ForceEagerMeasureMemory",  # memory is counted when it is asked for, not at leisure
)
#: Throttling stops the page every now and then: a batch has to be long beside that.
_THROTTLED_MS = 5
_PAGE = ("visit.html", "visit.js", "measure.js")


@dataclass(frozen=True)
class ChromiumRunner:
    """Throttling is Chromium's own: the page's process, and the line of the page itself, not of its workers."""

    spec: Spec
    conditions: Conditions

    @property
    def name(self) -> str:
        """The spec."""
        return str(self.spec)

    @contextmanager
    def open(self) -> Iterator[ChromiumSession]:
        """Start the browser; raises NotAvailable where there is none."""
        # Playwright wants a thread of its own: in a notebook this one has an event loop already.
        thread = ThreadPoolExecutor(1)
        with ExitStack() as stack:
            stack.callback(thread.shutdown)
            browser = thread.submit(chromium.Browser(flags=FLAGS).__enter__).result()
            stack.callback(lambda: thread.submit(browser.__exit__, None, None, None).result())
            yield ChromiumSession(self.spec, self.conditions, browser, thread, stack)


class ChromiumSession:
    """A running browser, and a server for every bundle that was set up."""

    def __init__(
        self,
        spec: Spec,
        conditions: Conditions,
        browser: chromium.Browser,
        thread: ThreadPoolExecutor,
        stack: ExitStack,
    ) -> None:
        self.spec, self.conditions, self.browser = spec, conditions, browser
        self._thread, self._stack = thread, stack
        self.device = self._describe()

    def here(self, work: Callable[[], T]) -> T:
        """Do something in the browser's thread."""
        return self._thread.submit(work).result()

    def serve(self, bundle: Bundle | None) -> str:
        """Serve the page of a visit, the demo page and a bundle until the session ends; return the address."""
        files = {f"/{name}": asset(f"templates/bench/{name}") for name in _PAGE} | (site(bundle) if bundle else {})
        rules = RULES if self.conditions.isolated else _not_isolated()
        packed = encodings(set(files.values()))
        return self._stack.enter_context(Server(files, settings=lambda: Settings(rules), packed=packed)).url

    def seat(self, bundle: Bundle) -> ChromiumSeat:
        """Serve a bundle and visit it once, which tells the build that the runtime chooses."""
        target, _ = target_of(bundle, self.spec, TARGETS)
        seat = ChromiumSeat(self, bundle, subject_of(bundle, target, self.spec.build), self.serve(bundle))
        try:
            seat.subject = subject_of(bundle, target, seat.result()["build"] or "")
        except UnfitBuild as error:
            raise NotAvailable(str(error)) from None
        return seat

    def _describe(self) -> Device:
        url = f"{self.serve(None)}visit.html#{quote(json.dumps({'describe': True}))}"
        told = self.here(lambda: chromium.visit(self.browser, url, {}))["device"]
        local = here(self.browser.name, self.conditions.set())
        return Device(
            local.runtime,
            local.system,
            local.processor,
            local.processors,
            tuple(sorted({*local.features, *told["features"]})),
            local.conditions,
            {**told["hints"], **local.hints},
        )


class ChromiumSeat:
    """A target of a bundle, on a server of its own."""

    def __init__(self, session: ChromiumSession, bundle: Bundle, subject: Subject, url: str) -> None:
        self.subject = subject
        self._session, self._bundle, self._url = session, bundle, url
        self._commands = commands(session.conditions)

    def visit(self) -> Visit:
        """Open the page in a fresh context."""
        result = self.result()
        values = dict(result["values"])
        if (temperature := machine.temperature()) is not None:
            values["temperature"] = temperature
        if self._session.conditions.vitals:
            target, browser = self.subject.target, self._session.browser
            address = f"{self._url}?target={target}"
            values |= self._session.here(lambda: chromium.vitals(browser, address, self._commands))
        return visit_of(values, result["calls"])

    def result(self) -> dict[str, Any]:
        """Return what the page of a visit says."""
        options: dict[str, Any] = {"target": self.subject.target, "memory": True}
        options |= {"build": self._session.spec.build} if self._session.spec.build else {}
        if self._session.conditions.cpu_throttle != 1:
            options["batchMs"] = _THROTTLED_MS
        if self._session.conditions.threads is not None:
            options["threads"] = self._session.conditions.threads
        address = f"{self._url}visit.html#{quote(json.dumps(options))}"
        return self._session.here(lambda: chromium.visit(self._session.browser, address, self._commands))

    def predict(self, rows: Rows) -> Rows:
        """Answer float32 [rows, inputs flattened] with float32 [rows, outputs flattened]."""
        build = self.subject.build if self.subject.target == "wasm" else None
        browser, bundle, target = self._session.browser, self._bundle, self.subject.target
        answer = self._session.here(lambda: chromium.run(browser, bundle, rows, target, build))
        if answer.outputs is None:
            raise CheckFailed(answer.error or answer.unfit or answer.not_run)
        return answer.outputs


def make(spec: Spec, conditions: Conditions) -> ChromiumRunner:
    """Return the runner; raises InputError for a network that is not known."""
    commands(conditions)
    return ChromiumRunner(spec, conditions)


def commands(conditions: Conditions) -> Mapping[str, Mapping[str, object]]:
    """Return the DevTools commands that set the conditions; raises InputError for a network that is not known."""
    found: dict[str, Mapping[str, object]] = {}
    if conditions.cpu_throttle != 1:
        found["Emulation.setCPUThrottlingRate"] = {"rate": conditions.cpu_throttle}
    if conditions.network:
        if conditions.network not in NETWORKS:
            raise InputError(f"there is no network {conditions.network!r}; choose from {', '.join(NETWORKS)}")
        down, up, latency = NETWORKS[conditions.network]
        found["Network.enable"] = {}
        found["Network.emulateNetworkConditions"] = {
            "offline": False,
            "latency": latency,
            "downloadThroughput": down * 1e6 / 8,
            "uploadThroughput": up * 1e6 / 8,
        }
    return found


def _not_isolated() -> tuple[Rule, ...]:
    """Return hosting's rules without those that isolate a page from other origins."""
    lone = ("Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy")
    return tuple(Rule(r.glob, {k: v for k, v in r.headers.items() if k not in lone}) for r in RULES)
