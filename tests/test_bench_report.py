"""edgekit bench report: what the page, JUnit, Markdown and MLflow say, and that no name is read as markup."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from bench_runs import DEVICE, NEW, run, self_test

from edgekit.bench.ci import junit, markdown
from edgekit.bench.history import Entry, History
from edgekit.bench.page import page
from edgekit.bench.records import Answers, Pair, Run, Visit
from edgekit.bench.trend import change_points, latest, series
from edgekit.bench.verdict import judge
from edgekit.cli import main
from edgekit.runtimes.chromium import Browser
from edgekit.store import Bundle

HOSTILE = "a<script>alert(1)</script>\"'|`x`[l](javascript:0) https://e.example @team #1 $state\n## b\x1b[2J\x00\ud800 & www.e.example"


def entry(number: int, made: Run) -> Entry:
    return Entry(number, made, judge(made))


def runs(count: int = 14, step: int = 8) -> list[Entry]:
    """A run a day on one device; from `step` on the p50 is 1.2 times as long."""
    found = []
    for i in range(count):
        made = run(12, seed=10 * i, noise=0.02, p50=1.2 if i >= step else 1.0)
        subject = replace(NEW, bundle_id=f"{i:02}" * 32, version=f"1.{i}")
        found.append(
            entry(i + 1, replace(made, candidate=subject, started=f"2026-11-{i + 1:02}T10:00:00Z", commit=f"c{i}"))
        )
    return found


def with_values(made: Run, **values: float) -> Run:
    pairs = tuple(Pair(p.baseline, Visit({**p.candidate.values, **values}), p.first) for p in made.pairs)
    return replace(made, pairs=pairs)


RUNS = runs()
WORSE = entry(1, replace(with_values(run(p50=1.2), lcp=2600.0), candidate_answers=Answers(40, 2, "row 1")))
UNTOLD = entry(2, replace(run(), self_test=self_test(p50=1.3)))
REFUSED = entry(3, run(3))


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def level(seed: int, *parts: tuple[int, float]) -> list[float]:
    noise = rng(seed)
    return [value * float(np.exp(0.03 * noise.standard_normal())) for count, value in parts for _ in range(count)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (level(1, (30, 5.0)), []),
        (level(2, (12, 5.0), (12, 6.0)), [12]),
        (level(3, (20, 5.0), (3, 6.0)), [20]),  # three runs are enough
        (level(4, (10, 5.0), (10, 6.0), (10, 5.0)), [10, 20]),
        (level(5, (12, 5.0), (12, 5.1)), []),  # 2 % is not shown
        ([7.0] * 20, []),
        ([5.0] * 5, []),
        ([0.0] * 6 + [5.0] * 6, [6]),
    ],
)
def test_change_points(values: list[float], found: list[int]) -> None:
    assert [c.at for c in change_points(values)] == found


def test_few_series_without_a_change_have_one() -> None:
    alarms = sum(bool(change_points(level(seed, (25, 5.0)), 0.0)) for seed in range(200))
    assert alarms <= 8


def test_devices_are_never_mixed() -> None:
    other = replace(RUNS[0].run, device=replace(DEVICE, runtime="Chromium 157.0"))
    found = series([*RUNS, entry(99, other)])
    assert {(s.place, len(s.points)) for s in found} == {
        ("Chromium 156.0, chromium:wasm", 14),
        ("Chromium 157.0, chromium:wasm", 1),
    }
    assert [(s.measure.name, s.points[c.at].version) for s in found for c in s.changes] == [("p50", "1.8")]
    assert [e.id for e in latest([*RUNS, entry(99, other)])] == [14, 99]


class Text(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.ids = "", [], []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "said",
    [
        "1 worse, 1 cannot tell",
        "p50 is 1.20 times the baseline's (at least 1.18): worse",
        "answers changed: 2 of 40 golden rows are not what the bundle promises (row 1): worse",
        "lcp: 2600 ms at the 75th percentile, over the budget of 2500 ms: worse",
        "the self-test finds the baseline different from itself (p50 1.29 times its own)",
        "p50, us: 15 runs; 1.20 times as much from run 9 on (1.8 080808080808 commit c8)",
    ],
)
def test_the_page_says_what_was_found(said: str) -> None:
    other = replace(WORSE.run, device=replace(DEVICE, system="Android"))
    assert said in Text(page([*RUNS, UNTOLD, entry(50, other)])).text


def test_the_page_is_sound() -> None:
    parsed = Text(page([*RUNS, WORSE]))
    assert "script" not in parsed.tags
    assert len(parsed.ids) == len(set(parsed.ids))
    assert page(RUNS) == page(RUNS)


def hostile(number: int = 1) -> Entry:
    subject = replace(NEW, name=HOSTILE, version=HOSTILE)
    device = replace(DEVICE, runtime=HOSTILE, hints={HOSTILE: HOSTILE})
    made = replace(run(p50=1.3), candidate=subject, device=device, runner=HOSTILE, commit=HOSTILE, started=HOSTILE)
    return entry(number, replace(made, candidate_answers=Answers(4, 1, HOSTILE)))


def test_no_name_is_read_as_html() -> None:
    parsed = Text(page([hostile()]).encode("utf-8", "replace").decode())
    assert "script" not in parsed.tags
    assert parsed.text.count("<script>alert(1)</script>") > 5


def test_no_name_is_read_as_xml() -> None:
    tree = ElementTree.fromstring(junit([hostile()]))
    (suite,) = tree
    assert suite.attrib["name"].startswith("a<script>alert(1)</script>")
    assert "\\x1b[2J\\x00\\ud800" in suite.attrib["name"]
    assert {case.tag for case in suite} == {"testcase"}


def test_no_name_is_read_as_markdown() -> None:
    text = markdown([hostile()])
    lines = text.splitlines()
    assert sum(line.startswith("#") for line in lines) == 2  # ours
    rows = [line for line in lines if line.startswith("|")]
    assert {row.count("|") for row in rows} == {6}
    for mark in ("<", "`", "[", "]", "@", "://", "www."):
        assert mark not in text


def test_junit_counts() -> None:
    tree = ElementTree.fromstring(junit([WORSE, UNTOLD, REFUSED]))
    counts = [tuple(suite.attrib[k] for k in ("tests", "failures", "errors", "skipped")) for suite in tree]
    assert counts == [("8", "3", "0", "0"), ("6", "0", "0", "4"), ("1", "0", "0", "1")]
    assert [case.attrib["message"] for case in tree.iter("failure")] == [
        "p50 is 1.20 times the baseline's (at least 1.18): worse",
        "answers changed: 2 of 40 golden rows are not what the bundle promises (row 1): worse",
        "lcp: 2600 ms at the 75th percentile, over the budget of 2500 ms: worse",
    ]
    for suite in tree:
        assert len(suite.findall("testcase")) == int(suite.attrib["tests"])


def test_markdown_rows() -> None:
    text = markdown([WORSE])
    assert "| p50 | worse | 99.462 us | 119.45 us | 1.20 |" in text
    assert "| answers | worse |  | 2 |  |" in text


@pytest.fixture
def history(tmp_path: Path) -> Path:
    file = tmp_path / "history.sqlite"
    for one in RUNS:
        History(file).add(one.run, one.verdict)
    return file


def test_the_command(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, xml, text = (tmp_path / name for name in ("b.html", "j.xml", "m.md"))
    wanted = ["--history", str(history), "--out", str(out), "--junit", str(xml), "--markdown", str(text), "--json"]
    assert main(["bench", "report", *wanted]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["runs"], found["report"]) == (14, str(out))
    assert [c["run"] for c in found["changes"]] == [9]
    assert found["last"][0]["verdict"]["state"] == "worse"
    assert out.read_text() == page(RUNS)
    assert xml.read_text() == junit(RUNS[-1:])
    assert text.read_text() == markdown(RUNS[-1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda h: ["--history", str(h.parent / "no")], "there is no history at {}/no; `edgekit bench BUNDLE` writes one"),
        (lambda h: ["--history", str(h), "--name", "other"], "{}/history.sqlite has no run of name other; `edgekit bench BUNDLE` adds one"),
    ],
)  # fmt: skip
def test_the_command_refuses(
    options: Callable[[Path], list[str]], message: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "report", *options(history)]) == 2
    assert capsys.readouterr().err == f"edgekit: {message.format(history.parent)}\n"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_screen(width: int, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "bench.html").write_text(page([*RUNS, WORSE]), encoding="utf-8")
    with browser.page(None) as tab:
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.page.goto((tmp_path / "bench.html").as_uri())
        assert tab.page.evaluate("document.documentElement.scrollWidth") == width
        assert tab.complaints == []


def test_mlflow(history: Path, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """Into a real store in a folder: medians, ratios, the verdict, lineage; a second time nothing is logged twice."""
    mlflow = pytest.importorskip("mlflow", reason="not run: mlflow-skinny is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    made = replace(
        run(16, p50=1.3), candidate=replace(NEW, bundle_id=bundle.manifest.id), started="2026-12-01T10:00:00Z"
    )
    History(history).add(made, judge(made))
    uri = (tmp_path / "mlruns").as_uri()
    wanted = ["--history", str(history), "--out", str(tmp_path / "b.html"), "--limit", "3", "--mlflow", uri]
    wanted += ["--bundle", str(bundle.root), "--json"]
    for logged in (3, 0):
        assert main(["bench", "report", *wanted]) == 0
        assert json.loads(capsys.readouterr().out)["logged"] == logged
    client = mlflow.MlflowClient(tracking_uri=uri)
    place = client.get_experiment_by_name("edgekit/model").experiment_id
    found = client.search_runs([place], f"params.bundle = '{bundle.manifest.id}'")
    (one,) = found
    assert one.data.metrics["candidate/p50"] == pytest.approx(130, rel=0.1)
    assert one.data.metrics["ratio/p50"] == pytest.approx(1.3, rel=0.05)
    assert one.data.tags["edgekit.verdict"] == "worse"
    assert one.data.tags["lineage.source.sha256"] == bundle.manifest.provenance["source"]["sha256"]
    assert one.data.params["device"] == DEVICE.key
    artifact = client.download_artifacts(one.info.run_id, "manifest.json", str(tmp_path))
    assert Path(artifact).read_bytes() == bundle.read("manifest.json")


def test_mlflow_that_says_no(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """The password in the address is not shown."""
    pytest.importorskip("mlflow", reason="not run: mlflow-skinny is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    wanted = ["--history", str(history), "--out", str(tmp_path / "b.html"), "--mlflow", "http://me:secret@127.0.0.1:9"]
    assert main(["bench", "report", *wanted]) == 2
    said = capsys.readouterr().err
    assert said.startswith("edgekit: MLflow at http://127.0.0.1:9 said no: ")
    assert "secret" not in said
