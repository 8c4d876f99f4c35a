"""What verify runs, how it judges an answer, and which exit code follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricated import FLOAT, GOLDEN, ROWS, RUNTIME, make_bundle

from edgekit import verify as stage
from edgekit.errors import InputError, NotAvailable
from edgekit.golden import Golden, encode
from edgekit.manifest import TargetEntry, seal
from edgekit.runtimes.answer import Answer
from edgekit.store import Bundle, entry, write_bundle
from edgekit.verify import Check, Job, Report, exit_code, judge, plan, verify

EXACT, BOUND = TargetEntry((), "exact"), TargetEntry((), "bound", 0.5)
NEAR = TargetEntry((), "near", 2.0**-10)


def at(place: tuple[int, int], value: float, table: np.ndarray = GOLDEN.quantized) -> np.ndarray:
    changed = table.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("entry", "outputs", "status", "detail"),
    [
        pytest.param(EXACT, GOLDEN.quantized, "pass", "equal to the int8 model bit for bit", id="equal"),
        pytest.param(
            EXACT,
            at((5, 0), np.nextafter(GOLDEN.quantized[5, 0], np.float32(99))),
            "fail",
            "1 of 40 rows are not equal to the int8 model; row 5 answers "
            f"{np.nextafter(GOLDEN.quantized[5, 0], np.float32(99))} instead of {GOLDEN.quantized[5, 0]}",
            id="the smallest difference there is",
        ),
        pytest.param(
            EXACT,
            at((7, 0), np.nan),
            "fail",
            f"1 of 40 rows are not equal to the int8 model; row 7 answers nan instead of {GOLDEN.quantized[7, 0]}",
            id="not a number is not equal",
        ),
        pytest.param(
            EXACT,
            np.zeros((39, 1), np.float32),
            "fail",
            "the answer is a table of 39 x 1 numbers, expected were 40 x 1",
            id="a row is missing",
        ),
        pytest.param(NEAR, GOLDEN.quantized, "pass", "within 0.000976562 of the int8 model", id="near, and equal"),
        pytest.param(
            NEAR,
            at((5, 0), GOLDEN.quantized[5, 0] + np.float32(2.0**-9)),
            "fail",
            "row 5 misses the int8 model by "
            f"{float(GOLDEN.quantized[5, 0] + np.float32(2.0**-9)) - float(GOLDEN.quantized[5, 0]):g}; "
            "the bound is 0.000976562",
            id="not near the int8 model, whatever the float model says",
        ),
        pytest.param(BOUND, FLOAT, "pass", "within 0.5 of the float model", id="within"),
        pytest.param(BOUND, FLOAT + np.float32(0.25), "pass", "within 0.5 of the float model", id="beside, but within"),
        pytest.param(
            BOUND,
            at((9, 0), FLOAT[9, 0] + 2, FLOAT),
            "fail",
            "row 9 misses the float model by 2; the bound is 0.5",
            id="one row beyond",
        ),
        pytest.param(
            BOUND,
            at((3, 0), np.inf, FLOAT),
            "fail",
            "row 3 misses the float model without a finite number; the bound is 0.5",
            id="infinite",
        ),
        pytest.param(
            BOUND,
            at((3, 0), np.nan, FLOAT),
            "fail",
            "row 3 misses the float model without a finite number; the bound is 0.5",
            id="not a number is within no bound",
        ),
    ],
)
def test_the_verdict_on_an_answer(entry: TargetEntry, outputs: np.ndarray, status: str, detail: str) -> None:
    check = judge(Answer("wasm", "simd", "Chromium 1", outputs), entry, GOLDEN)
    assert (check.status, check.detail) == (status, detail)


def test_zero_with_another_sign_is_another_answer() -> None:
    zeros = np.zeros((32, 1), np.float32)
    golden = Golden(zeros, zeros, zeros)
    assert judge(Answer("wasm", None, "r", -zeros), EXACT, golden).status == "fail"
    assert judge(Answer("wasm", None, "r", zeros), EXACT, golden).status == "pass"


def test_errors_are_against_the_float_model() -> None:
    check = judge(Answer("tfjs", None, "Chromium 1", at((4, 0), FLOAT[4, 0] + 1, FLOAT)), BOUND, GOLDEN)
    assert check.max_error == pytest.approx(1)
    assert check.rmse == pytest.approx(np.sqrt(1 / 40))
    assert check.worst_row == 4


def test_what_did_not_run_and_what_broke_keep_their_sentence() -> None:
    unfit = judge(Answer("wasm", "relaxed", "Node", unfit="other values here"), EXACT, GOLDEN)
    assert (unfit.status, unfit.rows, unfit.detail) == ("unfit", 0, "other values here")
    missing = judge(Answer("wasm", None, "Node", not_run="Node is not installed"), EXACT, GOLDEN)
    broken = judge(Answer("wasm", None, "Node", error="plan.bin is broken"), EXACT, GOLDEN)
    assert (missing.status, missing.rows, missing.detail) == ("not run", 0, "Node is not installed")
    assert (broken.status, broken.detail) == ("fail", "plan.bin is broken")


@pytest.mark.parametrize(
    ("found", "require", "code"),
    [
        pytest.param(["pass", "pass"], "none", 0, id="all is well"),
        pytest.param(["pass", "pass"], "all", 0, id="all is well and all was wanted"),
        pytest.param(["pass", "not run"], "none", 0, id="what is missing here is shown, not punished"),
        pytest.param(["pass", "not run"], "all", 3, id="but it is where all is wanted"),
        pytest.param(["pass", "unfit"], "all", 0, id="no device like this one would choose that build"),
        pytest.param(["not run", "not run"], "none", 3, id="nothing was proven"),
        pytest.param([], "none", 3, id="an empty bundle proves nothing"),
        pytest.param(["pass", "fail"], "none", 1, id="one failure"),
        pytest.param(["fail", "not run"], "all", 1, id="a failure counts more than what is missing"),
    ],
)
def test_the_exit_code(found: list[str], require: str, code: int) -> None:
    checks = tuple(Check("t", None, "r", status, 1, "") for status in found)
    assert exit_code(Report("id", "n", "1", checks), require) == code


def test_the_plan_has_every_build_in_every_runtime(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", files={"tflite": b"x", "abacus": b"x"})
    assert set(plan(bundle.manifest)) == {
        Job("tflite", None, "litert"),
        Job("wasm", "simd", "chromium"),
        Job("wasm", "simd", "node"),
        Job("wasm", "scalar", "chromium"),
        Job("wasm", "scalar", "node"),
        Job("tfjs", None, "chromium"),
        Job("abacus", None, ""),
    }


def statuses(report: Report) -> dict[tuple[str, str | None, str], tuple[str, str]]:
    return {(c.target, c.build, c.runtime.split(" ")[0]): (c.status, c.detail) for c in report.checks}


def test_a_bundle_in_chromium(tmp_path: Path, browser: object) -> None:
    report = verify(make_bundle(tmp_path / "b"), runtimes=["chromium"])
    equal = ("pass", "equal to the int8 model bit for bit")
    assert statuses(report) == {
        ("wasm", "simd", "Chromium"): equal,
        ("wasm", "simd", "Node"): ("not run", "not chosen for this run"),
        ("wasm", "scalar", "Chromium"): equal,
        ("wasm", "scalar", "Node"): ("not run", "not chosen for this run"),
        ("tfjs", None, "Chromium"): ("pass", "within 0.02 of the float model"),
    }
    assert report.ok and exit_code(report) == 0 and exit_code(report, "all") == 3


def test_a_wrong_bundle_in_chromium_fails(tmp_path: Path, browser: object) -> None:
    bundle = make_bundle(tmp_path / "b", RUNTIME.replace("Math.floor(y)", "Math.floor(y) + (b > 2.9)"))
    report = verify(bundle, runtimes=["chromium"])
    wrong = int((ROWS[:, 1] > 2.9).sum())
    assert wrong
    status, detail = statuses(report)["wasm", "simd", "Chromium"]
    assert status == "fail" and detail.startswith(f"{wrong} of 40 rows are not equal to the int8 model; row ")
    assert not report.ok and exit_code(report) == 1


def test_without_a_browser_the_rest_still_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Missing:
        def __enter__(self) -> None:
            started.append(1)
            raise NotAvailable("no Chromium was found")

        def __exit__(self, *_: object) -> None:
            raise AssertionError("never opened")

    def answer(_bundle: Bundle, _rows: np.ndarray, build: str | None) -> Answer:
        return Answer("wasm", build, "node v1", GOLDEN.quantized)

    monkeypatch.setattr(stage.chromium, "Browser", Missing)
    monkeypatch.setattr(stage.node, "run", answer)
    report = verify(make_bundle(tmp_path / "b"))
    found = statuses(report)
    assert found["tfjs", None, "Chromium"] == ("not run", "no Chromium was found")
    assert found["wasm", "scalar", "Chromium"] == ("not run", "no Chromium was found")
    assert found["wasm", "scalar", "node"][0] == "pass"
    assert started == [1]
    assert exit_code(report) == 0 and exit_code(report, "all") == 3


def test_a_target_nobody_knows_is_shown_as_not_run(tmp_path: Path) -> None:
    report = verify(make_bundle(tmp_path / "b", files={"abacus": b"x"}), runtimes=[])
    assert statuses(report)["abacus", None, "-"] == ("not run", "this edgekit knows no runtime for the target abacus")


def test_a_model_that_is_none_fails_with_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    report = verify(make_bundle(tmp_path / "b", files={"tflite": b"not a model"}), runtimes=["litert"])
    status, detail = statuses(report)["tflite", None, "TFLite"]
    assert status == "fail" and detail.startswith("the TFLite interpreter does not take this model: ")


@pytest.mark.parametrize(
    ("golden", "message"),
    [
        pytest.param(
            replace(GOLDEN, inputs=np.hstack([ROWS, ROWS])),
            "golden.json: the rows of inputs have 4 numbers, the manifest says 2; export the bundle again",
            id="inputs",
        ),
        pytest.param(
            replace(GOLDEN, float=ROWS, quantized=ROWS),
            "golden.json: the rows of float have 2 numbers, the manifest says 1; export the bundle again",
            id="outputs",
        ),
    ],
)
def test_golden_rows_of_another_model_are_refused(tmp_path: Path, golden: Golden, message: str) -> None:
    with pytest.raises(InputError) as error:
        verify(make_bundle(tmp_path / "b", golden=encode(golden)))
    assert str(error.value) == message


def test_progress_names_each_check(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    verify(make_bundle(tmp_path / "b"), runtimes=[], progress=lambda *step: told.append(step))
    assert told[0] == ("verifying wasm simd in chromium", 0, 5)
    assert told[-1] == ("verifying", 5, 5)


def test_json_leaves_out_what_is_not_known() -> None:
    report = Report("id", "n", "1", (Check("wasm", None, "Node", "not run", 0, "why"),))
    assert report.to_json() == {
        "ok": False,
        "bundle_id": "id",
        "name": "n",
        "version": "1",
        "checks": [{"target": "wasm", "runtime": "Node", "status": "not run", "rows": 0, "detail": "why"}],
    }


def test_a_runtime_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        verify(make_bundle(tmp_path / "b"), runtimes=["chrome"])
    assert str(error.value) == "there is no runtime 'chrome'; choose from litert, chromium, node, wasmtime"


def test_a_real_bundle_passes_everywhere(bundle: Bundle, browser: object) -> None:
    report = verify(bundle)
    assert {c.status for c in report.checks} <= {"pass", "unfit"}, [c.detail for c in report.checks]
    assert {c.build for c in report.checks if c.status == "unfit"} <= {
        "relaxed",
        "signed",
    }  # where the processor is another
    assert {(c.target, c.build) for c in report.checks} == {
        ("tflite", None),
        ("tfjs", None),
        ("wasm", "relaxed"),
        ("wasm", "signed"),
        ("wasm", "simd"),
        ("wasm", "scalar"),
    }
    assert all(c.max_error is not None and c.seconds != 0 for c in report.checks if c.status == "pass")
    assert exit_code(report, "all") == 0


def test_a_spoiled_weight_is_found_in_every_runtime(bundle: Bundle, browser: object, tmp_path: Path) -> None:
    # A bundle whose hashes are right, but whose shard is not that of its model.
    wasm, old = bundle.manifest.targets["wasm"], {p.path: bundle.read(p.path) for p in bundle.manifest.files()}
    shard = next(f for f in wasm.files if f.role == "shard")
    spoiled = bytes(255 - b for b in old[shard.path])
    files = tuple(entry(f.path, spoiled, f.role, first_step=f.first_step) if f == shard else f for f in wasm.files)
    targets = {**bundle.manifest.targets, "wasm": replace(wasm, files=files)}
    manifest = seal(replace(bundle.manifest, targets=targets))
    report = verify(write_bundle(tmp_path / "spoiled", manifest, {**old, shard.path: spoiled}))
    found = {(c.target, c.status) for c in report.checks if c.status != "unfit"}
    assert found == {("tflite", "pass"), ("tfjs", "pass"), ("wasm", "fail")}
    assert exit_code(report) == 1
