"""The engine in the page and in a Web Worker, in a real Chromium under the headers of hosting: the same, but for the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo_page import Demo, Site

from edgekit.assets import asset
from edgekit.inspect_bundle import inspect_bundle
from edgekit.runtimes.chromium import Browser, Tab
from edgekit.server import Server
from edgekit.store import Bundle

PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="test.js"></script>'
SCRIPT = """
import { load } from './bundle/runtime/edgekit.js';
globalThis.edgekit = { load, models: [] };
document.documentElement.dataset.state = 'ready';
"""
#: Keeps what is instantiated, and makes a run as slow as `slow` says.
SPY = """
globalThis.memories = [];
globalThis.slow = %d;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (module) => {
  const { exports } = await instantiate(module);
  globalThis.memories.push(exports.memory);
  const ek_run = (...args) => {
    const end = performance.now() + globalThis.slow;
    while (performance.now() < end);
    return exports.ek_run(...args);
  };
  return { exports: { ...exports, ek_run } };
};
"""
MODES = [pytest.param(False, id="page"), pytest.param(True, id="worker")]
PREDICTIONS = 10_000
#: A number kept for each prediction would take more; what the measurement itself leaves is a tenth of it.
MOST_BYTES = 16 * PREDICTIONS


@dataclass(frozen=True)
class Opened:
    """A page with the runtime, and rows of golden.json."""

    tab: Tab
    rows: list[list[float]]
    answers: list[list[float]]

    def run(self, body: str, **given: Any) -> Any:
        """Run the body of an async function of `load`, `models` and `given` in the page."""
        script = f"async (given) => {{ const {{ load, models }} = edgekit; {body} }}"
        return self.tab.page.evaluate(script, {"rows": self.rows, **given})

    def heap(self) -> int:
        """Return the bytes of JavaScript objects in the page that are still in use."""
        session = self.tab.page.context.new_cdp_session(self.tab.page)
        for _ in range(2):
            session.send("HeapProfiler.collectGarbage")
        used: int = session.send("Runtime.getHeapUsage")["usedSize"]
        session.detach()
        return used

    def memory(self) -> list[int]:
        """Return the bytes of each engine's memory, in the page and in its workers."""
        ask = "() => globalThis.memories.map((memory) => memory.buffer.byteLength)"
        here: list[int] = self.tab.page.evaluate(ask)
        return here + [size for worker in self.tab.page.workers for size in worker.evaluate(ask)]


@contextmanager
def opened(browser: Browser, bundle: Bundle, folder: Path, slow: int = 0) -> Iterator[Opened]:
    """Serve the bundle beside a page that loads its runtime; every run of an engine takes `slow` ms longer."""
    files = Site(bundle)
    built = {"worker.html": PAGE, "test.js": SPY % slow + SCRIPT}
    built["worker.js"] = SPY % slow + bundle.read("runtime/worker.js").decode()
    for name, text in built.items():
        (folder / name).write_text(text, encoding="utf-8")
    files |= {"/worker.html": folder / "worker.html", "/test.js": folder / "test.js"}
    files["/bundle/runtime/worker.js"] = folder / "worker.js"
    golden = json.loads(bundle.read("golden.json"))
    answers = [[float(np.float32(v)) for v in row] for row in golden["quantized"]]
    with Server(files) as server, browser.page(server.url) as tab:
        tab.page.goto(f"{server.url}worker.html")
        tab.page.wait_for_selector("html[data-state=ready]", state="attached")
        yield Opened(tab, golden["inputs"], answers)
        assert tab.complaints == []


@pytest.mark.parametrize("worker", MODES)
def test_all_rows_at_once_and_by_name(browser: Browser, bundle: Bundle, tmp_path: Path, worker: bool) -> None:
    with opened(browser, bundle, tmp_path) as page:
        flat, named, build = page.run(
            """const model = await load('bundle/', { worker: given.worker });
            const flat = await Promise.all(given.rows.map((row) => model.predictArray(row)));
            const named = await model.predict(given.rows[0]);
            return [flat.map((row) => [...row]), Object.values(named), model.build];""",
            worker=worker,
        )
        assert (flat, named) == (page.answers, page.answers[0])
        assert build in ("relaxed", "simd")
        assert len(page.tab.page.workers) == worker


@pytest.mark.parametrize("worker", MODES)
def test_the_page_lives_on_while_a_prediction_runs(
    browser: Browser, bundle: Bundle, tmp_path: Path, worker: bool
) -> None:
    with opened(browser, bundle, tmp_path, slow=400) as page:
        frames, answer = page.run(
            """const model = await load('bundle/', { worker: given.worker });
            await model.warmUp();
            let frames = 0;
            const count = () => { frames++; requestAnimationFrame(count); };
            requestAnimationFrame(count);
            const answer = await model.predictArray(given.rows[0]);
            return [frames, [...answer]];""",
            worker=worker,
        )
        assert answer == page.answers[0]
        assert frames > 2 if worker else frames == 0


@pytest.mark.parametrize("worker", MODES)
def test_models_of_a_page_do_not_touch_each_other(
    browser: Browser, bundle: Bundle, tmp_path: Path, worker: bool
) -> None:
    with opened(browser, bundle, tmp_path) as page:
        answers, code = page.run(
            """const three = await Promise.all([0, 1, 2].map(() => load('bundle/', { worker: given.worker })));
            const ask = () => Promise.all(given.rows.map((row, i) => three[i % 3].predictArray(row)));
            const first = await ask();
            three[1].dispose();
            const { code } = await three[1].predictArray(given.rows[0]).catch((error) => error);
            three[1] = three[0];
            const again = await ask();
            three[2].dispose();
            return [[first, again].map((rows) => rows.map((row) => [...row])), code];""",
            worker=worker,
        )
        assert answers == [page.answers, page.answers]
        assert code == "disposed"
        page.tab.page.wait_for_timeout(50)
        assert len(page.tab.page.workers) == worker


def test_what_stops_a_prediction_in_a_worker(browser: Browser, bundle: Bundle, tmp_path: Path) -> None:
    with opened(browser, bundle, tmp_path, slow=300) as page:
        codes, answer = page.run(
            """const model = await load('bundle/', { worker: true });
            await model.warmUp();
            const control = new AbortController();
            const [row] = given.rows;
            const given_up = [1, 2].map(() => model.predictArray(row, { signal: control.signal }).catch((e) => e.code));
            setTimeout(() => control.abort(), 20);
            const codes = await Promise.all(given_up);
            const answer = [...await model.predictArray(row)];
            const last = model.predictArray(row).catch((error) => error.code);
            setTimeout(() => model.dispose(), 20);
            return [[...codes, await last], answer];"""
        )
        assert codes == ["aborted", "aborted", "disposed"]
        assert answer == page.answers[0]


@pytest.mark.parametrize("worker", MODES)
def test_ten_thousand_predictions_leave_nothing(browser: Browser, bundle: Bundle, tmp_path: Path, worker: bool) -> None:
    predict = """for (let i = 0; i < given.count; i++) {
        await (i % 2 ? models[0].predict(given.rows[i % given.rows.length]) : models[0].predictArray(given.rows[0]));
    }"""
    with opened(browser, bundle, tmp_path) as page:
        page.run("models.push(await load('bundle/', { worker: given.worker }));", worker=worker)
        page.run(predict, count=2000)  # what is compiled and cached at first is no growth
        heap, memory = page.heap(), page.memory()
        page.run(predict, count=PREDICTIONS)
        grown = page.heap() - heap
        print(f"\n{PREDICTIONS} predictions: {grown:+} bytes of heap, engine memory {memory[0]} bytes")
        expected = inspect_bundle(bundle.root).memory
        assert expected and memory == page.memory() == [expected.peak]
        assert grown < MOST_BYTES


@pytest.mark.parametrize("worker", MODES)
def test_models_that_are_disposed_of_leave_nothing(
    browser: Browser, bundle: Bundle, tmp_path: Path, worker: bool
) -> None:
    cycle = """for (let i = 0; i < given.count; i++) {
        const model = await load('bundle/', { worker: given.worker });
        await model.predictArray(given.rows[0]);
        model.dispose();
        globalThis.memories.length = 0;
    }"""
    with opened(browser, bundle, tmp_path) as page:
        page.run(cycle, count=10, worker=worker)
        heap = page.heap()
        page.run(cycle, count=30, worker=worker)
        grown = page.heap() - heap
        print(f"\n30 models: {grown:+} bytes of heap")
        page.tab.page.wait_for_timeout(50)
        assert page.tab.page.workers == []
        assert grown < 30 * 16_000  # the files of one model are 27 KB at least


def test_a_worker_starts_without_a_network(browser: Browser, bundle: Bundle) -> None:
    """The page's service worker has to send the script with the policies that a worker needs."""
    golden = json.loads(bundle.read("golden.json"))
    files = Site(bundle)
    predict = """async (row) => {
        const { load } = await import('./bundle/runtime/edgekit.js');
        const model = await load('bundle/', { worker: true, cache: false });
        return [...await model.predictArray(row)];
    }"""
    with Server(files) as server, browser.page(server.url, service_workers="allow") as tab:
        demo = Demo(tab, server.url, files)
        demo.open()
        demo.kept()
        with demo.without_network():
            demo.open()
            answer = tab.page.evaluate(predict, golden["inputs"][3])
    assert answer == [float(np.float32(v)) for v in golden["quantized"][3]]
    assert asset("wasm/dist/worker.js").read_bytes() == bundle.read("runtime/worker.js")
