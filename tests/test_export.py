"""The main job on the real example: what is exported, that it is the same every time, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from conftest import Trained
from keras_models import made

from edgekit.cli import main
from edgekit.config import Config, read_config
from edgekit.errors import InputError
from edgekit.export import Exported, Request, export
from edgekit.formats.tflite_read import read_tflite
from edgekit.formats.tflite_write import write_tflite
from edgekit.graph import GraphBuilder, Tensor
from edgekit.inspect_model import inspect
from edgekit.lowering.nearness import SPAN
from edgekit.runtimes.litert import Interpreter
from edgekit.store import Bundle, open_bundle
from edgekit.verify import Report, exit_code, verify


def test_the_example_keeps_its_accuracy(exported: Exported) -> None:
    result = exported.quantized.result
    assert exported.quantized.holds
    assert exported.quantized.recipe == "int8"
    assert result.metric == "rmse"
    assert result.drop <= 0.005
    assert result.upper <= 0.005


def test_the_bundle_says_what_it_is(bundle: Bundle, trained: Trained) -> None:
    manifest = bundle.manifest
    assert list(manifest.targets) == ["tflite", "tfjs", "wasm"]
    assert [manifest.targets[t].parity for t in manifest.targets] == ["exact", "bound", "exact"]
    assert [f.name for f in manifest.features][:3] == ["age", "sex", "body mass index"]
    assert manifest.features[2].unit == "kg/m²"
    assert [(r.name, r.unit) for r in manifest.results] == [("disease progression", "points")]
    assert manifest.provenance["source"]["file"] == "model.keras"
    assert {"edgekit", "tensorflow", "tensorflowjs", "ai-edge-litert"} <= set(manifest.provenance["tools"])
    text = (bundle.root / "manifest.json").read_text()
    assert str(trained.folder) not in text  # no path of this machine


def test_two_exports_are_byte_identical(exported: Exported, trained: Trained, tmp_path: Path) -> None:
    again = export(trained.request(tmp_path / "again"), read_config(trained.config)).bundle
    first = exported.bundle
    assert again.manifest == first.manifest
    for name in ["manifest.json", *(f.path for f in first.manifest.files())]:
        assert again.read(name) == first.read(name), name


@pytest.fixture(scope="module")
def report(bundle: Bundle, browser: object) -> Report:
    return verify(bundle)


def test_every_target_holds_in_its_real_runtime(report: Report) -> None:
    assert [(c.target, c.build, c.runtime.split()[0].lower()) for c in report.checks] == [
        ("tflite", None, "ai-edge-litert"),
        ("tfjs", None, "chromium"),
        ("wasm", "relaxed", "chromium"),
        ("wasm", "relaxed", "node"),
        ("wasm", "signed", "chromium"),
        ("wasm", "signed", "node"),
        ("wasm", "simd", "chromium"),
        ("wasm", "simd", "node"),
        ("wasm", "scalar", "chromium"),
        ("wasm", "scalar", "node"),
    ]
    assert {c.status for c in report.checks if c.build in (None, "simd", "scalar")} == {"pass"}
    assert {c.status for c in report.checks} <= {"pass", "unfit"}  # relaxed needs AVX-VNNI, or the like; signed ARM
    assert exit_code(report, "all") == 0
    assert all(c.differing == 0 for c in report.checks if c.target != "tfjs" and c.status == "pass")


def test_inputs_at_the_ends_of_their_ranges_do_not_saturate(report: Report) -> None:
    """The golden rows hold the corners; calibrated on the data alone, int8 was 116 points off there."""
    assert max(c.max_error for c in report.checks if c.target == "tflite") < 6


def test_near_operators_are_judged_by_their_bound(tmp_path: Path, browser: object) -> None:
    """EXP and LOG (softplus) stay in float32, where the engine is near the interpreter; an int16 layer follows."""
    done = export(Request(softplus(tmp_path), rows(tmp_path), tmp_path / "bundle", ("tflite", "wasm")), Config())
    target = done.bundle.manifest.targets["wasm"]
    assert done.bundle.manifest.targets["tflite"].parity == "exact"
    assert target.parity == "near"
    span = np.ptp(Interpreter(softplus(tmp_path).read_bytes()).run(np.load(rows(tmp_path))["x"]))
    assert target.bound is not None and SPAN["int16"] / 2 * span < target.bound <= SPAN["int16"] * span
    report = verify(done.bundle)
    assert exit_code(report, "all") == 0
    details = {c.detail for c in report.checks if c.target == "wasm" and c.status == "pass"}
    assert details == {f"within {target.bound:g} of the int8 model"}


def test_an_operator_without_a_kernel_is_refused_by_name(tmp_path: Path) -> None:
    model = softplus(tmp_path, fused="TANH")
    request = Request(model, rows(tmp_path), tmp_path / "bundle", ("tflite", "wasm"))
    with pytest.raises(InputError) as caught:
        export(request, Config())
    assert str(caught.value) == (
        "softplus.tflite: the target wasm cannot take ADD (layer p): its fused activation is TANH; "
        "take it with --to tflite,ort"
    )
    assert not (tmp_path / "bundle").exists()
    assert export(replace(request, targets=("tflite",)), Config()).bundle.manifest.targets.keys() == {"tflite"}


def test_tfjs_is_not_made_from_tflite(tmp_path: Path) -> None:
    request = Request(softplus(tmp_path), rows(tmp_path), tmp_path / "bundle", ("tfjs",))
    with pytest.raises(
        InputError, match=r"^softplus.tflite: the target tfjs cannot take model \(layer softplus\): TF.js "
    ):
        export(request, Config())


def test_a_tflite_file_goes_through_again(bundle: Bundle, trained: Trained, tmp_path: Path) -> None:
    """The bundle's own int8 .tflite as a source: taken as it is, exact in wasm too."""
    config = read_config(trained.config)
    data = trained.folder / "calibration.npz"
    request = Request(bundle.root / "tflite/model.tflite", data, tmp_path / "b", ("tflite", "wasm"))
    again = export(request, config)
    assert again.quantized.recipe == "given"
    assert again.bundle.read("tflite/model.tflite") == bundle.read("tflite/model.tflite")
    assert again.bundle.read("wasm/plan.bin") == bundle.read("wasm/plan.bin")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--to", "coreml"], "there is no target 'coreml'; the targets are tflite, tfjs, wasm, pyodide, ort", id="a target that does not exist"),
        pytest.param(["--to", ","], "no target is given; the targets are tflite, tfjs, wasm, pyodide, ort", id="no target"),
        pytest.param(["--data", "no.npz"], "no.npz: there is no such file; check the path of the data", id="no data"),
    ],
)  # fmt: skip
def test_export_says_what_is_wrong(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    softplus(tmp_path)
    rows(tmp_path)
    given = {"--data": "rows.npz", "--out": "bundle", "--to": "tflite"} | dict(zip(*[iter(arguments)] * 2, strict=True))
    code = main(["export", "softplus.tflite", *(word for pair in given.items() for word in pair)])
    assert (code, capsys.readouterr().err) == (2, f"edgekit: {message}\n")
    assert not (tmp_path / "bundle").exists()


def test_a_budget_that_does_not_hold_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "edgekit.toml").write_text('[budgets]\nmax_drop = "0.0000001%"\n[recipe]\nmode = "int8"\n')
    base = ["--data", str(rows(tmp_path)), "--config", str(tmp_path / "edgekit.toml"), "--to", "tflite", "--json"]
    code = main(["export", str(softplus(tmp_path)), "--out", str(tmp_path / "b"), "--zip", *base])
    answer = json.loads(capsys.readouterr().out)
    assert code == 1
    assert answer["quantization"]["holds"] is False
    assert open_bundle(tmp_path / "b").manifest.id == answer["id"]
    with ZipFile(tmp_path / "b.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert open_bundle(tmp_path / "unpacked").manifest.id == answer["id"]


def test_two_inputs_reach_every_target(tmp_path_factory: pytest.TempPathFactory, browser: object) -> None:
    folder = tmp_path_factory.mktemp("two")
    model = made(folder) / "car.keras"
    random = np.random.default_rng(0)
    arrays = {s.name: random.normal(size=(200, *s.shape[1:])).astype(np.float32) for s in inspect(model).inputs}
    np.savez(folder / "rows.npz", **arrays)
    done = export(Request(model, folder / "rows.npz", folder / "bundle"), Config())
    assert exit_code(verify(done.bundle), "all") == 0


def softplus(folder: Path, fused: str = "NONE") -> Path:
    """A float .tflite: 3 features, a layer of 4, softplus, a layer of 1."""
    random = np.random.default_rng(0)
    builder = GraphBuilder("softplus")

    def constant(*shape: int) -> int:
        return builder.tensor(Tensor("c", shape, "float32", None, random.normal(size=shape).astype(np.float32)))

    def value(name: str, *shape: int) -> int:
        return builder.tensor(Tensor(name, shape, "float32"))

    x, h, e, p, s, y = (value(n, 1, 3 if n == "x" else 1 if n == "y" else 4) for n in "xhepsy")
    builder.op("FULLY_CONNECTED", (x, constant(4, 3), constant(4)), (h,))
    builder.op("EXP", (h,), (e,))
    one = builder.tensor(Tensor("one", (1,), "float32", None, np.ones(1, np.float32)))
    builder.op("ADD", (e, one), (p,), fused_activation_function=fused)
    builder.op("LOG", (p,), (s,))
    builder.op("FULLY_CONNECTED", (s, constant(1, 4), constant(1)), (y,))
    path = folder / "softplus.tflite"
    path.write_bytes(write_tflite(builder.build((x,), (y,))))
    assert np.isfinite(Interpreter(write_tflite(read_tflite(path))).run(np.zeros((1, 3), np.float32))).all()
    return path


def rows(folder: Path) -> Path:
    path = folder / "rows.npz"
    np.savez(path, x=np.random.default_rng(1).normal(size=(100, 3)).astype(np.float32))
    return path
