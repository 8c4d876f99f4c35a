"""The examples: each trains on few rows, exports, and every target gives its bits; the gallery shows what is published."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from python_models import run_python, wheel_of

from edgekit import verify as verifying
from edgekit.cli import main
from edgekit.config import read_config
from edgekit.errors import InputError
from edgekit.export import Request, export
from edgekit.gallery import Shown, gallery, pages
from edgekit.manifest import places_of
from edgekit.publish import Way, publish
from edgekit.publishing.local_site import Hosted, LocalSite
from edgekit.publishing.planning import Wish
from edgekit.publishing.site import LIVE
from edgekit.runtimes.chromium import Browser
from edgekit.server import Server
from edgekit.store import Bundle
from edgekit.transforms import inverse

EXAMPLES = Path(__file__).parent.parent / "examples"
#: What each of them is there to show, as its bundle has it; health_monitoring is the fixture `bundle`.
SHOWS = [
    pytest.param("ev_efficiency", ("trip", "cycle"), "category", None, None, id="two inputs, a category"),
    pytest.param("renewable_energy", ("window",), "number", 24, None, id="a window of steps"),
    pytest.param("crypto_market_size", ("segment",), "number", None, "log10", id="a transform"),
]
#: Adds up what moves on a page.
SHIFTS = """
globalThis.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value; }))
  .observe({ type: 'layout-shift', buffered: true });
"""


@pytest.mark.parametrize("name", sorted(p.parent.name for p in EXAMPLES.glob("*/edgekit.toml")))
def test_every_example_has_the_same_shape(name: str) -> None:
    folder = EXAMPLES / name
    config = read_config(folder / "edgekit.toml")
    assert config.name == name and config.outputs and all(f.range or f.categories for f in config.features)
    assert len((folder / "README.md").read_text(encoding="utf-8").splitlines()) <= 50  # a screen
    assert (folder / "train.py").is_file()


@pytest.mark.parametrize(("name", "inputs", "kind", "steps", "transform"), SHOWS)
def test_an_example_trains_exports_and_is_exact(
    name: str, inputs: tuple[str, ...], kind: str, steps: int | None, transform: str | None, tmp_path: Path
) -> None:
    command = [sys.executable, str(EXAMPLES / name / "train.py"), str(tmp_path), "--quick"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line.split(":")[0] for line in said.splitlines()][-2:] == ["baselines", "trained"]
    (data,), (held,) = tmp_path.glob("calibration.*"), tmp_path.glob("evaluation.*")
    config = read_config(EXAMPLES / name / "edgekit.toml")
    made = export(
        Request(tmp_path / "model.keras", data, tmp_path / "bundle", ("tflite", "wasm", "pyodide"), held), config
    )
    manifest = made.bundle.manifest
    assert tuple(s.name for s in manifest.inputs) == inputs
    last = manifest.features[-1]
    assert (last.kind, last.steps, manifest.results[0].transform) == (kind, steps, transform)
    report = verifying.verify(made.bundle, ("litert", "node", "wasmtime"))
    assert {c.status for c in report.checks if c.runtime} <= {verifying.PASS, verifying.UNFIT, verifying.NOT_RUN}
    assert {c.target for c in report.checks if c.status == verifying.PASS} == {"tflite", "wasm", "pyodide"}
    the_python_package_speaks_the_users_units(made.bundle)
    assert made.made.warnings == () or "calibration rows are later" not in " ".join(made.made.warnings)


def the_python_package_speaks_the_users_units(bundle: Bundle) -> None:
    """Windows are lists, and a transform is undone, in CPython as in the page."""
    rows, manifest = verifying.read_golden(bundle), bundle.manifest
    some = [0, 1, 3, 4, 5]  # the third has the mean of a category, which nobody can give by name
    named = [
        {f.name: row[list(places)].tolist() if f.steps else float(row[places[0]]) for f, places in features}
        for row in rows.inputs[some]
        for features in [list(zip(manifest.features, places_of(manifest), strict=True))]
    ]
    package = manifest.targets["pyodide"].options["package"]
    code = f"import {package} as m; print(json.dumps([m.predict(row, out_of_range='allow') for row in given]))"
    found = run_python(code, [wheel_of(bundle), Path(wasmtime.__file__).parent.parent], given=named)
    (result,) = manifest.results
    expected = inverse(result.transform, rows.quantized[some, 0]).tolist()
    assert found == [{result.name: value} for value in expected]


@pytest.fixture(scope="module")
def site(bundle: Bundle, windows: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local site with two models and a gallery."""
    folder = tmp_path_factory.mktemp("gallery") / "hosting"
    for one in (bundle, windows):
        publish(LocalSite(folder), Wish(one), Way(check=False, cache=folder.parent / "cache"))
    assert gallery(folder).models == ("health_monitoring", "windows")
    return folder


@pytest.fixture
def page(site: Path, browser: Browser) -> Iterator[Any]:
    hosted = Hosted(LocalSite(site), LIVE)
    server = Server(hosted, settings=hosted.settings)
    with server, browser.page(server.url, viewport={"width": 390, "height": 844}) as tab:
        tab.page.add_init_script(SHIFTS)
        tab.page.goto(server.url)  # the root of the site leads to the gallery
        yield tab.page
        assert tab.complaint() == ""


def test_the_gallery_measures_every_model_here(page: Any) -> None:
    assert page.url.endswith("/gallery/")
    assert page.locator("h2 a").all_text_contents() == ["Health monitoring", "Windows"]
    for card in page.locator("[data-bundle]").all():
        assert card.locator(".latency").text_content() == "not measured"
        card.get_by_role("button").click()
        card.locator(".latency", has_text="s").filter(has_not_text="measur").wait_for()
    assert page.evaluate("shift") <= 0.1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_gallery_says_what_the_manifests_say(page: Any, bundle: Bundle) -> None:
    facts = page.locator("[data-bundle]").first.locator("dd").all_text_contents()
    q = bundle.manifest.quantization
    assert facts[0] == "disease progression (points)"
    assert facts[1] == "10 features"
    assert facts[4] == f"{q['quantized_value']:.4g} / {q['float_value']:.4g} points"
    assert facts[5] == "same bits as int8 TFLite"
    assert page.locator("[data-bundle]").last.locator("dd").all_text_contents()[1] == "2 features, windows of 4 steps"


def test_every_link_of_the_gallery_leads_somewhere(page: Any) -> None:
    links = page.eval_on_selector_all("a", "links => links.map((a) => a.href)")
    assert len(links) == 4 and len(set(links)) == 4
    assert [page.request.get(link).status for link in links] == [200] * 4


def test_a_second_gallery_of_the_same_is_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery", str(site)]) == 0
    said = f"nothing to do: 2 models, health_monitoring, windows; see them with: edgekit serve {site}\n"
    assert capsys.readouterr().out == said


def test_publishing_again_keeps_the_gallery(site: Path, bundle: Bundle, tmp_path: Path) -> None:
    publish(LocalSite(site), Wish(bundle), Way(check=False, cache=tmp_path))
    assert "/gallery/index.html" in Hosted(LocalSite(site), LIVE)


def test_a_gallery_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        gallery(tmp_path)
    assert str(caught.value) == f"{tmp_path} is not a local site; make one with: edgekit publish BUNDLE --site local"


def test_names_and_units_are_text_and_nothing_else(windows: Bundle) -> None:

    nasty = replace(windows.manifest, version='<img src=x onerror="1">')
    html = pages([Shown(nasty, "<script>", 1, 2, None)])["/gallery/index.html"].decode()
    assert "<img src=x" not in html and '<p class="muted about">&lt;script&gt;</p>' in html
