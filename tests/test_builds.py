"""Every build that a device can choose is exact there: the engine's vectors in Chromium, with AVX-VNNI and without."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from one_operator import OPERATORS
from plan_work import OPEN_PLAN, text, work_of
from whole_models import WHOLE_MODELS, quantized

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
LAYERS = (
    "FULLY_CONNECTED",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTHWISE_CONV_2D of 3 x 3",
    "ADD",
    "QUANTIZE to int8",
)
NO_VNNI = "--js-flags=--no-enable-avx-vnni --no-enable-avx-vnni-int8"

#: Runs one model in one build: everything travels as base64.
RUN = """async ({ source, rows, ...work }) => {
  const { open } = await import(`data:text/javascript;base64,${source}`);
  return Array.from((await open(work)).predict(rows));
}"""

PROBE = """async (source) => {
  const probe = await import(`data:text/javascript;base64,${source}`);
  return probe.chooseBuild(['scalar', 'simd', 'signed', 'relaxed']);
}"""


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
        engine = asset(f"wasm/dist/engine-{build}.wasm").read_bytes()
        work = {"source": text(OPEN_PLAN.read_bytes()), "engine": text(engine), **work_of(graph, rows)}
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


@pytest.mark.parametrize("name", WHOLE_MODELS)
def test_whole_models_in_the_chosen_build(device: Device, name: str) -> None:
    for recipe in ("int8", "int16"):
        graph, rows, expected = quantized(name, recipe)
        lowered = lower(graph)
        assert isinstance(lowered, Lowered)
        answers = device.run(graph, rows, device.build)
        np.testing.assert_allclose(answers, expected, rtol=0, atol=(lowered.near or 0) * np.ptp(expected))


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
