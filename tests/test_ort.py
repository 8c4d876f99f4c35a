"""The target ort: which model it ships, the same bytes twice, and the answers of real Chromium under a strict policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from demo_page import Site, opened
from near_operator import NEAR_OPERATORS
from one_operator import OPERATORS
from test_targets import model_of
from whole_models import ROWS, WHOLE_MODELS, quantized

from edgekit import npm_files, ort_config, ort_runtime, stopwatch
from edgekit.cli.ort_config import command
from edgekit.config import Config
from edgekit.config_targets import OrtConfig, TargetsConfig
from edgekit.data import Dataset
from edgekit.errors import InputError, NotAvailable
from edgekit.formats.onnx_file import answers, optimize, to_proto
from edgekit.formats.onnx_graph import WEIGHTS, OnnxGraph, to_onnx
from edgekit.formats.onnx_operators import EMITTERS
from edgekit.formats.tflite_schema import OP_SCHEMAS
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import Graph, GraphBuilder, Tensor
from edgekit.manifest import Signature
from edgekit.models import Model
from edgekit.runtimes.chromium import Browser
from edgekit.runtimes.litert import Interpreter
from edgekit.store import Bundle
from edgekit.targets import ort
from edgekit.targets.ort import FLOAT32, QUANTIZED, Candidate, OrtTarget, choose
from edgekit.targets.protocol import Built, Job, Times
from edgekit.verify import RUNTIMES, verify

SMALL, PLAIN = Candidate(QUANTIZED, (), 100, 0.5, 0.001, 0.1, 10.0), Candidate(FLOAT32, (), 400, 0.5, 0.0, 0.0, 10.0)
#: TFLite rounds twice where ONNX Runtime rounds once, and reads tables for a sigmoid.
STEPS = 2.01
FASTER = "the quantized model is the smaller one and takes 0.90 times as long as the float32 model"


@pytest.mark.parametrize(
    ("small", "plain", "name", "why"),
    [
        pytest.param({"microseconds": 9.0}, {}, QUANTIZED, FASTER, id="smaller and faster"),
        pytest.param(
            {"microseconds": 10.9}, {}, QUANTIZED,
            "the quantized model is the smaller one and takes 1.09 times as long as the float32 model",
            id="its bytes are worth a tenth",
        ),
        pytest.param(
            {"microseconds": 12.0}, {}, FLOAT32,
            "the quantized model takes 1.20 times as long as the float32 model",
            id="clearly slower",
        ),
        pytest.param(
            {"drop": 0.02}, {}, FLOAT32, "the quantized model loses 2.00%; the budget is 1.00%", id="too lossy here"
        ),
        pytest.param(
            {"gap": 0.6}, {}, FLOAT32, "ONNX Runtime misses the quantized model by 0.6; the bound is 0.5", id="inexact"
        ),
        pytest.param(
            {"gap": float("inf")}, {}, FLOAT32, "ONNX Runtime misses the quantized model by inf; the bound is 0.5",
            id="not a number",
        ),
        pytest.param({"bytes": 400}, {}, FLOAT32, "the quantized model is not smaller", id="nothing is saved"),
        pytest.param(
            {"microseconds": None}, {"microseconds": None}, QUANTIZED,
            "the quantized model is the smaller one; the speed is not known",
            id="the bytes decide where nothing was measured",
        ),
    ],
)  # fmt: skip
def test_which_model_is_shipped(small: dict[str, float], plain: dict[str, float], name: str, why: str) -> None:
    best, said = choose([replace(PLAIN, **plain), replace(SMALL, **small)], 0.01)
    assert (best.name, said) == (name, why)


def test_a_model_that_is_alone_is_taken() -> None:
    assert choose([replace(SMALL, drop=0.5)], 0.01)[1] == "it is the only one that was made"


def written(graph: Graph) -> OnnxGraph:
    plain = to_onnx(graph, EMITTERS)
    assert isinstance(plain, OnnxGraph), plain
    return plain


@pytest.mark.parametrize("recipe", ["int8", "int8+int16-head", "int16x2"])
@pytest.mark.parametrize("name", WHOLE_MODELS)
def test_the_quantized_graph_keeps_its_answers(name: str, recipe: str, tmp_path: Path) -> None:
    """Its weights, scales and ranges are edgekit's own, so ONNX Runtime is near the interpreter, and mostly equal."""
    graph, rows, expected = quantized(name, recipe)
    model = optimize(to_proto(written(graph)), "extended", tmp_path / "m.onnx")
    found = answers(model, rows[:20]).reshape(20, -1)
    expected = expected[:20].reshape(20, -1)
    assert np.abs(found - expected).max() <= ort.QUANTIZED_SPAN * np.ptp(expected)
    if recipe == "int8" and name != "DS-CNN":  # whose average pool rounds one step off
        np.testing.assert_array_equal(found, expected)


DRAWN = {**OPERATORS, **{(name, "float32"): drawn.make for name, drawn in NEAR_OPERATORS.items()}}
#: What these compute at the ends of float32 is infinite.
POSITIVE = ("LOG", "SQRT", "RSQRT", "DIV")


@pytest.mark.parametrize(("operator", "dtype"), DRAWN, ids=str)
def test_each_operator_is_near_the_interpreter(operator: str, dtype: str) -> None:
    """Its float32 meaning, its layout, padding and axes: a wrong one is off by far more than a step of quantization."""
    random = np.random.default_rng(len(operator) * 1000 + len(dtype))
    for _ in range(4):
        graph = DRAWN[operator, dtype](random, dtype)
        rows = random.normal(size=(6, sum(graph.tensors[i].elements for i in graph.inputs))).astype(np.float32)
        rows = np.abs(rows) + np.float32(0.1) if operator.split(maxsplit=1)[0] in POSITIVE else rows
        expected = Interpreter(write_tflite(graph)).run(rows)
        found = answers(to_proto(written(graph)), rows).reshape(expected.shape)
        steps = [float(t.quant.scale.max()) for t in graph.tensors if t.quant is not None and t.data is None]
        allowed = STEPS * max(steps, default=0.0) + 1e-5 * np.abs(expected)
        assert (np.abs(found - expected) <= allowed + 1e-5).all(), np.abs(found - expected).max()


def test_every_operator_that_edgekit_reads_can_be_written() -> None:
    assert set(OP_SCHEMAS) == set(EMITTERS)


def strange(**options: int) -> Graph:
    builder = GraphBuilder("g")
    x, y = (builder.tensor(Tensor(n, (1, 2), "float32")) for n in "xy")
    ends = [builder.tensor(Tensor(f"c{i}", (2,), "int32", None, np.array(v, "<i4"))) for i, v in enumerate(BOX)]
    builder.op("STRIDED_SLICE", (x, *ends), (y,), **{"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0, **options})
    return builder.build((x,), (y,))


BOX = ([0, 0], [1, 2], [1, 1])


@pytest.mark.parametrize(
    ("graph", "refused"),
    [
        pytest.param(strange(), [], id="takes it"),
        pytest.param(strange(ellipsis_mask=1), [("STRIDED_SLICE", "it has an ellipsis or a new axis")], id="an option"),
    ],
)
def test_refusals(graph: Graph, refused: list[tuple[str, str]]) -> None:
    found = OrtTarget().refusals(model_of(graph), graph)
    assert [(r.op, r.why) for r in found] == refused
    assert all(r.layer == "y" for r in found)


@pytest.fixture(scope="module")
def runtime_files() -> None:
    try:
        ort_runtime.runtime("wasm")
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")


def job_of(**options: object) -> Job:
    """A network of one dimension with its quantized form, and labels so noisy that int8 costs nothing."""
    graph = WHOLE_MODELS["time series"]()
    int8, rows, outputs = quantized("time series", "int8")
    ports = [
        tuple(Signature(f"{side}{i}", graph.tensors[t].shape) for i, t in enumerate(indices))
        for side, indices in (("x", graph.inputs), ("y", graph.outputs))
    ]
    model = Model("m", "tflite", Path("m.tflite"), "", graph, *ports)
    floats = Interpreter(write_tflite(graph)).run(rows)
    config = Config(targets=TargetsConfig(ort=OrtConfig(**options)))  # type: ignore[arg-type]
    labels = floats + 50 * np.ptp(floats) * np.random.default_rng(3).normal(size=floats.shape).astype(np.float32)
    evaluation = Dataset(rows, labels, (), "", Path("d.npz"))
    return Job(model, int8, config, floats, outputs=outputs, evaluation=evaluation)


@pytest.mark.usefixtures("runtime_files")
def test_two_builds_are_byte_identical_and_what_was_measured_decides() -> None:
    def times(_m: Model, _t: str, variants: Mapping[str, Built], rows: np.ndarray) -> Times:
        assert set(variants) == {QUANTIZED, FLOAT32} and len(rows) == ROWS
        return Times({QUANTIZED: 30.0, FLOAT32: 10.0}, "Chromium 1")

    slow = OrtTarget().build(replace(job_of(shard_bytes=1024), stopwatch=times))
    again = OrtTarget().build(replace(job_of(shard_bytes=1024), stopwatch=times))
    assert slow == again
    assert (slow.options["model"], slow.options["measured"], slow.parity) == (FLOAT32, "Chromium 1", "bound")
    assert slow.options["why"] == "the quantized model takes 3.00 times as long as the float32 model"
    assert slow.options["candidates"][QUANTIZED]["microseconds"] == 30.0
    unknown = OrtTarget().build(job_of(measure=False, shard_bytes=1024))
    assert (unknown.options["model"], unknown.parity) == (QUANTIZED, "near")
    assert unknown.options["measured"] == "not measured: targets.ort.measure is false"
    for built in (slow, unknown):
        names = [f.path for f in built.files if f.role == "shard"]
        assert len(names) > 1 and all(len(f.data) <= 1024 for f in built.files if f.role == "shard")
        model = next(f.data for f in built.files if f.role == "model")
        weights = b"".join(f.data for f in built.files if f.role == "shard")
        assert WEIGHTS.encode() in model and weights[:64] not in model
    assert set(slow.tools) == {"onnx", "onnxruntime", "onnxruntime-web"}


@pytest.mark.usefixtures("runtime_files")
def test_a_model_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError) as error:
        OrtTarget().build(job_of(model="quantized", backend="webgpu"))
    assert str(error.value) == (
        "m.tflite: targets.ort.model is 'quantized' and targets.ort.backend 'webgpu', and there is no such model; "
        "change them or leave ort out"
    )
    monkeypatch.setattr(ort.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotAvailable) as missing:
        OrtTarget().build(job_of())
    assert str(missing.value) == "the ort target needs the extra [onnx]: pip install 'edgekit[onnx]'"


@pytest.mark.usefixtures("runtime_files")
def test_a_build_of_ones_own(tmp_path: Path) -> None:
    stock = ort_runtime.runtime("wasm")
    api, glue, engine = stock.files
    with pytest.raises(InputError) as error:
        ort_runtime.runtime("wasm", str(tmp_path))
    assert str(error.value) == (
        f"{tmp_path / glue} cannot be read (No such file or directory); "
        f"give the folder with the {glue} that the build made"
    )
    (tmp_path / glue).write_text("export default 1")
    (tmp_path / engine).write_bytes(b"MZ")
    with pytest.raises(InputError) as error:
        ort_runtime.runtime("wasm", str(tmp_path))
    assert str(error.value) == (f"{tmp_path / engine} is not WebAssembly; give the folder of an onnxruntime-web build")
    (tmp_path / engine).write_bytes(b"\0asm-small")
    own = ort_runtime.runtime("wasm", str(tmp_path))
    assert (own.build, own.files[engine], own.files[api]) == ("custom", b"\0asm-small", stock.files[api])


def test_a_damaged_cache_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [b"one", b"two"]
    hashes = [npm_files._sha256(data) for data in files]
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    asked: list[int] = []

    def make() -> list[bytes]:
        asked.append(1)
        return files

    assert npm_files.kept("place", hashes, make) == npm_files.kept("place", hashes, make) == tuple(files)
    assert asked == [1]
    (tmp_path / "place" / hashes[1][:32]).write_bytes(b"evil")
    assert npm_files.kept("place", hashes, make) == tuple(files)
    assert asked == [1, 1]


def test_without_a_browser_nothing_is_measured_and_nothing_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing:
        def __enter__(self) -> None:
            raise NotAvailable("no Chromium was found")

        def __exit__(self, *_: object) -> None:
            raise AssertionError("never opened")

    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(stopwatch.chromium, "Browser", Missing)
    job = job_of()
    times = stopwatch.browser_times(job.model, "ort", {"a": Built((), "bound", 1.0)}, np.zeros((1, 1), np.float32))
    assert times == Times({}, "not measured: no Chromium was found")
    assert list(tmp_path.iterdir()) == []


def test_in_chromium_under_the_policy_of_hosting(ort_bundle: Bundle, browser: Browser) -> None:
    entry = ort_bundle.manifest.targets["ort"]
    assert RUNTIMES["ort"] == ("chromium",)
    report = verify(ort_bundle, runtimes=["chromium"])
    (check,) = [c for c in report.checks if c.target == "ort"]
    assert (check.status, check.rows, check.build) == ("pass", 64, "wasm"), check.detail
    candidates = entry.options["candidates"]
    assert set(candidates) == {QUANTIZED, FLOAT32}
    assert candidates[QUANTIZED]["bytes"] < candidates[FLOAT32]["bytes"]
    assert entry.options["measured"] == browser.name
    assert all(c["microseconds"] > 0 and abs(c["drop"]) < 0.01 for c in candidates.values())


#: Two models at once, predictions side by side, disposal; runs in the page, under its policy.
MANY = """
async (url) => {
  const { load } = await import('/bundle/runtime/edgekit.js');
  const [ort, wasm] = await Promise.all(['ort', 'wasm'].map((target) => load(url, { target })));
  const rows = Array.from({ length: 6 }, (_, i) => ort.manifest.features.map(({ range }) => range[0] + (range[1] - range[0]) * i / 8));
  const found = await Promise.all(rows.map((row) => ort.predictArray(Float32Array.from(row))));
  const expected = [];
  for (const row of rows) expected.push((await wasm.predictArray(Float32Array.from(row)))[0]);
  const again = await load(url, { target: 'ort' });
  const second = await again.predictArray(Float32Array.from(rows[2]));
  ort.dispose();
  const code = await ort.predict({}).catch((error) => error.code);
  return { found: found.map((y) => y[0]), expected, second: second[0], code, isolated: crossOriginIsolated };
}
"""


def test_predictions_side_by_side(ort_bundle: Bundle, browser: Browser) -> None:
    with opened(browser, Site(ort_bundle)) as demo:
        result = demo.page.evaluate(MANY, f"{demo.url}bundle/")
        assert result["isolated"]
        assert result["code"] == "disposed"
        assert result["second"] == result["found"][2]
        assert len(set(result["found"])) == 6
        np.testing.assert_allclose(result["found"], result["expected"], atol=10)
        demo.page.get_by_label("ONNX Runtime Web").check()
        demo.page.wait_for_selector("#engine:text-is('ONNX Runtime Web, wasm')")
        demo.ready()
        assert demo.tab.complaint() == ""


def test_ort_config(ort_bundle: Bundle, bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / "needs.config"
    done = CliRunner().invoke(command, [str(ort_bundle.root), "--out", str(file), "--json"])
    told = json.loads(done.output)
    lines = file.read_text().splitlines()
    assert lines[0].startswith("# For health_monitoring ") and lines[0].endswith("ONNX Runtime 1.30.0")
    used = {
        name.split("{")[0].strip() for line in lines[1:] for name in line.split(";")[2].split(",") if "[" not in name
    }
    assert "Sub" in " ".join(lines) and ("Gemm" in " ".join(used) or "QGemm" in " ".join(used))
    assert told["commands"][1].endswith(f"--include_ops_by_config {file}")
    with pytest.raises(InputError) as error:
        ort_config.ort_config(bundle, file)
    assert str(error.value) == "bundle: has no target ort; export it with --to ort"
