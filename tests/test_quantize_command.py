"""edgekit quantize from end to end: the file, the account, the gates and the page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as tree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import Trained

from edgekit.audit import inspect_quality, slice_budget
from edgekit.cli import main
from edgekit.config import Config, RecipeConfig, read_config
from edgekit.formats.tflite_read import read_tflite
from edgekit.quantization.diagnosis import causes_of
from edgekit.quantize_model import Made, Request, quantize_model
from edgekit.slices import WORSE


@pytest.fixture(scope="module")
def made(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Made:
    request = Request(trained.model, trained.folder / "calibration.npz", tmp_path_factory.mktemp("q") / "m.tflite")
    return quantize_model(request, read_config(trained.config))


@pytest.fixture(scope="module")
def command(trained: Trained) -> list[str]:
    data = trained.folder / "calibration.npz"
    return ["quantize", str(trained.model), "--data", str(data), "--config", str(trained.config), "--out"]


def test_the_command_writes_the_model_and_its_report(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.tflite"
    assert main([*command, str(out), "--report", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert read_tflite(out).is_quantized
    assert said["recipe"] == "int8"
    assert said["slices"]["holds"] is True
    assert said["latency"].startswith("estimated from the multiply-adds at ")
    assert said["rungs"][0]["microseconds"] > 0
    page = tmp_path / "small.tflite.report.html"
    assert said["report"] == str(page)
    twin = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert {layer["name"] for layer in twin["audit"]["diagnosis"]["layers"]} > {"Identity/spread"}
    assert sorted(f.name for f in tmp_path.iterdir()) == [out.name, page.name, page.with_suffix(".json").name]


def test_a_budget_that_does_not_hold_is_exit_code_1(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.tflite"
    assert main([*command, str(out), "--mode", "int4-weights", "--max-drop", "0.0001%"]) == 1
    assert out.exists()
    said = capsys.readouterr()
    assert said.err.startswith(
        "edgekit: the accuracy budget of 0.00% does not hold: the best recipe, int4-weights, lost "
    )
    assert "int4 weights, computed in float32" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["m.h5"], "m.h5 must end in .tflite; that is what is written"),
        (["m.tflite", "--max-drop", "much"], "--max-drop is 'much'; write a share such as 0.005 or \"0.5%\""),
        (["m.tflite", "--to", "phone"], "there is no target 'phone'; the targets are tflite, tfjs, wasm, pyodide, ort"),
        (
            ["m.tflite", "--sparsity", "2"],
            "edgekit quantize: recipe: sparsity is 2; use a share from 0 to 0.99 such as 0.8",
        ),
    ],
)
def test_bad_options_are_one_sentence(
    command: list[str], options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *options]) == 2
    assert capsys.readouterr().err == f"edgekit: {message}\n"


def test_the_diagnosis_names_the_cause(made: Made) -> None:
    diagnosis = made.audit.diagnosis
    assert diagnosis is not None
    assert diagnosis.causes[0] == (
        "feature `total cholesterol` has 204x the range of `sex` and both share one scale: the normalization stays in "
        "float32 and each input column got a range of its own"
    )
    layers = {layer.name: layer for layer in diagnosis.layers if layer.kind == "FULLY_CONNECTED"}
    assert len(layers) == 3
    for layer in layers.values():
        assert 20 < layer.sqnr < 60
        assert 0.99 < layer.cosine <= 1
        assert 0 < layer.range_use <= 1
        assert layer.saturated < 0.01
        assert layer.alone is not None and layer.without is not None
        assert layer.alone < made.quantized.result.rms_difference * 3
    assert [i.name for i in diagnosis.inputs] == [f.name for f in made.rows.features]
    assert all(sum(i.counts) == made.rows.evaluation.rows for i in diagnosis.inputs)
    age = made.rows.evaluation.inputs[:, 0]
    seen = made.rows.calibration.inputs[:, 0]
    assert diagnosis.inputs[0].outside == int(((age < seen.min()) | (age > seen.max())).sum())


def test_a_coarse_answer_is_a_cause() -> None:
    assert causes_of((), own_error=10.0, step=2.0) == [
        "the answers come in steps of 2, 20% of the float model's own error"
    ]
    assert causes_of((), own_error=10.0, step=0.5) == []


def test_two_halves_of_the_rows_give_the_same_result(made: Made) -> None:
    stability = made.audit.stability
    assert stability is not None
    assert stability.stable
    assert stability.drops[0] != stability.drops[1]
    assert made.warnings == ()


def test_a_result_that_depends_on_the_rows_is_said(made: Made) -> None:
    strict = Config(budgets=Config().budgets.__class__(max_drop=1e-9))
    found = inspect_quality(made.model, made.rows, made.quantized, strict)
    assert found.warnings[0].startswith(
        "the result depends on the calibration rows: two halves without a row in common"
    )


def test_a_pruned_model_has_half_the_budget_for_slices() -> None:
    assert slice_budget(Config()) == 0.05
    assert slice_budget(Config(recipe=RecipeConfig(sparsity=0.5))) == 0.025


class Page(HTMLParser):
    """Collects what a page refers to, and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href") or tag in ("script", "link", "img"):
                self.references.append(f"{tag} {name}={value}")


def test_the_page_stands_alone(command: list[str], tmp_path: Path, made: Made) -> None:
    assert main([*command, str(tmp_path / "m.tflite"), "--report", "--json"]) == 0
    text = (tmp_path / "m.tflite.report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.references == []
    assert len(page.ids) == len(set(page.ids))
    drawn = [tree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    assert len(drawn) == 1 + 1 + 2 + len(made.rows.features)
    for svg in drawn:
        assert svg.attrib["role"] == "img"
        title, description = svg[0], svg[1]
        assert svg.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
        assert title.text and description.text
    scatter = drawn[0]
    assert len(scatter.findall("circle")) == made.rows.evaluation.rows
    assert "prefers-color-scheme: dark" in text
    assert [s.name for s in made.audit.slices if s.state == WORSE] == []
    assert np.isfinite(made.quantized.outputs).all()
