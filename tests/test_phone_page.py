"""The page of `bench serve` in a Chromium that imitates a phone: touch, 390 pixels, a slow processor, a lost line."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench_bundles import busy_bundle

from edgekit.bench import desk as desk_module
from edgekit.bench import phone_server, serving, session
from edgekit.bench.desk import Desk, Limits
from edgekit.bench.devices import Comparison
from edgekit.bench.policy import Policy
from edgekit.bench.serving import Serving, serve_session
from edgekit.bench.session import Plan
from edgekit.runtimes.chromium import FLAGS, Browser, Tab, find
from edgekit.store import Bundle

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
}
#: As few pairs as there can be: what is slower is the business of tests/test_verdict.py; bytes need no statistics.
PLAN = Plan(pairs=2, policy=Policy(min_pairs=2))


class Served(threading.Thread):
    """A session of `bench serve`, and what came of it."""

    def __init__(self, comparison: Comparison, serving: Serving) -> None:
        super().__init__(daemon=True)
        self._comparison, self._serving = comparison, serving
        self._announced = threading.Event()
        self.url = ""
        self.found: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.found = serve_session(self._comparison, PLAN, self._announce, self._serving)
        except Exception as error:
            self.found = error

    def _announce(self, url: str) -> None:
        self.url = url
        self._announced.set()

    def address(self) -> str:
        assert self._announced.wait(10)
        return self.url

    def result(self) -> Any:
        self.join(40)
        assert not self.is_alive(), "it ends by itself"
        return self.found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "FIRST_LOOK", 2)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return busy_bundle(tmp_path_factory.mktemp("old") / "bundle", 0.1)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return busy_bundle(
        tmp_path_factory.mktemp("larger") / "bundle", 0.1, padding=f"// {random.Random(0).randbytes(2000).hex()}"
    )


@contextmanager
def phone(browser: Browser, url: str, throttle: float = 1, **options: Any) -> Iterator[Tab]:
    with browser.page(url.partition("#")[0], **{**PHONE, **options}) as tab:
        if throttle != 1:
            tools = tab.page.context.new_cdp_session(tab.page)
            tools.send("Emulation.setCPUThrottlingRate", {"rate": throttle})
        tab.page.goto(url)
        yield tab


def wait(tab: Tab, state: str) -> None:
    tab.page.wait_for_selector(f"html[data-state={state}]", timeout=40_000)


def test_a_larger_bundle_is_named_on_the_phone_though_the_line_is_lost(
    browser: Browser, old: Bundle, larger: Bundle, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[tuple[int, bool]] = []
    dropped: list[int] = []

    def answer(self: Desk, result: Any, real: Callable[..., Any] = Desk.answer) -> Any:
        reply = real(self, result)
        counted.append((result.work, reply["counted"]))
        if result.work == 6 and not dropped:
            dropped.append(result.work)
            raise ConnectionResetError("the answer is lost on its way")
        return reply

    monkeypatch.setattr(Desk, "answer", answer)
    monkeypatch.setattr(desk_module, "POLL", 0.5)
    served = Served(Comparison(larger, old), Serving())
    with phone(browser, served.address(), throttle=4, color_scheme="dark") as tab:
        tab.page.wait_for_selector("#count:has-text('of 2')")
        assert tab.page.url == served.url.partition("#")[0], "the token is not left in the address bar"
        assert tab.page.inner_text("#awake") == "The screen stays on by itself; keep this page in front."
        tab.page.context.set_offline(True)
        tab.page.wait_for_selector("#line:has-text('No connection; trying again. Nothing is lost.')")
        tab.page.context.set_offline(False)
        wait(tab, "done")
        measured = served.result()
        run, verdict = measured.run, measured.verdict
        assert tab.page.inner_text("#title") == "Worse"
        assert tab.page.inner_text("#why") == verdict.why.removeprefix("worse: ")
        row = tab.page.locator(".row", has_text="bytes").inner_text().split("\n")
        assert (row[0], row[-1]) == ("bytes", "worse")
        answers = tab.page.locator(".row", has_text="answers").inner_text().split("\n")
        assert answers[1:] == ["answers: all 40 golden rows are as the bundle promises", "same"]
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") == 390, "no sideways scrolling"
        assert tab.page.evaluate("() => document.activeElement.id") == "verdict", "told to who does not see it"
    assert (len(run.pairs), len(run.self_test), run.baseline) != (0, 0, None)
    assert run.device.runtime == "Chrome 156.0.0.0"
    assert run.candidate_answers.golden_wrong == 0 < run.candidate_answers.golden_rows
    assert [
        name for name in ("cold", "load", "bytes", "requests", "p50") if name not in run.pairs[0].candidate.values
    ] == []
    taken = [work for work, was_counted in counted if was_counted]
    assert dropped == [6]
    assert (6, False) in counted, "it was sent again"
    assert taken == sorted(set(taken)), "each piece of work counts once"
    assert taken == list(range(1, taken[-1] + 1)), "and none is missing"


def test_a_bundle_alone_by_touch_after_a_reload(browser: Browser, old: Bundle, quick: None) -> None:
    served = Served(Comparison(old), Serving())
    with phone(browser, served.address()) as tab:
        tab.page.wait_for_selector("#count:has-text('of 2')")
        tab.page.reload()
        wait(tab, "done")
        assert tab.page.inner_text("#title") == "Measured"
        assert "cold" in tab.page.locator(".row strong").all_inner_texts()
    run = served.result().run
    assert len(run.visits) == 2


def test_another_phone_is_refused(browser: Browser, old: Bundle, quick: None) -> None:
    served = Served(Comparison(old), Serving())
    with phone(browser, served.address()) as first:
        first.page.wait_for_selector("html[data-state=running]")
        with phone(browser, served.address()) as second:
            wait(second, "failed")
            assert second.page.inner_text("#reason") == "another device has this session; start bench serve again"
        wait(first, "done")
    served.result()


@pytest.mark.parametrize(
    ("engine", "reason", "exit_code"),
    [
        pytest.param(
            "throw new Error('no memory')", "the phone could not run it: no memory", 1, id="it fails each time"
        ),
        pytest.param(
            "throw Object.assign(new Error('no threads here'), { code: 'unfit' })",
            "the phone could not run it: no threads here",
            3,
            id="a build that does not fit",
        ),
    ],
)
def test_what_fails_is_said_on_both_sides(
    browser: Browser, tmp_path: Path, engine: str, reason: str, exit_code: int
) -> None:
    served = Served(Comparison(busy_bundle(tmp_path / "bundle", f"(() => {{ {engine} }})()")), Serving())
    with phone(browser, served.address()) as tab:
        wait(tab, "failed")
        assert tab.page.inner_text("#reason") == reason
    found = served.result()
    assert (found.not_run or found.failed, found.exit_code) == (reason, exit_code)


def test_a_phone_that_goes_away_ends_it(browser: Browser, old: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_STOPPED_SECONDS", 0.2)
    served = Served(Comparison(old), Serving(limits=Limits(patience=1.5)))
    with phone(browser, served.address()) as tab:
        tab.page.wait_for_selector("html[data-state=running]")
    assert served.result().not_run == "the phone was not heard of for 1.5 s; keep its screen on and the page in front"


def test_plain_http_on_a_network_is_no_secure_context_and_still_measures(
    browser: Browser, twenty: Bundle, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a LAN address: no crypto.subtle, no shared memory, no Wake Lock, a clock of 0.1 ms; the real engine runs."""
    monkeypatch.setattr(phone_server, "takes", lambda host, header: True)
    rules = "--host-resolver-rules=MAP phone.test 127.0.0.1"
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    served = Served(Comparison(twenty), Serving())
    elsewhere = browser._browser.browser_type.launch(executable_path=find(), args=[*FLAGS, *root, rules])
    try:
        tab = Tab(elsewhere.new_context(**PHONE).new_page(), browser.timeout)
        tab.page.goto(served.address().replace("127.0.0.1", "phone.test"))
        tab.page.wait_for_selector("html[data-state=running]")
        has = "() => [isSecureContext, crossOriginIsolated, 'subtle' in crypto, 'wakeLock' in navigator]"
        assert tab.page.evaluate(has) == [False, False, False, False]
        assert tab.page.inner_text("#awake") == "Keep the screen on and this page in front."
        wait(tab, "done")
        run = served.result().run
    finally:
        elsewhere.close()
    assert run.candidate_answers.golden_wrong == 0 < run.candidate_answers.golden_rows
    assert not {"isolated", "shared-memory"} & {*run.device.features}
    assert float(run.device.hints["clock_us"]) >= 100
    assert run.visits[0].values["memory"] > 0, "the engine's own memory"
