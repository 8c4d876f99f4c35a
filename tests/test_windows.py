"""Windows of time and transforms, from edgekit.toml to the page: one feature for each series, values in the user's unit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import npz, put
from demo_page import Demo, Site, opened

from edgekit.config import CardConfig, Config, DataConfig, FeatureConfig, OutputConfig, read_config
from edgekit.data import load_data
from edgekit.errors import InputError
from edgekit.features import features_of, series_of
from edgekit.init import starter
from edgekit.manifest import Output, Signature, decode, encode, places_of, seal
from edgekit.model_card import model_card
from edgekit.quantize_model import Request, quantize_model
from edgekit.rows import split_by_time
from edgekit.runtimes.chromium import Browser
from edgekit.runtimes.litert import Interpreter
from edgekit.slices import columns_of
from edgekit.store import Bundle
from edgekit.transforms import inverse

WINDOW = (Signature("window", (1, 3, 2)),)
TWO = Config(
    features=(FeatureConfig("a", steps=3), FeatureConfig("b", name="second", range=(0.0, 90.0), steps=3)),
    data=DataConfig(time="time"),
)
X = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
TIME = np.array(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"])


def test_rows_of_windows(tmp_path: Path) -> None:
    data = load_data(put(tmp_path, "d.npz", npz(x=X, time=TIME)), TWO, WINDOW, 1)
    assert data.names == ("a [1]", "second [1]", "a [2]", "second [2]", "a [3]", "second [3]")
    columns = columns_of(data, TWO)
    assert [columns[name].tolist() for name in ("a", "b", "second", "a [1]")] == [
        [4, 10, 16, 22],
        [5, 11, 17, 23],
        [5, 11, 17, 23],
        [0, 6, 12, 18],
    ]  # a condition on a series speaks of its newest step
    early, late = split_by_time(data, "time")
    assert (early.rows, late.rows, late.inputs[0, 0]) == (3, 1, 18)


def test_a_series_is_one_feature_of_the_manifest(tmp_path: Path) -> None:
    data = load_data(put(tmp_path, "d.npz", npz(x=X)), replace(TWO, data=DataConfig()), WINDOW, 1)
    joined, newest = series_of(features_of(data, TWO, WINDOW), TWO, WINDOW)
    assert newest == (4, 5)
    a, b = X[..., 0].astype(np.float64), X[..., 1].astype(np.float64)
    assert [(f.name, f.index, f.steps, f.range) for f in joined] == [("a", 0, 3, (0, 22)), ("second", 1, 3, (0, 90))]
    assert [f.mean for f in joined] == pytest.approx([a.mean(), b.mean()])
    assert [f.std for f in joined] == pytest.approx([a.std(), b.std()])


def test_init_writes_a_feature_for_each_series(tmp_path: Path) -> None:
    data = load_data(put(tmp_path, "d.npz", npz(x=X)), Config(), WINDOW, 1)
    (tmp_path / "edgekit.toml").write_text(starter("w", WINDOW, data))
    config = read_config(tmp_path / "edgekit.toml")
    found = [(f.column, f.range, f.steps, f.kind) for f in config.features]
    assert found == [("window_0", (0, 22), 3, "integer"), ("window_1", (1, 23), 3, "integer")]
    assert [f.steps for f in features_in(starter("w", WINDOW, None), tmp_path)] == [3, 3]


def features_in(text: str, folder: Path) -> tuple[FeatureConfig, ...]:
    (folder / "edgekit.toml").write_text(text)
    return read_config(folder / "edgekit.toml").features


SHAPE = "; a window is [steps, features]"
REFUSED = [
    pytest.param(
        "d.csv", b"a,b,y\n1,2,3\n", TWO, "{file}: a table has no windows of steps; give an .npz file with x of the shape "
        "[rows, 3, 2]", id="a table",
    ),
    pytest.param(
        "d.npz", npz(x=X, time=TIME[:3]), TWO, "{file}: time has the shape [3] and holds text; "
        "give 4 numbers or texts, one for each row", id="a time for too few rows",
    ),
    pytest.param(
        "d.npz", npz(x=X), Config(features=(FeatureConfig("a", steps=3), FeatureConfig("b", steps=2))),
        "edgekit.toml gives features of the input window different steps; give all of them the same", id="steps differ",
    ),
    pytest.param(
        "d.npz", npz(x=X), Config(features=(FeatureConfig("a", steps=3),)),
        "edgekit.toml describes 1 features of 3 steps for the input window, but it takes 6 numbers" + SHAPE,
        id="a channel is missing",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raw", "config", "message"), REFUSED)
def test_windows_that_are_refused(tmp_path: Path, name: str, raw: bytes, config: Config, message: str) -> None:
    file = put(tmp_path, name, raw)
    with pytest.raises(InputError) as caught:
        load_data(file, config, WINDOW, 1)
    assert str(caught.value) == message.format(file=file)


def test_the_manifest_says_both_and_old_ones_stay(windows: Bundle, twenty: Bundle) -> None:
    manifest = windows.manifest
    assert manifest.schema_version == 2
    assert places_of(manifest) == [(0, 2, 4, 6), (1, 3, 5, 7)]
    assert [(r.unit, r.transform, r.own_unit) for r in manifest.results] == [
        ("bn USD", "log10", "log10 bn USD"),
        ("%", None, "%"),
    ]
    old = json.loads(encode(twenty.manifest))
    assert old["schema_version"] == 1
    assert all("steps" not in f for f in old["features"]) and all("transform" not in r for r in old["results"])


def test_golden_rows_stay_as_the_model_answers(windows: Bundle) -> None:
    golden = json.loads(windows.read("golden.json"))
    rows = np.array(golden["inputs"], np.float32)
    answers = Interpreter(windows.read("tflite/model.tflite")).run(rows)
    assert np.array(golden["quantized"], np.float32).tolist() == answers.tolist()


def test_the_card_says_what_figures_are_in(windows: Bundle) -> None:
    one = replace(windows.manifest, results=(Output("size", "bn USD", "log10"),))
    one = replace(one, quantization={**one.quantization, "rms_difference": 0.01})

    text = model_card(one, CardConfig())
    assert (
        "The model answers size in log10 bn USD, as all figures here are; clients give it in bn USD. "
        "There the RMS difference above is a factor of 1.0233." in text
    )
    assert "| wind speed | m/s | 0 to 30, 4 steps |" in text


CHANGES = [
    pytest.param(
        lambda m: replace(m, results=(replace(m.results[0], transform="sqrt"), m.results[1])),
        "manifest.json has the unknown transform 'sqrt'; refusing the bundle", id="a transform nobody knows",
    ),
    pytest.param(
        lambda m: replace(m, features=(m.features[0], replace(m.features[1], steps=3))),
        "manifest.json has features that do not fill the inputs; refusing the bundle", id="a step is missing",
    ),
    pytest.param(
        lambda m: replace(m, features=(m.features[0], replace(m.features[1], input="x"))),
        "manifest.json puts a feature in a place that no input has; refusing the bundle", id="an input nobody has",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_manifests_that_are_refused(windows: Bundle, change: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(encode(seal(change(windows.manifest))))
    assert str(caught.value) == message


def test_labels_in_the_users_unit_are_noticed(windows: Bundle, tmp_path: Path) -> None:
    """Labels for a model that answers in log10 were given as they are: a figure about nothing, so there is a warning."""
    model, data = tmp_path / "model.tflite", tmp_path / "rows.npz"
    model.write_bytes(windows.read("tflite/model.tflite"))
    rows = np.random.default_rng(1).uniform(0, 20, (64, 8)).astype(np.float32)
    answers = Interpreter(model.read_bytes()).run(rows)
    undone = np.stack([inverse("log10", answers[:, 0]), answers[:, 1]], axis=1)
    config = Config(outputs=(OutputConfig("size", "bn USD", transform="log10"), OutputConfig("growth")))
    said = []
    for labels in (answers, undone):
        np.savez(data, x=rows, y=labels)
        said.append(quantize_model(Request(model, data, tmp_path / "out.tflite"), config).warnings)
    warning = (
        "the labels of size look as if they were in bn USD; give them as the model was trained on them, in log10 bn USD"
    )
    assert warning not in said[0] and warning in said[1]


@pytest.fixture
def demo(browser: Browser, windows: Bundle) -> Iterator[Demo]:
    with opened(browser, Site(windows), viewport={"width": 390, "height": 844}) as page:
        page.page.wait_for_function("() => document.querySelector('#examples').selectedIndex === 1")
        page.settle()
        yield page


def says(bundle: Bundle, row: Any) -> list[float]:
    raw = Interpreter(bundle.read("tflite/model.tflite")).run(np.array([row], np.float32))[0]
    return [float(inverse("log10", raw[:1])[0]), float(raw[1])]


def shown(demo: Demo) -> list[float]:
    demo.settle()
    return [float(v) for v in demo.page.locator("#results data").evaluate_all("d => d.map((e) => e.value)")]


def test_the_page_starts_from_an_example_and_takes_pasted_numbers(demo: Demo, windows: Bundle) -> None:
    rows = json.loads(windows.read("golden.json"))["inputs"]
    assert shown(demo) == says(windows, rows[-8])
    demo.page.select_option("#examples", "3")
    demo.page.wait_for_timeout(100)
    assert shown(demo) == says(windows, rows[-6])
    for i, text in enumerate(("3.5, 4.5 12\n7.25", "0 3 19 20")):
        field = demo.page.locator(".series").nth(i)
        field.locator("summary").click()
        field.locator("textarea").fill(text)
    assert shown(demo) == says(windows, [3.5, 0, 4.5, 3, 12, 19, 7.25, 20])
    assert demo.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_says_what_is_wrong_with_a_series(demo: Demo) -> None:
    field = demo.page.locator(".series").nth(0)
    field.locator("summary").click()
    field.locator("textarea").fill("1 2 3")
    demo.settle()
    assert demo.page.locator("#note").text_content() == "Correct wind speed"
    assert field.locator("textarea").get_attribute("aria-invalid") == "true"
    field.locator("textarea").fill("1 2 3 4")
    demo.settle()
    assert demo.page.locator("#note").text_content() == ""


def test_a_slider_moves_all_steps_within_the_range(demo: Demo, windows: Bundle) -> None:
    field = demo.page.locator(".series").nth(0)
    before = json.loads(windows.read("golden.json"))["inputs"][-8]
    field.locator("input[type=range]").evaluate(
        "(e) => { e.value = 4; e.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    moved = [min(max(np.float64(v) + 4, 0), 30) if i % 2 == 0 else v for i, v in enumerate(before)]
    assert shown(demo) == says(windows, moved)
