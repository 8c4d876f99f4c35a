"""Shards that stream into a real Chromium over a line that is slow, breaks and lies: a right prediction or none."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Trained

from edgekit.config import read_config
from edgekit.export import export
from edgekit.hosting import content_type
from edgekit.manifest import FileEntry, seal
from edgekit.runtimes.chromium import Browser, Tab
from edgekit.store import MANIFEST, Bundle, entry, write_bundle

PAGE = b"""<!doctype html><script type="module">
import { load } from './bundle/runtime/edgekit.js';
const instantiate = WebAssembly.instantiate;
let loaded = 0;
let runs = [];
WebAssembly.instantiate = async (module) => {
  const { exports } = await instantiate(module);
  const ek_run = (model, first, last) => {
    runs.push([first, last, loaded]);
    return exports.ek_run(model, first, last);
  };
  return { exports: { ...exports, ek_run } };
};
globalThis.visit = async (row, options) => {
  const progress = [];
  runs = [];
  try {
    const model = await load('bundle/', { target: 'wasm', build: 'simd', ...options });
    const start = performance.now();
    const onProgress = (event) => progress.push((loaded = event.loaded));
    const warm = model.warmUp({ onProgress });
    const answer = Array.from(await model.predictArray(row));
    const ms = performance.now() - start;
    await warm;
    return { answer, ms, runs, progress };
  } catch ({ code, file, message }) {
    return { code, file, message };
  }
};
globalThis.kept = async () => {
  const cache = await caches.open('edgekit');
  for (let i = 0; i < 200; i++) {
    const keys = (await cache.keys()).map((request) => request.url);
    if (keys.some((url) => url.includes('?'))) return keys;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return [];
};
document.documentElement.dataset.state = 'ready';
</script>"""


@dataclass
class Line:
    """What lies between the server and the page; all waits in it are bounded."""

    files: dict[str, bytes]
    bytes_per_second: float = 0.0
    delay: float = 0.0
    ranges: bool = True
    #: path -> what happens to its requests one after the other; after these all is well
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    free: float = 0.0

    def fault(self, path: str) -> str:
        with self.lock:
            todo = self.faults.get(path, [])
            return todo.pop(0) if todo else ""

    def wait_for(self, count: int) -> None:
        """Wait until the line, which all connections share, has carried so many bytes."""
        if not self.bytes_per_second:
            return
        with self.lock:
            self.free = max(self.free, time.monotonic()) + count / self.bytes_per_second
            until = self.free
        time.sleep(max(0.0, until - time.monotonic()))

    def paths(self, start: int = 0) -> list[str]:
        """The files of the model that were asked for, in order."""
        return [path.removeprefix("/bundle/") for path, _ in self.asked[start:] if path.startswith("/bundle/wasm/")]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 10
    line: Line

    def do_GET(self) -> None:
        line, path = self.line, self.path.partition("?")[0]
        span = self.headers.get("Range", "")
        line.asked.append((path, span))
        time.sleep(line.delay)
        data, fault = line.files.get(path, b""), line.fault(path)
        if path not in line.files or fault in ("404", "500", "503"):
            return self._send(int(fault or 404), b"no")
        if fault == "html":
            return self._send(200, b"<!doctype html>", kind="text/html")
        if fault == "late":
            time.sleep(1)
        if fault == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault == "truncate":
            data = data[: len(data) // 2]
        if span and line.ranges:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            lie = 1 if fault == "wrong range" else 0
            return self._send(206, data[start:], extra=f"bytes {start - lie}-{len(data) - 1}/{len(data)}")
        return self._send(200, data, fault=fault)

    def _send(self, status: int, data: bytes, *, kind: str = "", extra: str = "", fault: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind or ("text/html" if self.path == "/" else content_type(self.path)))
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")  # what is kept is kept by the runtime
        if extra:
            self.send_header("Content-Range", extra)
        self.end_headers()
        if fault in ("drop", "stall"):
            data = data[: len(data) // 2]
        for at in range(0, len(data), 256):
            self.line.wait_for(len(data[at : at + 256]))
            self.wfile.write(data[at : at + 256])
        # What was sent has to be read before the line drops, or the browser throws it away.
        time.sleep({"drop": 0.15, "stall": 2}.get(fault, 0))
        self.close_connection = fault in ("drop", "stall")

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that stops a download is no news."""


def files_of(bundle: Bundle) -> dict[str, bytes]:
    names = [MANIFEST, *(f.path for f in bundle.manifest.files())]
    return {"/": PAGE, "/favicon.ico": b""} | {f"/bundle/{name}": bundle.read(name) for name in names}


@contextmanager
def opened(browser: Browser, line: Line) -> Iterator[Tab]:
    """Serve the line's files, and open the page that can load them."""
    server = Quiet(("127.0.0.1", 0), type("Bound", (Handler,), {"line": line}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        with browser.page(url) as tab:
            tab.page.goto(url)
            tab.page.wait_for_selector("html[data-state=ready]", state="attached")
            line.asked.clear()
            yield tab
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def visit(tab: Tab, row: list[float], **options: Any) -> dict[str, Any]:
    """Load the model and predict once, as a page does that was opened anew."""
    result: dict[str, Any] = tab.page.evaluate("([row, options]) => visit(row, options)", [row, options])
    return result


@pytest.fixture(scope="module")
def small(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The example in shards of 1 KB."""
    config = read_config(trained.config)
    wasm = replace(config.targets.wasm, shard_bytes=1024)
    config = replace(config, targets=replace(config.targets, wasm=wasm))
    out = tmp_path_factory.mktemp("streaming") / "bundle"
    return export(trained.request(out, "tflite", "wasm"), config).bundle


def shards(bundle: Bundle) -> list[FileEntry]:
    return [f for f in bundle.manifest.targets["wasm"].files if f.role == "shard"]


def needed(bundle: Bundle) -> list[FileEntry]:
    """The files that one visit downloads beside the manifest, in the order of need."""
    files = bundle.manifest.targets["wasm"].files
    first = [f for f in files if f.build == "simd"] + [f for f in files if f.role == "plan"]
    return first + shards(bundle)


def example(bundle: Bundle) -> tuple[list[float], list[float]]:
    stored = json.loads(bundle.read("golden.json"))
    return stored["inputs"][7], [float(np.float32(value)) for value in stored["quantized"][7]]


def updated(bundle: Bundle, out: Path) -> Bundle:
    """Write version 2.0.0, in which the last shard is another one, as after a head was trained anew."""
    contents = {f.path: bundle.read(f.path) for f in bundle.manifest.files()}
    wasm, last = bundle.manifest.targets["wasm"], shards(bundle)[-1]
    data = bytes(byte ^ 1 for byte in contents.pop(last.path))
    name = f"{last.path.split('.')[0]}.{entry('', data, '').sha256[:16]}.bin"
    contents[name] = data
    files = tuple(entry(name, data, "shard", first_step=f.first_step) if f == last else f for f in wasm.files)
    targets = {**bundle.manifest.targets, "wasm": replace(wasm, files=files)}
    return write_bundle(out, seal(replace(bundle.manifest, version="2.0.0", targets=targets)), contents)


def test_the_first_layers_run_while_the_last_are_on_the_way(browser: Browser, small: Bundle) -> None:
    row, answer = example(small)
    sizes = [f.bytes for f in needed(small)]
    late = shards(small)[-1]
    line = Line(files_of(small), faults={f"/bundle/{late.path}": ["late"]})
    with opened(browser, line) as tab:
        seen = visit(tab, row, cache=False)
    assert seen["answer"] == answer
    assert sorted(line.paths()) == sorted(f.path for f in needed(small))
    assert seen["progress"] == sorted(seen["progress"]) and seen["progress"][-1] == sum(sizes)
    runs = seen["runs"]
    assert [first for first, _, _ in runs] == [0, *(last for _, last, _ in runs[:-1])]  # each step once, in order
    assert runs[-2][1:] == [late.first_step, sum(sizes) - late.bytes]  # all steps but the last ones ran before it came
    for _, last, loaded in runs:
        assert loaded >= sum(sizes[:2]) + sum(f.bytes for f in shards(small) if (f.first_step or 0) < last)


def test_a_slow_line_is_used_to_the_full(browser: Browser, small: Bundle) -> None:
    """How near it comes to the limit is printed; a busy machine decides what it is."""
    row, answer = example(small)
    line = Line(files_of(small))
    total = sum(f.bytes for f in needed(small))
    for kilobits, delay in ((100, 0.15), (400, 0.15)):
        with opened(browser, line) as tab:
            line.bytes_per_second, line.delay = 125.0 * kilobits, delay
            seen = visit(tab, row, cache=False)
            line.bytes_per_second = line.delay = 0.0
        assert seen["answer"] == answer
        limit = 1000 * (total / (125.0 * kilobits) + delay)
        print(
            f"\n{len(needed(small))} files, {total} bytes at {kilobits} kbit/s + {1000 * delay:g} ms: first prediction"
            f" after {seen['ms']:.0f} ms, limit {limit:.0f} ms, ratio {seen['ms'] / limit:.3f}"
        )


@pytest.mark.parametrize("ranges", [True, False], ids=["resumed", "from the start"])
def test_a_broken_download_goes_on(browser: Browser, small: Bundle, ranges: bool) -> None:
    row, answer = example(small)
    shard = shards(small)[0]
    line = Line(files_of(small), ranges=ranges, faults={f"/bundle/{shard.path}": ["drop"]})
    with opened(browser, line) as tab:
        seen = visit(tab, row)
    assert seen["answer"] == answer
    half = f"bytes={shard.bytes // 2}-"
    assert [span for path, span in line.asked if path.endswith(shard.path)] == ["", half]
    assert all(a <= b for a, b in pairwise(seen["progress"]))


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        pytest.param(["500"], 2, id="500 once"),
        pytest.param(["503", "drop", "wrong range"], 4, id="busy, dropped, then another part than was asked for"),
        pytest.param(["corrupt"], 2, id="corrupted once"),
        pytest.param(["truncate"], 2, id="truncated once"),
        pytest.param(["stall"], 2, id="stalled once"),
        pytest.param(["drop", "500", "corrupt"], 4, id="dropped, busy, and the rest is corrupted: it is begun anew"),
    ],
)
def test_a_fault_that_passes_is_not_seen(browser: Browser, small: Bundle, faults: list[str], requests: int) -> None:
    row, answer = example(small)
    path = shards(small)[-1].path
    line = Line(files_of(small), faults={f"/bundle/{path}": list(faults)})
    with opened(browser, line) as tab:
        seen = visit(tab, row, patience=400)
    assert seen.get("answer") == answer, seen
    assert line.paths().count(path) == requests


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        pytest.param(
            "corrupt", "hash", "{} does not match its sha256 in the manifest; load the page again", id="corrupt"
        ),
        pytest.param(
            "truncate", "size", "{} has {half} bytes, the manifest says {bytes}; load the page", id="truncated"
        ),
        pytest.param("404", "http", "{} could not be fetched: the server answered 404", id="404"),
        pytest.param("500", "http", "{} could not be fetched: the server answered 500", id="500"),
        pytest.param("html", "http", "the server sent a web page in place of {}; check", id="a page with status 200"),
        pytest.param("drop", "network", "{} broke off after {half} bytes: ", id="dropped"),
        pytest.param("stall", "network", "{} stalled: nothing came for 0.2 s; check the connection", id="stalled"),
    ],
)
@pytest.mark.parametrize("role", ["engine", "plan", "shard"])
def test_a_fault_that_stays_names_the_file(
    browser: Browser, small: Bundle, role: str, fault: str, code: str, message: str
) -> None:
    file = [f for f in needed(small) if f.role == role][-1]
    line = Line(files_of(small), ranges=False, faults={f"/bundle/{file.path}": [fault] * 20})
    row, answer = example(small)
    with opened(browser, line) as tab:
        tab.page.evaluate(
            "() => { const set = setTimeout; globalThis.setTimeout = (f, ms) => set(f, Math.min(ms, 200)); }"
        )
        seen = visit(tab, row, patience=200)
        assert "answer" not in seen
        assert (seen["code"], seen["file"]) == (code, file.path)
        assert seen["message"].startswith(message.format(file.path, half=file.bytes // 2, bytes=file.bytes))
        line.faults.clear()
        assert visit(tab, row)["answer"] == answer  # nothing wrong was kept


def test_without_a_network_the_kept_model_answers(browser: Browser, small: Bundle) -> None:
    row, answer = example(small)
    line = Line(files_of(small))
    with opened(browser, line) as tab:
        assert visit(tab, row)["answer"] == answer
        assert len(tab.page.evaluate("kept()")) == len(needed(small)) + 1
        asked = len(line.asked)
        tab.page.context.set_offline(True)
        seen = visit(tab, row)
        assert visit(tab, row, cache=False, patience=200)["file"] == MANIFEST
        tab.page.context.set_offline(False)
    assert seen["answer"] == answer
    assert len(line.asked) == asked


def test_an_entry_that_was_changed_is_not_used(browser: Browser, small: Bundle) -> None:
    row, answer = example(small)
    shard = shards(small)[0]
    line = Line(files_of(small))
    with opened(browser, line) as tab:
        visit(tab, row)
        (key,) = [url for url in tab.page.evaluate("kept()") if url.endswith(shard.sha256)]
        tab.page.evaluate(
            f"async () => (await caches.open('edgekit')).put('{key}', new Response(new Uint8Array({shard.bytes})))"
        )
        asked = len(line.asked)
        assert visit(tab, row)["answer"] == answer
    assert line.paths(asked) == [shard.path]


def test_an_update_downloads_what_changed(browser: Browser, small: Bundle, tmp_path: Path) -> None:
    row, answer = example(small)
    new = updated(small, tmp_path / "new")
    line = Line(files_of(small))
    with opened(browser, line) as tab:
        visit(tab, row)
        tab.page.evaluate("kept()")
        line.files = files_of(new)
        asked = len(line.asked)
        seen = visit(tab, row)
        assert seen["answer"] != answer
        assert line.paths(asked) == [shards(new)[-1].path]
        fresh = visit(tab, row, cache=False)
        assert seen["answer"] == fresh["answer"]
        tab.page.wait_for_function(
            f"async () => !(await (await caches.open('edgekit')).keys()).some((r) => r.url.endsWith('{shards(small)[-1].sha256}'))"
        )
    print(f"\nan update of the last shard: {shards(new)[-1].bytes} of {sum(f.bytes for f in needed(new))} bytes")
