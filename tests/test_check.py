"""edgekit check: what each part says, what the whole report says, and when publish takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated import make_bundle
from run_project import make_project, model, rows

from edgekit import check_bench
from edgekit.bench.devices import Measured
from edgekit.bench.policy import SAME, UNKNOWN, WORSE, Finding, Verdict
from edgekit.check import Question, check, rows_for, signature
from edgekit.check_bench import FIRST, bench_checks, published_check
from edgekit.check_parts import (
    CANNOT_TELL,
    Answered,
    Check,
    FirstVisit,
    accuracy_check,
    budgets_check,
    slices_check,
    verify_check,
    with_optional,
)
from edgekit.check_report import Signed, signed_html, signed_markdown, write_signed
from edgekit.cli import main
from edgekit.config import BudgetConfig, Config, DataConfig, read_config
from edgekit.config_daily import GateConfig
from edgekit.data import Dataset
from edgekit.errors import InputError
from edgekit.export import Request, export
from edgekit.manifest import Manifest
from edgekit.progress import silent
from edgekit.publishing.gate import refusals, settings_of
from edgekit.store import Bundle, open_bundle
from edgekit.verify import FAIL, NOT_RUN, PASS, UNFIT, Report
from edgekit.verify import Check as Ran

CONFIG = Config(budgets=BudgetConfig(max_drop=0.01), gate=GateConfig(runtimes=("litert",)))
X = np.linspace(0, 1, 100, dtype=np.float32)[:, None]
NOISE = np.random.default_rng(0).normal(0, 1, (100, 1)).astype(np.float32)


def rows_with(floats: Any = None, outputs: Any = None, sha256: str = "abc") -> Answered:
    data = Dataset(X, X * 10 + NOISE, ("a",), sha256, Path("e.csv"))
    return Answered(data, X * 10 if outputs is None else outputs, floats)


def rmse(values: Any) -> float:
    return float(np.sqrt(np.mean((values.astype(np.float64) - (X * 10 + NOISE)) ** 2)))


RMSE = rmse(X * 10)
RECORD: Mapping[str, Any] = {
    "metric": "rmse", "drop": 0.004, "float_value": RMSE * 0.996, "quantized_value": RMSE,
    "slices": {"judged": 12, "worst": [{"name": "old", "low": 0.01}]},
}  # fmt: skip


def manifest_of(**changes: Any) -> Manifest:
    made = make_manifest()
    return replace(made, quantization={**RECORD, **changes}, provenance={"evaluation": {"sha256": "abc", "rows": 100}})


def make_manifest() -> Manifest:
    from fabricated import _MANIFEST  # noqa: PLC0415

    return _MANIFEST


@pytest.mark.parametrize(
    ("manifest", "answered", "status", "said"),
    [
        pytest.param(
            manifest_of(), rows_with(), PASS,
            "rmse lost 0.40% as recorded, the budget is 1.00%; the same rmse again on 100 rows",
            id="the rows of the record give its value again",
        ),
        pytest.param(
            manifest_of(), rows_with(outputs=X * 10 + 0.5), FAIL,
            f"rmse lost 0.40% as recorded, the budget is 1.00%; but rmse is {rmse(X * 10 + np.float32(0.5)):.6g} on the 100 rows of the "
            f"record, which says {RMSE:.6g}",
            id="a bundle that answers otherwise than it did",
        ),
        pytest.param(
            manifest_of(), rows_with(sha256="x"), NOT_RUN,
            "rmse lost 0.40% as recorded, the budget is 1.00%; not measured again: these are other rows than those of the "
            "record, and there is no float model; give --model",
            id="other rows and no float model",
        ),
        pytest.param(
            manifest_of(), rows_with(floats=X * 10, sha256="x"), PASS,
            "rmse lost 0.40% as recorded, the budget is 1.00%; 0.00% again on 100 rows",
            id="other rows and the float model",
        ),
        pytest.param(
            manifest_of(), rows_with(floats=X * 10, outputs=X * 12), FAIL,
            f"rmse lost 0.40% as recorded, the budget is 1.00%; {rmse(X * 12) / RMSE - 1:.2%} again on 100 rows",
            id="lost more than it says",
        ),
        pytest.param(
            manifest_of(drop=0.02), rows_with(), FAIL, "rmse lost 2.00% as recorded, the budget is 1.00%",
            id="a budget that became tighter",
        ),
        pytest.param(
            manifest_of(), "there are none", NOT_RUN,
            "rmse lost 0.40% as recorded, the budget is 1.00%; not measured again: there are none",
            id="no rows",
        ),
    ],
)  # fmt: skip
def test_accuracy(manifest: Manifest, answered: Any, status: str, said: str) -> None:
    found = accuracy_check(manifest, CONFIG, answered)
    assert (found.status, found.detail) == (status, said)


def test_accuracy_without_a_record() -> None:
    bare = replace(manifest_of(), quantization={})
    assert accuracy_check(bare, CONFIG, rows_with()).status == NOT_RUN
    assert slices_check(bare, CONFIG, rows_with()).status == NOT_RUN


@pytest.mark.parametrize(
    ("manifest", "answered", "status", "said"),
    [
        (manifest_of(), rows_with(), PASS, "12 slices as recorded, the budget of each is 5.00%; on these 100 rows"),
        (
            manifest_of(slices={"judged": 12, "worst": [{"name": "old", "low": 0.06}]}), rows_with(), FAIL,
            "the slice old lost at least 6.00% as recorded, the budget is 5.00%",
        ),
        (
            manifest_of(), rows_with(floats=X * 10, outputs=np.where(X > 0.75, X * 12, X * 10).astype(np.float32)), FAIL,
            "12 slices as recorded, the budget of each is 5.00%; the slice a, quarter 4 (0.75 to 1) loses at least ",
        ),
        (
            manifest_of(), "there are none", NOT_RUN,
            "12 slices as recorded, the budget of each is 5.00%; not measured again: there are none",
        ),
    ],
)  # fmt: skip
def test_slices(manifest: Manifest, answered: Any, status: str, said: str) -> None:
    found = slices_check(manifest, CONFIG, answered)
    assert found.status == status
    assert found.detail.startswith(said) if said.endswith("least ") else found.detail == said


@pytest.mark.parametrize(
    ("gate", "status", "required", "said"),
    [
        (GateConfig(max_first_load="20kB", max_requests=9), PASS, True, ""),
        (GateConfig(max_first_load="19kB"), FAIL, True, "; the budget is 19,000 bytes"),
        (GateConfig(max_requests=8), FAIL, True, "; the budget is 8 requests"),
        (GateConfig(max_first_load="1kB", max_requests=1), FAIL, True, "; the budget is 1,000 bytes and the budget is 1 requests"),
        (GateConfig(), NOT_RUN, False, "; [gate] has no budget for it"),
    ],
)  # fmt: skip
def test_budgets(gate: GateConfig, status: str, required: bool, said: str) -> None:
    found = budgets_check(gate, FirstVisit(20_000, 9), FirstVisit(18_000, 9))
    text = "a first visit is 20,000 bytes after gzip in 9 requests, the published bundle's 18,000 in 9"
    assert (found.status, found.required, found.detail) == (status, required, text + said)


@pytest.mark.parametrize(
    ("states", "status", "said"),
    [
        ((PASS, UNFIT), PASS, "1 pass, 1 unfit"),
        ((PASS, FAIL), FAIL, "1 pass, 1 fail; wasm simd in Node: row 3 is off"),
        ((NOT_RUN,), NOT_RUN, "1 not run"),
        ((), NOT_RUN, "there is nothing to run"),
    ],
)
def test_verify(states: tuple[str, ...], status: str, said: str) -> None:
    checks = tuple(Ran("wasm", "simd", "Node", s, 40, "row 3 is off") for s in states)
    found = verify_check(Report("id", "n", "1", checks))
    assert (found.status, found.detail) == (status, said)


def finding(measure: str, state: str) -> Finding:
    return Finding(
        measure, "ms", state, 1.1, 1.06, 1.2, 10.0, 11.0, 32, f"{measure} is 1.10 times the baseline's: {state}"
    )


@pytest.mark.parametrize(
    ("measured", "found"),
    [
        pytest.param(
            Measured("chromium:wasm", object(), Verdict(SAME, (finding("cold", SAME), finding("lcp budget", SAME)), {}, True, "same")),
            [("bench chromium:wasm", PASS), ("vitals chromium:wasm", PASS)], id="the same",
        ),
        pytest.param(
            Measured("chromium:wasm", object(), Verdict(WORSE, (finding("cold", WORSE), finding("lcp budget", SAME)), {}, True, "worse")),
            [("bench chromium:wasm", FAIL), ("vitals chromium:wasm", PASS)], id="a regression",
        ),
        pytest.param(
            Measured("chromium:wasm", object(), Verdict(WORSE, (finding("cold", SAME), finding("lcp budget", WORSE)), {}, True, "worse")),
            [("bench chromium:wasm", PASS), ("vitals chromium:wasm", FAIL)], id="a page that became slow",
        ),
        pytest.param(
            Measured("chromium:wasm", object(), Verdict(UNKNOWN, (), {}, False, "3 pairs cannot be judged")),
            [("bench chromium:wasm", CANNOT_TELL), ("vitals chromium:wasm", NOT_RUN)], id="too few pairs",
        ),
        pytest.param(Measured("node", not_run="there is no node"), [("bench node", NOT_RUN)], id="no device"),
        pytest.param(Measured("node", failed="it crashed"), [("bench node", FAIL)], id="a device that fails"),
    ],
)  # fmt: skip
def test_bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measured: Any, found: list[tuple[str, str]]) -> None:
    monkeypatch.setattr(check_bench, "on_devices", lambda *_: (measured,))
    bundle = make_bundle(tmp_path / "b")
    gate = GateConfig(bench=(measured.runner,), web_vitals=True)
    checks = bench_checks(bundle, bundle, Config(gate=gate), None, silent)
    assert [(c.name, c.status) for c in checks] == found


def test_bench_without_a_baseline(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    for gate, baseline, required, said in (
        (GateConfig(), FIRST, False, "[gate] bench names no runner"),
        (GateConfig(bench=("node",)), FIRST, False, FIRST),
        (
            GateConfig(bench=("node",)),
            "my-site cannot be reached from here",
            True,
            "my-site cannot be reached from here",
        ),
    ):
        (found,) = bench_checks(bundle, baseline, Config(gate=gate), None, silent)
        assert (found.status, found.required, found.detail) == (NOT_RUN, required, said)
    with pytest.raises(InputError, match="there is no runner 'phone'"):
        bench_checks(bundle, bundle, Config(gate=GateConfig(bench=("phone",))), None, silent)


@pytest.mark.parametrize(
    ("scale", "status"), [(1.0, PASS), (1.2, FAIL), (1.001, PASS)],
)  # fmt: skip
def test_against_the_published_bundle(tmp_path: Path, scale: float, status: str) -> None:
    bundle, data = make_bundle(tmp_path / "b"), rows_with().data
    answers = ((X * 10 * scale).astype(np.float32), X * 10)
    assert published_check((bundle, bundle), data, answers, CONFIG, GateConfig()).status == status


@pytest.mark.parametrize(
    ("checks", "code", "said"),
    [
        pytest.param([("a", PASS, True), ("b", NOT_RUN, False)], 0, "Passed: it may be published", id="green"),
        pytest.param([("a", PASS, True), ("b", NOT_RUN, True)], 3, "Open: b", id="something was not run"),
        pytest.param([("a", PASS, True), ("b", CANNOT_TELL, True)], 3, "Open: b", id="cannot tell"),
        pytest.param([("a", FAIL, True), ("b", NOT_RUN, True)], 1, "Failed: a", id="no is louder than open"),
        pytest.param([("a", PASS, True), ("b", FAIL, False)], 1, "Failed: b", id="an optional part may not fail"),
        pytest.param([("b", NOT_RUN, False)], 3, "Open: nothing was run", id="nothing was run"),
    ],
)
def test_the_whole(checks: list[tuple[str, str, bool]], code: int, said: str) -> None:
    signed = Signed("id", "n", "1", "s", "", tuple(Check(n, s, "because", r) for n, s, r in checks))
    assert (signed.exit_code, signed.ok, signed.verdict()) == (code, code == 0, said)
    for text in (signed_html(signed), signed_markdown(signed)):
        assert said in text


def test_optional_parts() -> None:
    checks = (Check("bench chromium", CANNOT_TELL, ""), Check("slices", NOT_RUN, ""), Check("verify", FAIL, ""))
    optional = with_optional(checks, GateConfig(optional=("bench", "verify")))
    assert [c.required for c in optional] == [False, True, False]


class TestGate:
    """What publish asks for."""

    def signed(self, bundle: Bundle, settings: str = "", status: str = PASS, **changes: Any) -> None:
        (bundle.root.parent / "b.report.json").write_text(json.dumps({"ok": True, "bundle_id": bundle.manifest.id}))
        report = Signed(bundle.manifest.id, "n", "1", settings, "", (Check("verify", status, ""),))
        page = write_signed(report, bundle)
        page.with_suffix(".json").write_text(json.dumps({**report.to_json(), **changes}))

    def test_without_a_gate_only_a_red_report_of_this_bundle_counts(self, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path / "b")
        self.signed(bundle)
        (tmp_path / "b.check.json").unlink()
        assert refusals(bundle) == []
        self.signed(bundle, status=FAIL)
        red = "b.check.json is not green: check said no to this bundle; see b.check.html"
        assert refusals(bundle) == [red]
        self.signed(bundle, status=FAIL, bundle_id="another")
        assert refusals(bundle) == []

    def test_with_a_gate_a_green_report_of_this_bundle_and_these_settings(self, tmp_path: Path) -> None:
        bundle = make_bundle(tmp_path / "b")
        settings = settings_of(CONFIG)
        again = f"run: edgekit check {bundle.root}"
        self.signed(bundle, settings)
        assert refusals(bundle, None, settings) == []
        self.signed(bundle, "other")
        assert refusals(bundle, None, settings) == [
            f"b.check.json was made with other settings than edgekit.toml has now; {again}"
        ]
        self.signed(bundle, settings, bundle_id="another")
        assert refusals(bundle, None, settings) == [
            f"b.check.json is about another bundle than {bundle.manifest.id[:16]}; {again}"
        ]
        self.signed(bundle, settings, status=CANNOT_TELL)
        assert refusals(bundle, None, settings) == [
            "b.check.json is not green: check said no to this bundle; see b.check.html"
        ]
        (tmp_path / "b.check.json").unlink()
        assert refusals(bundle, None, settings) == [f"there is no report of check at {tmp_path}/b.check.json; {again}"]

    def test_settings(self) -> None:
        assert settings_of(Config()) == ""
        moved = replace(CONFIG, data=DataConfig(evaluation="/a/e.npz"))
        assert settings_of(moved) == settings_of(replace(CONFIG, data=DataConfig(evaluation="e.npz")))
        assert settings_of(replace(CONFIG, version="2")) == settings_of(CONFIG)
        assert settings_of(replace(CONFIG, budgets=BudgetConfig(max_drop=0.5))) != settings_of(CONFIG)
        assert settings_of(replace(CONFIG, gate=GateConfig())) != settings_of(CONFIG)


def test_the_signature_reads_nothing_else_of_the_environment() -> None:
    environment = {"GITHUB_ACTOR": "octocat", "GITHUB_RUN_ID": "7", "EDGEKIT_WEBHOOK": "SECRET", "GITHUB_SHA": "c0ffee"}
    signed = signature(datetime(2026, 11, 21, tzinfo=timezone.utc), environment)
    assert {k: v for k, v in signed.items() if k != "versions"} == {
        "who": "octocat", "job": "7", "commit": "c0ffee", "when": "2026-11-21T00:00:00+00:00",
    }  # fmt: skip
    assert "SECRET" not in json.dumps(signed)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of tests/run_project.py with a bundle of it, and of another model."""
    folder = make_project(tmp_path_factory.mktemp("check") / "project")
    config = read_config(folder / "edgekit.toml")
    for name, seed in (("bundle", 1), ("other", 2)):
        (folder / "model.tflite").write_bytes(model(seed))
        export(Request(folder / "model.tflite", folder / "rows.csv", folder / name, ("tflite", "wasm")), config)
    (folder / "model.tflite").write_bytes(model(1))
    (folder / "held.csv").write_text(rows(7))
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["bundle", "--data", "rows.csv"], 0, "Passed: it may be published", id="the rows of the record"),
        pytest.param(["bundle"], 3, "Open: accuracy, slices", id="no rows"),
        pytest.param(["bundle", "--eval", "held.csv"], 3, "Open: accuracy, slices", id="other rows, no float model"),
        pytest.param(
            ["bundle", "--eval", "held.csv", "--model", "model.tflite", "--against", "other"], 0,
            "Passed: it may be published", id="other rows and the float model, better than what is published",
        ),
        pytest.param(
            ["other", "--data", "rows.csv", "--against", "bundle"], 1, "Failed: published", id="worse than the published one"
        ),
    ],
)  # fmt: skip
def test_the_command(
    made: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(made)
    monkeypatch.setenv("EDGEKIT_CACHE", str(made.parent / "cache"))
    site = [] if "--against" in arguments else ["--site", "local"]
    assert main(["check", *arguments, *site]) == code
    page = made / f"{arguments[0]}.check.html"
    assert capsys.readouterr().out.splitlines()[-1] == f"{said}; report: {page}"
    report = json.loads(page.with_suffix(".json").read_text())
    assert report["ok"] == (code == 0)
    assert report["settings"] == settings_of(read_config(made / "edgekit.toml"))
    assert str(made) not in page.with_suffix(".json").read_text()
    opened = open_bundle(made / arguments[0])
    assert (refusals(opened, None, report["settings"]) == []) == (code == 0)


def test_rows_and_question(made: Path) -> None:
    config = read_config(made / "edgekit.toml")
    bundle = open_bundle(made / "bundle")
    held = rows_for(bundle.manifest, made / "rows.csv", None, config)
    assert isinstance(held, Dataset)
    assert (held.sha256, held.rows) == (
        bundle.manifest.provenance["evaluation"]["sha256"], bundle.manifest.provenance["evaluation"]["rows"]
    )  # fmt: skip
    signed, verified = check(Question(bundle, rows=held, cache=made.parent / "cache"), config)
    assert (signed.ok, signed.baseline, verified.ok) == (True, "", True)
