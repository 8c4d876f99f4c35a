"""The wheel in Pyodide, in Chromium and in Node; and the Python console of the demo page."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import python_models
from python_models import wheel_of

from edgekit import pyodide_runtime
from edgekit.assets import asset
from edgekit.cli import main
from edgekit.errors import InputError, NotAvailable
from edgekit.python_console import python_console
from edgekit.runtimes import node
from edgekit.runtimes.answer import Answer
from edgekit.runtimes.chromium import Browser, Tab
from edgekit.runtimes.python_package import in_chromium, in_node, in_wasmtime
from edgekit.server import Server, site
from edgekit.store import Bundle
from edgekit.verify import judge, read_golden


@pytest.fixture(scope="module", autouse=True)
def pyodide() -> Path:
    try:
        return pyodide_runtime.folder()
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")


@pytest.fixture(scope="module", autouse=True)
def patience(browser: Browser) -> Iterator[None]:
    """Python takes seconds to start, and more on a busy machine."""
    usual, browser.timeout = browser.timeout, 60
    yield
    browser.timeout = usual


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return python_models.pyodide_bundle(tmp_path_factory.mktemp("sharded") / "bundle", "shards")


def verdict(answer: Answer, bundle: Bundle) -> tuple[str, str]:
    check = judge(answer, bundle.manifest.targets["pyodide"], read_golden(bundle))
    return check.status, check.detail


PASS = ("pass", "equal to the int8 model bit for bit")


def test_golden_rows_in_chromium(pyodide_bundle: Bundle, browser: Browser) -> None:
    """Under the strict policy that hosting sends."""
    answer = in_chromium(browser, pyodide_bundle, read_golden(pyodide_bundle).inputs)
    assert verdict(answer, pyodide_bundle) == PASS
    assert answer.runtime == f"Pyodide {pyodide_runtime.VERSION}, {browser.name}"


def test_golden_rows_in_node(pyodide_bundle: Bundle) -> None:
    answer = in_node(pyodide_bundle, read_golden(pyodide_bundle).inputs)
    if answer.not_run == node.MISSING:
        pytest.skip(f"not run: {answer.not_run}")
    assert verdict(answer, pyodide_bundle) == PASS


def copied(bundle: Bundle, folder: Path) -> Bundle:
    """A bundle that nobody looks at before it is used."""
    shutil.copytree(bundle.root, folder)
    return Bundle(folder, bundle.manifest)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_changed_wheel_is_not_loaded(pyodide_bundle: Bundle, browser: Browser, tmp_path: Path) -> None:
    """The lock file holds its sha256, and the browser compares."""
    bundle = copied(pyodide_bundle, tmp_path / "bundle")
    flip(wheel_of(bundle))
    answer = in_chromium(browser, bundle, read_golden(bundle).inputs)
    assert answer.outputs is None
    assert "integrity" in answer.error


def test_a_changed_shard_is_not_used(sharded: Bundle, tmp_path: Path) -> None:
    bundle = copied(sharded, tmp_path / "bundle")
    shard = next(f.path for f in bundle.manifest.targets["pyodide"].files if f.role == "shard")
    flip(bundle.root / shard)
    answer = in_wasmtime(bundle, read_golden(bundle).inputs)
    name = shard.rpartition("/")[2]
    said = f"Error: {name} is not what model.json says (sha256); install or publish the wheel again"
    assert (answer.outputs, answer.error) == (None, said)


WORKER = """
import { loadPyodide } from './pyodide/pyodide.mjs';
self.onmessage = async ({ data: { folder, row } }) => {
  const python = await loadPyodide({ lockFileURL: `${folder}pyodide-lock.json`, packageBaseUrl: folder });
  await python.loadPackage('car-range', { messageCallback() {} });
  self.postMessage(python.runPython(`
import car_range, json
car_range.load_now("${folder}")
json.dumps(car_range.predict_array(json.loads('${JSON.stringify(row)}')))`));
};
"""
PAGE = """
const worker = new Worker('worker.js', { type: 'module' });
worker.onmessage = ({ data }) => { document.querySelector('output').textContent = data; };
worker.onerror = ({ message }) => { document.querySelector('output').textContent = message; };
fetch('row.json').then((reply) => reply.json()).then((row) => {
  worker.postMessage({ row, folder: new URL('bundle/pyodide/', document.baseURI).href });
});
"""


def test_a_worker_fetches_shards_without_waiting(sharded: Bundle, browser: Browser, tmp_path: Path) -> None:
    golden = read_golden(sharded)
    row = json.dumps(golden.inputs[5].astype(float).tolist())
    html = "<!doctype html><link rel=icon href=data:,><output></output><script type=module src=page.js></script>"
    made = {"worker.js": WORKER, "page.js": PAGE, "row.json": row, "page.html": html}
    for name, text in made.items():
        (tmp_path / name).write_text(text)
    files = site(sharded) | pyodide_runtime.urls() | {f"/{name}": tmp_path / name for name in made}
    with Server(files) as server, browser.page(server.url) as tab:
        tab.page.goto(f"{server.url}page.html")
        tab.page.wait_for_selector("output:not(:empty)")
        answer = json.loads(tab.page.inner_text("output"))
        assert tab.complaints == []
    assert np.array(answer, np.float32).tobytes() == golden.quantized[5].tobytes()


@contextmanager
def console(bundle: Bundle, browser: Browser) -> Iterator[Tab]:
    with Server(site(bundle) | python_console(bundle)) as server, browser.page(server.url) as tab:
        tab.page.goto(f"{server.url}python.html")
        tab.page.wait_for_selector("html[data-state=ready], html[data-state=failed]")
        yield tab


def test_the_console_answers_from_the_keyboard(sharded: Bundle, browser: Browser) -> None:
    """Its model fetches its weights when the page opens."""
    with console(sharded, browser) as tab:
        page = tab.page
        assert page.inner_text("#status") == "Ready"
        assert page.inner_text("h1") == "Car.range 1.0.0-rc.1 in Python"
        typical = page.input_value("#code")

        def enter(text: str) -> list[str]:
            before = page.locator("#log pre").count()
            page.keyboard.type(text)
            page.keyboard.press("Enter")
            page.wait_for_selector("html[data-state=ready]")
            return page.locator("#log pre").all_inner_texts()[before:]

        assert page.evaluate_handle("document.activeElement").get_attribute("id") == "code"
        shown, answer = enter("")
        assert shown == f">>> {typical}"
        assert set(json.loads(answer.replace("'", '"'))) == {"consumption", "range"}
        assert enter("x = 3") == [">>> x = 3"]
        assert enter("print(x); x + 1") == [">>> print(x); x + 1", "3", "4"]
        assert enter("car_range.predict(speed=-1)")[1] == (
            'car_range.features.InputError: "speed" is -1 km/h, outside the range 0 to 180 km/h'
        )
        assert enter("await car_range.load()") == [">>> await car_range.load()"]
        page.keyboard.press("Alt+ArrowUp")
        page.keyboard.press("Alt+ArrowUp")
        assert page.input_value("#code") == "car_range.predict(speed=-1)"
        unnamed = page.locator("textarea, button, [role=log]").evaluate_all(
            "all => all.filter((e) => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length"
        )
        assert unnamed == 0
        assert tab.complaints == []


def test_the_console_wants_a_python_package(bundles: Callable[[str], Bundle]) -> None:
    bundle = bundles("no Python")
    with pytest.raises(InputError) as error:
        python_console(bundle)
    assert str(error.value) == (
        f"the bundle {bundle.root} has no Python package; export it with --to wasm,tfjs,extra,pyodide"
    )


def test_pyodide_itself_is_pinned(pyodide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file in the cache is fetched again; where it cannot be, that is said."""
    for name, sha256 in pyodide_runtime.FILES.items():
        assert hashlib.sha256((pyodide / name).read_bytes()).hexdigest() == sha256
    kept = tmp_path / f"pyodide-{pyodide_runtime.VERSION}"
    shutil.copytree(pyodide, kept)
    flip(kept / "python_stdlib.zip")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable) as error:
        pyodide_runtime.folder()
    assert str(error.value) == ("the pyodide target needs npm to fetch Pyodide once; install npm, or leave pyodide out")


def test_every_page_of_the_console_is_there() -> None:
    assert {f.name for f in asset("templates/console").iterdir()} == {
        "open_python.js",
        "python.css",
        "python.html",
        "python.js",
    }


def test_serve_with_python_sends_every_file(pyodide_bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    """Pyodide's files among them, with a length and a type each."""
    assert main(["serve", str(pyodide_bundle.root), "--python", "--port", "0", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["url"].startswith("http://127.0.0.1:")
    assert python_console(pyodide_bundle).keys() > {"/python.html", "/pyodide/pyodide.asm.wasm"}
