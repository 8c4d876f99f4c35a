"""Every build that a device can choose is exact there: the engine's vectors in Chromium, with AVX-VNNI and without."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from one_operator import OPERATORS

from edgekit import plan as plans
from edgekit.assets import asset
from edgekit.errors import NotAvailable
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph
from edgekit.lowering import Lowered, lower
from edgekit.runtimes import chromium
from edgekit.runtimes.litert import Interpreter
from edgekit.server import Server

GRAPHS, ROWS = 12, 6
#: Operators whose kernels differ from build to build.
LAYERS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "QUANTIZE to int8")
NO_VNNI = "--js-flags=--no-enable-avx-vnni --no-enable-avx-vnni-int8"

#: Runs one model in one build: everything travels as base64.
RUN = """async ({ engine, plan, weights, rows, inputs, outputs, arena, steps }) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  globalThis.compiled ??= {};
  const module = (globalThis.compiled[engine.length] ??= await WebAssembly.compile(bytes(engine)));
  const { memory, __heap_base, ek_check, ek_run } = (await WebAssembly.instantiate(module)).exports;
  const up = (n) => (n + 63) & ~63;
  const parts = [bytes(plan), bytes(weights), new Uint8Array(arena)];
  const model = up(__heap_base.value);
  let at = model + 64;
  const table = [];
  for (const part of parts) { table.push(at, part.length); at = up(at + part.length); }
  memory.grow(Math.max(0, Math.ceil((at - memory.buffer.byteLength) / 65536)));
  parts.forEach((part, i) => new Uint8Array(memory.buffer).set(part, table[2 * i]));
  new Uint32Array(memory.buffer, model, 6).set(table);
  if (ek_check(model) !== 0) throw new Error('the plan was refused');
  const view = ([offset, count]) => new Float32Array(memory.buffer, table[4] + offset, count);
  const values = new Float32Array(bytes(rows).buffer);
  const answers = [];
  for (let from = 0; from < values.length;) {
    for (const port of inputs) { view(port).set(values.subarray(from, from + port[1])); from += port[1]; }
    if (ek_run(model, 0, steps) !== 0) throw new Error('the steps did not run');
    for (const port of outputs) answers.push(...view(port));
  }
  return answers;
}"""

PROBE = """async (source) => {
  const probe = await import(`data:text/javascript;base64,${source}`);
  return probe.chooseBuild(['scalar', 'simd', 'signed', 'relaxed']);
}"""


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Device:
    """A blank page of one Chromium, as a place to run the engine; lives in a thread of its own."""

    def __init__(self, flags: tuple[str, ...], blank: Path) -> None:
        self.thread = ThreadPoolExecutor(1)  # Playwright allows one browser driver a thread
        self.stack = ExitStack()
        self.page = self.thread.submit(self._open, flags, blank).result()
        self.build = self.evaluate(PROBE, text(asset("wasm/js/probe.js").read_bytes()))

    def _open(self, flags: tuple[str, ...], blank: Path) -> Any:
        server = self.stack.enter_context(Server({"/blank.html": blank}))
        browser = self.stack.enter_context(chromium.Browser(timeout=20, flags=flags))
        page = self.stack.enter_context(browser.page(server.url, bypass_csp=True)).page
        page.goto(f"{server.url}blank.html")
        return page

    def close(self) -> None:
        self.thread.submit(self.stack.close).result()
        self.thread.shutdown()

    def evaluate(self, script: str, argument: object) -> Any:
        return self.thread.submit(self.page.evaluate, script, argument).result()

    def run(self, graph: Graph, rows: np.ndarray, build: str) -> np.ndarray:
        lowered = lower(graph)
        assert isinstance(lowered, Lowered)
        plan = lowered.plan
        work = {
            "engine": text(asset(f"wasm/dist/engine-{build}.wasm").read_bytes()),
            "plan": text(plans.encode(plan)),
            "weights": text(b"".join(data for _, data in lowered.chunks)),
            "rows": text(np.ascontiguousarray(rows, "<f4").tobytes()),
            "inputs": [list(p) for p in plan.inputs],
            "outputs": [list(p) for p in plan.outputs],
            "arena": plan.arena_bytes,
            "steps": len(plan.steps),
        }
        return np.array(self.evaluate(RUN, work), np.float32).reshape(len(rows), -1)


@pytest.fixture(scope="module", params=[(), (NO_VNNI,)], ids=["as it is", "without AVX-VNNI"])
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    blank = tmp_path_factory.mktemp("blank") / "blank.html"
    blank.write_text("<!doctype html><title>blank</title>")
    try:
        opened = Device(request.param, blank)
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")
    yield opened
    opened.close()


def test_old_x86_takes_plain_simd(device: Device, request: pytest.FixtureRequest) -> None:
    """The relaxed dot product saturates there; only the probe's values tell, the browser knows the instruction."""
    if "without" in request.node.name:
        assert device.build == "simd"
    assert device.build in ("relaxed", "signed", "simd")


@pytest.mark.parametrize("operator", LAYERS)
def test_the_chosen_build_equals_the_interpreter(device: Device, operator: str) -> None:
    random = np.random.default_rng(11)
    for _ in range(GRAPHS):
        graph = OPERATORS[operator, "int8"](random, "int8")
        columns = sum(graph.tensors[i].elements for i in graph.inputs)
        rows = (random.normal(size=(ROWS, columns)) * 2.0 ** random.uniform(-3, 4, (ROWS, 1))).astype(np.float32)
        expected = Interpreter(write_tflite(graph)).run(rows)
        np.testing.assert_array_equal(device.run(graph, rows, device.build), expected)


def test_the_probe_is_needed(device: Device) -> None:
    """Where the probe refuses the relaxed build, that build really answers wrongly; where not, it is exact."""
    random = np.random.default_rng(12)
    wrong = 0
    for _ in range(GRAPHS):
        graph = OPERATORS["FULLY_CONNECTED", "int8"](random, "int8")
        rows = (random.normal(size=(ROWS, graph.tensors[graph.inputs[0]].elements)) * 8).astype(np.float32)
        expected = Interpreter(write_tflite(graph)).run(rows)
        wrong += int(np.any(device.run(graph, rows, "relaxed") != expected))
    assert (wrong == 0) == (device.build == "relaxed")
