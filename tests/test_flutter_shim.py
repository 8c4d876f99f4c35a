"""The JavaScript of edgekit_flutter in a real Chromium, at the addresses that a Flutter web build gives its assets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dart import TEMPLATE

from edgekit import golden
from edgekit.dart.schema import schema_of
from edgekit.flutter import ClientRequest, client_files
from edgekit.runtimes.chromium import Browser, Tab
from edgekit.server import Server, site
from edgekit.store import Bundle

SHIM = "packages/edgekit_flutter/assets/edgekit_shim.js"
#: The page's side of the calls; Dart's side is lib/src/web_runtime.dart.
CALLS = """
const shim = await import('/assets/packages/edgekit_flutter/assets/edgekit_shim.js');
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
globalThis.openAndRun = async ({ runtime, bundle, target, manifest, rows, width }) => {
  const model = await shim.open(new URL(runtime, location).href, new URL(bundle, location).href, target, bytes(manifest));
  const flat = new Float32Array(bytes(rows).buffer);
  const answers = [];
  for (let at = 0; at < flat.length; at += width) answers.push(...(await model.run(flat.subarray(at, at + width))));
  model.close();
  const failed = await model.run(flat.subarray(0, width)).then(() => '', (error) => error.message);
  return { answers: btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(answers).buffer))), failed };
};
globalThis.shim = shim;
document.body.append(Object.assign(document.createElement('output'), { textContent: 'ready' }));
"""


@pytest.fixture(scope="module")
def package(bundle: Bundle) -> str:
    return schema_of(bundle.manifest).package


@pytest.fixture
def tab(bundle: Bundle, package: str, browser: Browser, tmp_path: Path) -> Iterator[tuple[Tab, Server]]:
    """A page that has the client's assets, and a newer version of the model hosted beside it."""
    files = site(bundle)
    for path, data in client_files(bundle, ClientRequest(tmp_path / "out")).items():
        if "/assets/" in path:
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            files[f"/assets/{path}"] = file
    (tmp_path / "page.html").write_text("<script type=module src=calls.js></script>")
    (tmp_path / "calls.js").write_text(CALLS)
    files |= {f"/{name}": tmp_path / name for name in ("page.html", "calls.js")}
    with Server(files) as server, browser.page(server.url) as opened:
        opened.page.goto(f"{server.url}page.html")
        opened.page.wait_for_selector("output")
        yield opened, server


def work(model: Bundle, package: str, **changes: Any) -> dict[str, Any]:
    rows = golden.decode(model.read("golden.json")).inputs
    return {
        "runtime": f"/assets/packages/{package}/assets/bundle/runtime/edgekit.js",
        "bundle": f"/assets/packages/{package}/assets/bundle/",
        "target": "wasm",
        "manifest": base64.b64encode(model.read("manifest.json")).decode(),
        "rows": base64.b64encode(rows.tobytes()).decode(),
        "width": rows.shape[1],
    } | changes


def answers(result: dict[str, str]) -> bytes:
    return base64.b64decode(result["answers"])


def test_the_model_in_the_app_answers_exactly(bundle: Bundle, package: str, tab: tuple[Tab, Server]) -> None:
    result = tab[0].page.evaluate("(work) => openAndRun(work)", work(bundle, package))
    assert answers(result) == golden.decode(bundle.read("golden.json")).quantized.tobytes()
    assert result["failed"] == f'the model "{bundle.manifest.name}" was disposed; load it again'
    assert tab[0].complaints == []


def test_a_hosted_version_runs_with_the_scripts_of_the_app(
    bundle: Bundle, package: str, tab: tuple[Tab, Server]
) -> None:
    """The manifest that was checked is used; scripts and manifest of the hosted folder are not asked for."""
    asked: list[str] = []
    tab[0].page.on("request", lambda request: asked.append(request.url.removeprefix(tab[1].url)))
    result = tab[0].page.evaluate("(work) => openAndRun(work)", work(bundle, package, bundle="/bundle/"))
    assert answers(result) == golden.decode(bundle.read("golden.json")).quantized.tobytes()
    assert any(path.startswith("bundle/wasm/") for path in asked)
    assert not [path for path in asked if path.startswith(("bundle/runtime/", "bundle/manifest.json"))]


def test_tfjs_is_the_alternative(bundle: Bundle, package: str, tab: tuple[Tab, Server]) -> None:
    result = tab[0].page.evaluate("(work) => openAndRun(work)", work(bundle, package, bundle="/bundle/", target="tfjs"))
    got = np.frombuffer(answers(result), "<f4")
    expected = golden.decode(bundle.read("golden.json")).float.reshape(-1)
    bound = bundle.manifest.targets["tfjs"].bound
    assert bound is not None and np.abs(got - expected).max() <= bound


def test_a_target_that_is_not_there_is_an_error(bundle: Bundle, package: str, tab: tuple[Tab, Server]) -> None:
    """An app's assets have no TF.js: the shim's promise is rejected, and edgekit_flutter tries the next runtime."""
    said = tab[0].page.evaluate(
        "(work) => openAndRun(work).then(() => '', (error) => error.message)", work(bundle, package, target="tfjs")
    )
    assert "tfjs/" in said


def test_requests(tab: tuple[Tab, Server]) -> None:
    page = tab[0].page
    got = page.evaluate(
        """async () => {
          const headers = JSON.stringify({'cache-control': 'no-cache', 'accept-encoding': 'identity', range: 'bytes=2-'});
          const { status, bytes } = await shim.get('/calls.js', headers);
          const missing = await shim.get('/nothing', '{}');
          const dead = await shim.get('http://127.0.0.1:9/x', '{}').then(() => '', (error) => error.name);
          return { status, length: bytes.length, missing: missing.status, dead };
        }"""
    )
    assert got == {"status": got["status"], "length": got["length"], "missing": 404, "dead": "TypeError"}
    assert (got["status"], got["length"]) in ((200, len(CALLS)), (206, len(CALLS) - 2))


def test_texts_are_kept(tab: tuple[Tab, Server]) -> None:
    kept = tab[0].page.evaluate(
        """() => {
          localStorage.setItem('not ours', 'x');
          const before = shim.read('m/state.json');
          const wrote = shim.write('m/state.json', '{"a": 1}') && shim.write('m/manifests/1.json', 'x');
          const after = shim.read('m/state.json');
          const there = shim.list('m/manifests/');
          shim.remove('m/manifests/1.json');
          return { before, wrote, after, there, left: shim.list('m/'), other: localStorage.getItem('not ours') };
        }"""
    )
    assert kept == {
        "before": None,
        "wrote": True,
        "after": '{"a": 1}',
        "there": '["1.json"]',
        "left": '["state.json"]',
        "other": "x",
    }


def test_without_storage_nothing_breaks(tab: tuple[Tab, Server]) -> None:
    got = tab[0].page.evaluate(
        """() => {
          Object.defineProperty(globalThis, 'localStorage', { get() { throw new Error('denied'); } });
          shim.remove('a');
          return [shim.read('a'), shim.write('a', 'b'), shim.list('')];
        }"""
    )
    assert got == [None, False, "[]"]


def test_dart_knows_every_function_of_the_shim() -> None:
    """The extension types of web_runtime.dart and the exports of the shim are the same list."""
    exported = set(
        re.findall(r"^export (?:async function|function|const) (\w+)", (TEMPLATE / SHIM).read_text(), re.MULTILINE)
    )
    dart = (TEMPLATE / "packages/edgekit_flutter/lib/src/web_runtime.dart").read_text()
    shim = dart[dart.index("extension type EdgekitShim") : dart.index("/// A model that the browser")]
    typed = set(re.findall(r"external .*?(\w+)(?:\(|;)", shim))
    assert exported == typed == {"open", "get", "read", "write", "remove", "list", "userAgent"}
