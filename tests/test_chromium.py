"""Bundles run in a real Chromium and in Node: answers, and everything that can go wrong there."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fabricated import GOLDEN, ROWS, make_bundle

from edgekit.errors import NotAvailable
from edgekit.runtimes import chromium, node
from edgekit.runtimes.chromium import Browser

READY = "export const load = async () => ({ build: 'simd', async warmUp() {}, "


def test_every_row_is_answered_in_float32(browser: Browser, tmp_path: Path) -> None:
    answer = chromium.run(browser, make_bundle(tmp_path / "b"), ROWS, "wasm", "scalar")
    assert answer.outputs is not None, answer.error
    assert answer.outputs.tobytes() == GOLDEN.quantized.tobytes()
    assert (answer.target, answer.build, answer.error, answer.not_run) == ("wasm", "scalar", "", "")
    assert answer.runtime.startswith("Chromium ") and answer.seconds is not None


def test_rows_go_in_chunks_and_come_back_in_order(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium, "_CHUNK_BYTES", 56)  # seven rows
    answer = chromium.run(browser, make_bundle(tmp_path / "b"), ROWS, "wasm", "simd")
    assert answer.outputs is not None and answer.outputs.tobytes() == GOLDEN.quantized.tobytes()


def test_numbers_that_json_has_not_survive(browser: Browser, tmp_path: Path) -> None:
    runtime = READY + "async predictArray() { return Float32Array.of(NaN, Infinity, -0, 1e-45); } });"
    answer = chromium.run(browser, make_bundle(tmp_path / "b", runtime), ROWS[:2], "wasm", "simd")
    assert answer.outputs is not None, answer.error
    expected = np.array([[np.nan, np.inf, -0.0, 1e-45]] * 2, np.float32)
    np.testing.assert_array_equal(answer.outputs, expected)
    assert np.signbit(answer.outputs[0, 2])


@pytest.mark.parametrize(
    ("runtime", "build", "message"),
    [
        pytest.param(
            "export const load = async () => { throw new Error('manifest.json is not there'); };",
            "simd",
            "manifest.json is not there",
            id="the runtime's own sentence",
        ),
        pytest.param(
            READY + "async predictArray() { throw new Error('row refused'); } });",
            "simd",
            "row refused",
            id="a row fails",
        ),
        pytest.param(
            READY + "async predictArray() { return new Float32Array(1); } });",
            "scalar",
            "the build scalar was asked for, simd ran",
            id="another build than asked for proves nothing",
        ),
        pytest.param(
            READY + "async predictArray([a]) { return new Float32Array(a > 0 ? 1 : 2); } });",
            "simd",
            "the rows have answers of different lengths",
            id="no table",
        ),
        pytest.param(
            "console.error('half  \\n broken');" + READY + "async predictArray() { return new Float32Array(1); } });",
            "simd",
            "the page complained: half broken",
            id="an error on the console is a failure",
        ),
        pytest.param(
            READY + "async predictArray() { try { eval('1'); } catch (e) { throw new Error(e.name); } } });",
            "simd",
            "EvalError",
            id="text is not made code",
        ),
        pytest.param("export const load = 1 +;", "simd", "Unexpected token ';'", id="not JavaScript"),
    ],
)
def test_what_goes_wrong_in_the_page_is_the_error(
    browser: Browser, tmp_path: Path, runtime: str, build: str, message: str
) -> None:
    answer = chromium.run(browser, make_bundle(tmp_path / "b", runtime), ROWS, "wasm", build)
    assert answer.outputs is None
    assert answer.error == message


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        pytest.param("await fetch('https://example.com/x').catch(() => 0);", "https://example.com/x", id="fetch"),
        pytest.param("new WebSocket('ws://127.0.0.1:9/');", "ws://127.0.0.1:9/", id="a socket to another port"),
        pytest.param(
            "document.body.append(Object.assign(new Image(), { src: 'http://localhost:9/x.png' }));",
            "x.png",
            id="a picture",
        ),
    ],
)
def test_what_the_policy_forbids_is_the_error(browser: Browser, tmp_path: Path, statement: str, part: str) -> None:
    body = f"{statement} await new Promise((r) => setTimeout(r, 50)); return new Float32Array(1);"
    runtime = f"{READY} async predictArray() {{ {body} }} }});"
    answer = chromium.run(browser, make_bundle(tmp_path / "b", runtime), ROWS[:1], "wasm", "simd")
    assert answer.outputs is None
    assert answer.error.startswith("the page complained: ") and part in answer.error


def test_a_page_that_leaves_its_origin_is_stopped(browser: Browser, tmp_path: Path) -> None:
    # No policy forbids to navigate; the browser's driver does.
    browser.timeout, before = 2.0, browser.timeout
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/?stolen"
        runtime = f"{READY} async predictArray() {{ location.href = '{url}'; return new Promise(() => 0); }} }});"
        try:
            answer = chromium.run(browser, make_bundle(tmp_path / "b", runtime), ROWS[:1], "wasm", "simd")
        finally:
            browser.timeout = before
        assert _heard(elsewhere) == b""
    assert answer.error == f"no answer within 2 s (the page asked for {url}, which is not its own)"


def _heard(listener: socket.socket) -> bytes:
    """Return what was sent to a socket; a browser may connect in advance, but says nothing."""
    listener.setblocking(False)
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return b""
    with connection:
        connection.settimeout(1)
        try:
            return connection.recv(100)
        except TimeoutError:
            return b""


@pytest.mark.parametrize("wait", ["for (;;);", "return new Promise(() => 0);"])
def test_a_page_that_never_answers_ends(tmp_path: Path, browser: Browser, wait: str) -> None:
    runtime = f"{READY} async predictArray() {{ {wait} }} }});"
    browser.timeout, before = 1.5, browser.timeout
    try:
        answer = chromium.run(browser, make_bundle(tmp_path / "b", runtime), ROWS, "wasm", "simd")
    finally:
        browser.timeout = before
    assert answer.error == "no answer within 1.5 s"


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_the_browser_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable) as error:
        chromium.find()
    assert str(error.value) == (
        "no Chromium was found; install it (apt-get install chromium) or set $EDGEKIT_CHROME to the browser's path"
    )
    program(tmp_path, "google-chrome", "")
    assert chromium.find() == tmp_path / "google-chrome"
    program(tmp_path, "chromium", "")
    assert chromium.find() == tmp_path / "chromium"
    program(tmp_path, "mine", "")
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "mine"))
    assert chromium.find() == tmp_path / "mine"
    monkeypatch.setenv(chromium.VARIABLE, "/nowhere/chrome")
    with pytest.raises(NotAvailable) as error:
        chromium.find()
    assert str(error.value) == "$EDGEKIT_CHROME names /nowhere/chrome, which cannot be run; correct or unset it"


def test_without_playwright_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "sync_playwright", None)
    with pytest.raises(NotAvailable) as error, Browser():
        pass
    assert str(error.value) == "running a bundle in a browser needs the extra [browser]: pip install 'edgekit[browser]'"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param("""echo '{"outputs": [[1], [2]], "build": "simd", "runtime": "node v1"}'""", "", id="answers"),
        pytest.param(
            """echo '{"outputs": [[1], [2]], "build": "scalar"}'""",
            "the build simd was asked for, scalar ran",
            id="another build",
        ),
        pytest.param(
            """echo '{"outputs": [[1]], "build": "simd"}'""",
            "node did not answer with a number table of 2 rows",
            id="a row is missing",
        ),
        pytest.param(
            """echo '{"outputs": [[1], [2, 3]], "build": "simd"}'""",
            "node did not answer with a number table of 2 rows",
            id="ragged",
        ),
        pytest.param(
            """echo '{"outputs": [["a"], [1]], "build": "simd"}'""",
            "node did not answer with a number table of 2 rows",
            id="text",
        ),
        pytest.param("echo '[]'", "node answered with something that is not a JSON object", id="a list"),
        pytest.param("echo oops", "node answered with something that is not a JSON object", id="not JSON"),
        pytest.param("echo 'plan.bin is broken' >&2; exit 1", "plan.bin is broken", id="its own sentence"),
        pytest.param("exit 7", "exit code 7", id="silent"),
        pytest.param("exec /bin/sleep 5", "no answer within 1 s", id="hangs"),
    ],
)
def test_what_node_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, error: str) -> None:
    program(tmp_path, "node", script)
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = node.run(make_bundle(tmp_path / "b"), ROWS[:2], "simd", timeout=1)
    assert answer.error == error
    if not error:
        assert answer.outputs is not None
        assert (answer.runtime, answer.outputs.tolist()) == ("node v1", [[1.0], [2.0]])


def test_without_node_it_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    answer = node.run(make_bundle(tmp_path / "b"), ROWS, "simd")
    assert answer.not_run == "Node is not installed; install it (apt-get install nodejs)"


def test_a_browser_that_does_not_start_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "broken", "exit 1")
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "broken"))
    with ThreadPoolExecutor(1) as thread:  # this thread may have a browser already
        error = thread.submit(_start).result()
    assert error.startswith(f"{tmp_path}/broken did not start; set $EDGEKIT_CHROME to another browser: ")
    assert "\n" not in error


def _start() -> str:
    with pytest.raises(NotAvailable) as error, Browser():
        pass
    return str(error.value)
