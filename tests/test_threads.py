"""The builds with threads: bit for bit the interpreter's answers for any number of them, in a cross-origin isolated page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Trained
from one_operator import OPERATORS, Builder, layer
from test_builds import Device, text

from edgekit import golden
from edgekit import plan as plans
from edgekit.affine import activation_quant
from edgekit.assets import asset
from edgekit.config import read_config
from edgekit.errors import NotAvailable
from edgekit.export import export
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, Tensor
from edgekit.lowering import Lowered, lower
from edgekit.runtimes.chromium import Browser
from edgekit.runtimes.litert import Interpreter
from edgekit.server import Server, site
from edgekit.store import Bundle

GRAPHS, ROWS = 10, 3
#: Operators that are split into parts, and one that is not.
SPLIT = [(k, "int8") for k in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MEAN", "LOGISTIC", "SOFTMAX")]
SPLIT.append(("QUANTIZE to int8", "int8"))

#: Runs one model in one build by the runtime's own team; parts of a nanosecond are worth an offer, so that all is split.
RUN = """async ({ engine, plan, weights, rows, inputs, outputs, arena, steps, threads, least, repeat, watch }) => {
  const { sharedMemory, stackBytes, startTeam } = await import('/threads.js');
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  globalThis.compiled ??= {};
  const module = (globalThis.compiled[engine.length] ??= await WebAssembly.compile(bytes(engine)));
  const parts = [bytes(plan), bytes(weights), new Uint8Array(arena)];
  const total = parts.reduce((sum, part) => sum + part.length + 256, 1024 + stackBytes(threads));
  const memory = sharedMemory(total, 65536);
  const { __heap_base, ek_check, ek_run } = (await WebAssembly.instantiate(module, { env: { memory } })).exports;
  memory.grow(Math.ceil(total / 65536));
  const up = (n) => (n + 127) & ~127;
  const model = up(__heap_base.value);
  let at = model + 512;
  const table = [];
  for (const part of parts) { table.push(at, part.length); at = up(at + part.length); }
  parts.forEach((part, i) => new Uint8Array(memory.buffer).set(part, table[2 * i]));
  const words = new Uint32Array(memory.buffer, model, 8);
  words.set([...table, 0, least]);
  if (ek_check(model) !== 0) throw new Error('the plan was refused');
  const stop = startTeam({ module, memory, model, stacks: at, threads });
  for (let i = 0; words[6] !== threads && threads > 1; i++) {
    if (i > 1000) throw new Error('no worker came');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const view = ([offset, count]) => new Float32Array(memory.buffer, table[4] + offset, count);
  const values = new Float32Array(bytes(rows).buffer);
  const watched = new Uint8Array(memory.buffer, table[4] + watch[0], watch[1]);
  let isWatched = false;
  const answers = [];
  for (let r = 0; r < repeat; r++) for (let from = 0; from < values.length;) {
    for (const port of inputs) { view(port).set(values.subarray(from, from + port[1])); from += port[1]; }
    const before = ek_run(model, 0, steps - 1);
    watched.fill(0); // other steps may use the same memory
    if (before !== 0 || ek_run(model, steps - 1, steps) !== 0) throw new Error('the steps did not run');
    isWatched ||= watched.some((byte) => byte !== 0);
    if (r === 0) for (const port of outputs) answers.push(...view(port));
    else if (!watch[1] && view(outputs[0]).some((y, i) => y !== answers[(from / inputs[0][1] - 1) * outputs[0][1] + i])) throw new Error('another answer');
  }
  stop();
  return { answers, watched: isWatched };
}"""


def work(graph: Graph, rows: np.ndarray, build: str, threads: int) -> dict[str, Any]:
    lowered = lower(graph)
    assert isinstance(lowered, Lowered)
    plan = lowered.plan
    return {
        "engine": text(asset(f"wasm/dist/engine-{build}-threads.wasm").read_bytes()),
        "plan": text(plans.encode(plan)),
        "weights": text(b"".join(data for _, data in lowered.chunks)),
        "rows": text(np.ascontiguousarray(rows, "<f4").tobytes()),
        "inputs": [list(p) for p in plan.inputs],
        "outputs": [list(p) for p in plan.outputs],
        "arena": plan.arena_bytes,
        "steps": len(plan.steps),
        "threads": threads,
        "least": 1,
        "repeat": 1,
        "watch": [0, 0],
    }


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    blank = tmp_path_factory.mktemp("blank") / "blank.html"
    blank.write_text("<!doctype html><title>blank</title>")
    files = {f"/{name}": Path(str(asset(f"wasm/js/{name}"))) for name in ("threads.js", "threads-worker.js")}
    try:
        opened = Device((), blank, files)
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")
    yield opened
    opened.close()


def small_network(random: np.random.Generator) -> Graph:
    """Layers that are split in every way: by rows, pixels, units, channels and elements."""
    graph = Builder(random, "int8")
    last = graph.value((1, 24, 20, 3))

    def convolution(kind: str, source: int, units: int, side: int, stride: int) -> int:
        _, height, width, channels = graph.tensors[source].shape
        deep = kind == "DEPTHWISE_CONV_2D"
        shape = (1, side, side, units) if deep else (units, side, side, channels)
        result = graph.result((1, -(-height // stride), -(-width // stride), units))
        strides = {"stride_h": stride, "stride_w": stride, "dilation_h_factor": 1, "dilation_w_factor": 1}
        options = {"padding": "SAME", "fused_activation_function": "NONE", **strides}
        options |= {"depth_multiplier": 1} if deep else {}
        graph.op(kind, (source, *layer(graph, source, shape, 3 if deep else 0)), (result,), **options)
        return result

    last = convolution("CONV_2D", last, 16, 3, 2)
    last = convolution("DEPTHWISE_CONV_2D", last, 16, 3, 1)  # 12 rows
    last = convolution("CONV_2D", last, 100, 1, 1)  # 30 tiles of pixels
    last = convolution("DEPTHWISE_CONV_2D", last, 100, 3, 2)  # 6 rows
    last = convolution("DEPTHWISE_CONV_2D", last, 100, 3, 2)  # 3 rows: by channels
    last = convolution("CONV_2D", last, 165, 1, 1)  # 3 tiles: by units
    other = convolution("CONV_2D", last, 165, 1, 1)
    total = graph.result((1, 3, 3, 165))
    graph.op("ADD", (last, other), (total,), fused_activation_function="NONE")
    gate = graph.result((1, 3, 3, 165), activation_quant(-1.0, 1.0, "int8"))
    graph.op("LEAKY_RELU", (total,), (gate,), alpha=0.25)
    axes = graph.tensor(Tensor("axes", (2,), "int32", None, np.array([1, 2], "<i4")))
    mean = graph.result((1, 165), graph.tensors[gate].quant)
    graph.op("MEAN", (gate, axes), (mean,), keep_dims=False)
    answer = graph.result((1, 150))
    graph.op("FULLY_CONNECTED", (mean, *layer(graph, mean, (150, 165), 0)), (answer,), fused_activation_function="NONE")
    return graph.finish(answer)


@pytest.fixture(params=["chosen", "simd"])
def build(request: pytest.FixtureRequest, device: Device) -> str:
    return device.build if request.param == "chosen" else "simd"


@pytest.mark.parametrize(("operator", "dtype"), SPLIT, ids=str)
def test_any_number_of_threads_gives_the_same_answer(device: Device, operator: str, dtype: str, build: str) -> None:
    random = np.random.default_rng(21)
    for number in range(GRAPHS):
        graph = OPERATORS[operator, dtype](random, dtype)
        columns = sum(graph.tensors[i].elements for i in graph.inputs)
        rows = (random.normal(size=(ROWS, columns)) * 2.0 ** random.uniform(-3, 4, (ROWS, 1))).astype(np.float32)
        expected = Interpreter(write_tflite(graph)).run(rows)
        answers = device.evaluate(RUN, work(graph, rows, build, 1 + number % 4))["answers"]
        np.testing.assert_array_equal(np.array(answers, np.float32).reshape(expected.shape), expected)


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_a_network_again_and_again(device: Device, build: str, threads: int) -> None:
    """Two thousand runs, with what races there are; all of them have to give the same."""
    random = np.random.default_rng(22)
    graph = small_network(random)
    rows = random.normal(size=(2, 24 * 20 * 3)).astype(np.float32)
    found = device.evaluate(RUN, {**work(graph, rows, build, threads), "repeat": 2000})
    expected = Interpreter(write_tflite(graph)).run(rows)
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(np.array(found["answers"], np.float32).reshape(expected.shape), expected)


def test_the_second_thread_takes_part(device: Device, build: str) -> None:
    """Scratch memory that only the second thread writes was written."""
    random = np.random.default_rng(23)
    graph = small_network(random)
    rows = random.normal(size=(1, 24 * 20 * 3)).astype(np.float32)
    given = {**work(graph, rows, build, 2), "repeat": 300}
    lowered = lower(graph)
    assert isinstance(lowered, Lowered)
    names = [n for _, n in plans.operators()["conv_2d_s8"].fields]
    at = max(i for i, step in enumerate(lowered.plan.steps) if step.operator == "conv_2d_s8")
    last = dict(zip(names, lowered.plan.steps[at].words, strict=True))
    wide = 2 if build == "simd" else 1
    # Of 165 inputs and units: bias, apart, first tile, apart, second tile.
    given["watch"] = [int(last["scratch"]) + 4 * 168 + wide * (192 + 4 * 168 + 192), wide * 4 * 168]
    given["steps"] = at + 1
    assert device.evaluate(RUN, given)["watched"]
    assert not device.evaluate(RUN, {**given, "threads": 1})["watched"]


VISIT = """async ([options]) => {
  const { load } = await import('/bundle/runtime/edgekit.js');
  const model = await load('/bundle/', options);
  const answer = Array.from(await model.predictArray(options.row));
  await new Promise((resolve) => setTimeout(resolve, 200)); // whatever workers do, they do now
  const again = Array.from(await model.predictArray(options.row));
  const { build } = model;
  model.dispose();
  const files = performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname);
  return { answer, again, build, isolated: crossOriginIsolated, files: files.filter((name) => name.includes('threads')) };
}"""


@pytest.fixture(scope="module")
def threaded(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """The example, with the builds with threads, which a bundle has only where they pay."""
    request = trained.request(tmp_path_factory.mktemp("threaded") / "bundle", "tflite", "wasm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgekit.targets.wasm.LEAST_MULTIPLICATIONS", 0)
        yield export(request, read_config(trained.config)).bundle


def test_a_small_model_goes_without_threads(bundle: Bundle) -> None:
    assert not [f.path for f in bundle.manifest.files() if f.build and f.build.endswith("-threads")]


@pytest.mark.parametrize(
    ("path", "options", "is_team"),
    [
        pytest.param("/blank.html", {"threads": 2}, True, id="asked for"),
        pytest.param("/blank.html", {}, False, id="a small model, for which threads do not pay"),
        pytest.param("/blank.html", {"threads": 1}, False, id="one thread"),
        pytest.param("/plain/", {"threads": 2}, False, id="a page that is not isolated"),
    ],
)
def test_threads_are_a_wish(
    browser: Browser, threaded: Bundle, tmp_path: Path, path: str, options: Any, is_team: bool
) -> None:
    blank = tmp_path / "blank.html"
    blank.write_text('<!doctype html><title>blank</title><link rel="icon" href="data:,">')
    rows = golden.decode(threaded.read(golden.PATH))
    with Server({**site(threaded), path: blank}) as server, browser.page(server.url, bypass_csp=True) as tab:
        tab.page.goto(server.url.rstrip("/") + path)
        row = [float(x) for x in rows.inputs[0]]
        found = tab.page.evaluate(VISIT, [{**options, "row": row}])
    assert found["isolated"] == (path == "/blank.html")
    assert found["build"].endswith("-threads") == is_team
    assert any("threads-worker.js" in name for name in found["files"]) == is_team
    assert found["answer"] == found["again"] == [float(y) for y in rows.quantized[0]]
    assert not tab.complaints
