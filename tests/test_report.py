"""The report: what is on the page, that it needs nothing else, and where it may be written."""

from __future__ import annotations

import json
import xml.etree.ElementTree as tree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from fabricated import FLOAT, GOLDEN, ROWS, make_bundle

from edgekit import report as stage
from edgekit.errors import InputError
from edgekit.golden import Golden, encode
from edgekit.report import Size, report_html, sizes, write_report
from edgekit.report_parts import round_ticks
from edgekit.store import Bundle, open_bundle
from edgekit.verify import Check, Report

CHECKS = (
    Check("wasm", "simd", "Chromium 156", "pass", 40, "equal", max_error=0.5, rmse=0.25, differing=0),
    Check("wasm", "simd", "Node", "not run", 0, "Node is not installed"),
)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "b")


def report_of(bundle: Bundle, checks: tuple[Check, ...] = CHECKS) -> Report:
    return Report(bundle.manifest.id, bundle.manifest.name, bundle.manifest.version, checks)


class Page(HTMLParser):
    """Collects tables as rows of texts, and every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._texts: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("caption", "th", "td"):
            self._texts.append("")
        if tag == "tr":
            self._texts = []
        if tag == "table":
            self._rows = []

    def handle_data(self, data: str) -> None:
        if self._texts:
            self._texts[-1] += data.strip()

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption":
            self._rows = self.tables.setdefault(self._texts[-1], [])
        if tag == "tr":
            self._rows.append(self._texts)
            self._texts = []


def test_the_verdict_is_a_row_for_each_check(bundle: Bundle) -> None:
    page = Page(report_html(report_of(bundle), bundle))
    assert page.tables["Each target in its runtime; errors are against the float model"] == [
        ["Target", "Build", "Runtime", "Verdict", "Rows", "Largest error (points)", "RMSE (points)", "What was seen"],
        ["wasm", "simd", "Chromium 156", "pass", "40", "0.5", "0.25", "equal"],
        ["wasm", "simd", "Node", "not run", "0", "–", "–", "Node is not installed"],
    ]


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        (["pass", "pass"], "Passed: 2 passed, 0 failed, 0 not run"),
        (["pass", "not run"], "Passed: 1 passed, 0 failed, 1 not run"),
        (["pass", "fail"], "Failed: 1 passed, 1 failed, 0 not run"),
        (["not run", "not run"], "Nothing was run"),
    ],
)
def test_the_headline(bundle: Bundle, states: list[str], verdict: str) -> None:
    checks = tuple(Check("wasm", None, "r", state, 1, "") for state in states)
    assert f">{verdict}</p>" in report_html(report_of(bundle, checks), bundle)


def test_the_worst_rows_come_with_their_features(bundle: Bundle) -> None:
    page = Page(report_html(report_of(bundle), bundle))
    head, first, *rest = page.tables["The 10 rows with the largest differences, and their features"]
    assert head == [
        "Row",
        "progression (points), float",
        "progression (points), int8",
        "progression (points), difference",
        "age (years)",
        "blood <pressure> (mmHg)",
    ]
    worst = int(np.abs(GOLDEN.quantized - FLOAT).argmax())
    values = [FLOAT[worst, 0], GOLDEN.quantized[worst, 0], GOLDEN.quantized[worst, 0] - FLOAT[worst, 0], *ROWS[worst]]
    assert first == [str(worst), *(f"{v:.6g}" for v in values)]
    gaps = [abs(float(row[3])) for row in (first, *rest)]
    assert gaps == sorted(gaps, reverse=True) and len(gaps) == 10


def test_the_scatter_has_a_point_for_each_row_and_says_what_it_shows(bundle: Bundle) -> None:
    html = report_html(report_of(bundle), bundle)
    drawing = tree.fromstring(html[html.index("<svg") : html.index("</svg>") + len("</svg>")])
    points = drawing.findall("circle")
    assert len(points) == len(GOLDEN)
    assert all(80 <= float(p.attrib["cx"]) <= 460 and 20 <= float(p.attrib["cy"]) <= 400 for p in points)
    assert drawing.findtext("title") == "progression (points): float against int8"
    gap = np.abs(GOLDEN.quantized - FLOAT).max()
    assert drawing.findtext("desc") == (
        f"40 rows; the line marks equal answers; the largest difference is {gap:.6g} points"
    )
    assert [t.text for t in drawing.findall("text[@class='label']")] == [
        "progression (points), float model",
        "progression (points), int8 model",
    ]


def test_equal_answers_lie_on_the_line(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", golden=encode(Golden(ROWS, FLOAT, FLOAT)))
    html = report_html(report_of(bundle), bundle)
    drawing = tree.fromstring(html[html.index("<svg") : html.index("</svg>") + len("</svg>")])
    for point in drawing.findall("circle"):
        assert float(point.attrib["cx"]) - 80 == pytest.approx(400 - float(point.attrib["cy"]), abs=0.11)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        pytest.param(0, 10, [0, 2, 4, 6, 8, 10], id="round already"),
        pytest.param(-0.31, 0.94, [-0.5, 0, 0.5, 1], id="across zero"),
        pytest.param(25.2, 346, [0, 100, 200, 300, 400], id="hundreds"),
        pytest.param(7, 7, [6, 8], id="a constant still has an axis"),
        pytest.param(0, 0, [0, 0.2], id="all zero"),
        pytest.param(1e-9, 3e-9, [1e-9, 1.5e-9, 2e-9, 2.5e-9, 3e-9], id="tiny"),
    ],
)
def test_ticks_are_round_and_enclose_the_range(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_names_from_a_bundle_are_text_never_markup(bundle: Bundle) -> None:
    page = Page(report_html(report_of(bundle), bundle))
    assert not {"b", "pressure", "script"} & {tag for tag, _ in page.tags}


def test_the_page_needs_nothing_else(bundle: Bundle) -> None:
    page = Page(report_html(report_of(bundle), bundle))
    assert not [attrs for _, attrs in page.tags if {"src", "href", "srcset"} & attrs.keys()]
    assert "url(" not in report_html(report_of(bundle), bundle)


def test_equal_bundles_have_equal_reports(bundle: Bundle) -> None:
    assert report_html(report_of(bundle), bundle) == report_html(report_of(bundle), open_bundle(bundle.root))


def test_sizes_count_one_build_only(bundle: Bundle) -> None:
    runtime = len(bundle.read("runtime/edgekit.js"))
    wasm, tfjs = sizes(bundle)
    assert (wasm.target, wasm.files, wasm.raw) == ("wasm", 2, runtime + len(b"\0asmscalar"))
    assert (tfjs.target, tfjs.files, tfjs.raw) == ("tfjs", 1, runtime)


def test_sizes_with_brotli(bundle: Bundle) -> None:
    brotli = pytest.importorskip("brotli")
    tfjs = sizes(bundle)[1]
    assert tfjs.brotli == len(brotli.compress(bundle.read("runtime/edgekit.js")))


def test_sizes_without_brotli_are_shown_as_unknown(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "brotli", None)
    assert sizes(bundle)[1] == Size("tfjs", 1, len(bundle.read("runtime/edgekit.js")), None)
    page = Page(report_html(report_of(bundle), bundle))
    assert page.tables["What one client fetches beside manifest.json"][2][3] == "–"


def test_the_quantization_summary_is_shown_whole(bundle: Bundle) -> None:
    page = Page(report_html(report_of(bundle), bundle))
    assert page.tables["How the model was quantized"] == [["What", "Value"], ["recipe", "int8"], ["drop", "0.0012"]]
    assert page.tables["How the model was quantized: rungs"] == [["recipe", "bytes"], ["int8", "1,200"]]


def test_it_is_written_beside_the_bundle_with_a_twin_for_programs(bundle: Bundle) -> None:
    report = report_of(bundle)
    page, twin = write_report(report, bundle)
    assert (page, twin) == (bundle.root.with_name("b.report.html"), bundle.root.with_name("b.report.json"))
    assert page.read_text() == report_html(report, bundle)
    assert json.loads(twin.read_text()) == report.to_json()
    assert sorted(p.name for p in bundle.root.parent.iterdir()) == ["b", "b.report.html", "b.report.json"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        pytest.param("b/r.html", "r.html cannot lie inside the bundle {root}; choose a place beside it", id="inside"),
        pytest.param("r.txt", "r.txt must end in .html; its twin gets the ending .json", id="another ending"),
        pytest.param(
            "no/r.html",
            "cannot write {parent}/no/r.json: No such file or directory; choose another place",
            id="no folder",
        ),
    ],
)
def test_where_it_is_not_written(bundle: Bundle, out: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        write_report(report_of(bundle), bundle, bundle.root.parent / out)
    assert str(error.value) == message.format(root=bundle.root, parent=bundle.root.parent)
    assert [p.name for p in bundle.root.parent.iterdir()] == ["b"]
