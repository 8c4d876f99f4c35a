"""The tfjs target: what it refuses, the same bytes twice, and the answers of real Chromium under a strict policy."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import made

from edgekit import npm_files, tfjs_runtime
from edgekit.config import Config
from edgekit.config_targets import TargetsConfig, TfjsConfig
from edgekit.errors import EdgekitError, InputError, NotAvailable
from edgekit.formats.keras import Converted, convert_all
from edgekit.graph import Graph
from edgekit.models import Model
from edgekit.runtimes import chromium
from edgekit.targets.protocol import Built, Job, Refusal
from edgekit.targets.tfjs import DEFERRED, LACKS, NO_SOURCE, TfjsTarget, bound

NO_GRAPH = Graph("", (), (), (), ())
TFLITE = Model("m", "tflite", Path("m.tflite"), "", NO_GRAPH, (), ())
SHARD_BYTES = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("tensorflowjs") is None:
        pytest.skip("not run: the extra [convert] is not installed")
    return made(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def models(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Model]:
    names = ("car", "gelu", "recurrent")
    results = convert_all([folder / f"{name}.keras" for name in names], tmp_path_factory.mktemp("tfjs"))
    return dict(zip(names, map(model, names, results), strict=True))


def model(name: str, result: Converted | EdgekitError) -> Model:
    assert isinstance(result, Converted), result
    path = Path(f"{name}.keras")
    return Model(name, "keras", path, "", NO_GRAPH, result.inputs, result.outputs, result.saved_model, result.tools)


@pytest.fixture(scope="module")
def built(folder: Path, models: Mapping[str, Model]) -> Mapping[str, Built]:
    """Build with float32 weights twice and with uint8, in processes of their own."""
    try:
        tfjs_runtime.script()
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")
    outputs = np.load(folder / "car.npz")["y"]

    def build(weights: str) -> Built:
        config = Config(targets=TargetsConfig(tfjs=TfjsConfig(weights, SHARD_BYTES)))
        return TfjsTarget().build(Job(models["car"], NO_GRAPH, config, outputs))

    names = {"float32": "float32", "again": "float32", "uint8": "uint8"}
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(build, names.values()), strict=True))


def test_refuses_a_tflite_file() -> None:
    assert TfjsTarget().refusals(TFLITE, NO_GRAPH) == [Refusal("model", "m", NO_SOURCE)]


@pytest.mark.parametrize(
    ("name", "refusals"),
    [
        pytest.param("car", [], id="takes it"),
        pytest.param("gelu", [Refusal("Erfc", "model/curve/bend/Gelu/Erfc", LACKS)], id="TF.js lacks it"),
        pytest.param("recurrent", [Refusal("While", "model/series/lstm/while", DEFERRED)], id="a loop"),
    ],
)
def test_refusals(models: Mapping[str, Model], name: str, refusals: list[Refusal]) -> None:
    assert TfjsTarget().refusals(models[name], NO_GRAPH) == refusals


def test_the_converter_refuses_too(models: Mapping[str, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfjs_runtime, "script", lambda: b"")
    with pytest.raises(InputError) as error:
        TfjsTarget().build(Job(models["gelu"], NO_GRAPH, Config(), np.zeros((1, 2), np.float32)))
    assert str(error.value) == "gelu.keras: TF.js lacks the operator Erfc; leave tfjs out of --to"


def test_two_builds_are_byte_identical(built: Mapping[str, Built]) -> None:
    assert built["float32"] == built["again"]


def test_files(built: Mapping[str, Built]) -> None:
    files = {file.path: file for file in built["float32"].files if file.role != "runtime"}
    topology = json.loads(files["tfjs/model.json"].data)
    shards = [f"tfjs/{path}" for group in topology["weightsManifest"] for path in group["paths"]]
    assert [file.role for file in files.values()] == ["model", *["weights"] * len(shards), "script"]
    assert set(files) == {"tfjs/model.json", "tfjs/tf.js", *shards}
    assert len(shards) > 1
    for number, shard in enumerate(shards):
        data = files[shard].data
        assert shard == f"tfjs/shard-{number:03d}.{hashlib.sha256(data).hexdigest()[:16]}.bin"
        assert 0 < len(data) <= SHARD_BYTES
    assert dict(built["float32"].options) == {
        "weights": "float32",
        "inputs": ["input_0", "input_1"],
        "outputs": ["output_0"],
        "input_shapes": [[1, 3], [1, 2]],
    }
    assert set(built["float32"].tools) == {"tensorflowjs", "@tensorflow/tfjs"}
    assert set(topology["signature"]["inputs"]) == {"input_0", "input_1"}


def test_uint8_is_for_matrices_only(built: Mapping[str, Built]) -> None:
    """A normalization's means in 8 bits with one scale cost more than all the matrices together."""
    topology = json.loads(built["uint8"].files[0].data)
    weights = [w for group in topology["weightsManifest"] for w in group["weights"]]
    small = {tuple(w["shape"]) for w in weights if "quantization" in w}
    assert small == {(5, 16), (16, 16), (16, 1)}
    assert all(w["dtype"] == "float32" for w in weights if "quantization" in w)


@pytest.mark.parametrize(
    ("weights", "outputs", "expected"),
    [
        pytest.param("float32", [-50.0, 150.0], 0.02, id="a part of the span"),
        pytest.param("uint8", [-50.0, 150.0], 4.0, id="a larger part"),
        pytest.param("float32", [0.5, 0.5], 1e-6, id="constant outputs still round"),
        pytest.param("float32", [1e6, 1e6 + 1], 16 * 2.0**-23 * (1e6 + 1), id="large outputs round more"),
        pytest.param("float32", [], 1e-6, id="no rows"),
    ],
)
def test_bound(weights: str, outputs: list[float], expected: float) -> None:
    assert bound(weights, np.array(outputs, np.float32)) == pytest.approx(expected, rel=1e-6)


PAGE = b'<!doctype html><script src="/tfjs/tf.js"></script><script src="/rows.js"></script>'
#: Runs by itself when the page loads: what a test evaluates in a page is not held to the page's policy.
ROWS = """
(async () => {
  let evaluated = true;
  try { eval('1'); } catch { evaluated = false; }
  await tf.setBackend('cpu');
  await tf.ready();
  const model = await tf.loadGraphModel('/tfjs/model.json');
  const { rows, inputs, outputs, input_shapes: shapes } = await (await fetch('/rows.json')).json();
  const answers = rows.map((row) => {
    let at = 0;
    const feeds = {};
    shapes.forEach((shape, i) => {
      const size = shape.reduce((a, b) => a * b, 1);
      feeds[inputs[i]] = tf.tensor(row.slice(at, at + size), shape);
      at += size;
    });
    return Array.from(model.execute(feeds, outputs).dataSync());
  });
  window.result = { evaluated, backend: tf.getBackend(), answers };
})().catch((error) => { window.result = { error: String(error) }; })
  .finally(() => { document.documentElement.dataset.done = ''; });
"""


@contextmanager
def served(files: Mapping[str, bytes]) -> Iterator[str]:
    types = {"js": "text/javascript", "json": "application/json", "html": "text/html"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.send_header("Content-Type", types.get(self.path.rsplit(".")[-1], "application/octet-stream"))
            self.send_header(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src 'self'",
            )
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("weights", ["float32", "uint8"])
def test_chromium_answers_as_keras_does(
    folder: Path, built: Mapping[str, Built], browser: chromium.Browser, weights: str
) -> None:
    data, result = np.load(folder / "car.npz"), built[weights]
    files = {f"/{file.path}": file.data for file in result.files}
    question = json.dumps({"rows": data["x"].tolist(), **result.options}).encode()
    files |= {"/page.html": PAGE, "/rows.js": ROWS.encode(), "/rows.json": question, "/favicon.ico": b""}
    with served(files) as url, browser.page(url) as tab:
        tab.page.goto(f"{url}page.html")
        tab.page.wait_for_selector("html[data-done]")  # a waiting function would need eval
        found = tab.page.evaluate("window.result")
        assert (found.get("error"), found.get("evaluated"), found.get("backend")) == (None, False, "cpu")
    error = np.abs(np.array(found["answers"], np.float32) - data["y"]).max()
    assert result.bound is not None
    assert error <= result.bound
    # The bound is no empty promise: a tenth of it is met too, and uint8 does change the answers.
    assert (error <= result.bound / 10) if weights == "float32" else (error > 1e-4)


# The script from npm, with a registry of our own: a program called npm that packs what it is told to.

NPM = """#!{python}
import io, pathlib, sys, tarfile
{before}
folder = pathlib.Path(sys.argv[sys.argv.index("--pack-destination") + 1])
for spec in sys.argv[5:]:
    name, version = spec[1:].split("@")
    with tarfile.open(folder / (name.replace("/", "-") + "-" + version + ".tgz"), "w:gz") as tar:
        data = ({text!r} + name + "\\n//# sourceMappingURL=x.map").encode()
        info = tarfile.TarInfo("package/{file}")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
"""
PACKAGES = ("tensorflow/tfjs-core", "tensorflow/tfjs-converter")


class Registry:
    """Pins for two small packages, and an npm that gives them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.cache = folder / "bin", folder / "cache"
        self.bin.mkdir()
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("EDGEKIT_CACHE", str(self.cache))
        hashes = {
            name: hashlib.sha256(f"/* {name}\n//# sourceMappingURL=x.map".encode()).hexdigest() for name in PACKAGES
        }
        pins = tuple(npm_files.Package(f"@{name}", "dist/a.js", value) for name, value in hashes.items())
        monkeypatch.setattr(tfjs_runtime, "PACKAGES", pins)
        self.script = "".join(f"/* {name}\n" for name in PACKAGES).encode()
        monkeypatch.setattr(tfjs_runtime, "SCRIPT_SHA256", hashlib.sha256(self.script).hexdigest())
        self.cached = self.cache / f"tfjs-{tfjs_runtime.VERSION}" / "tf.js"

    def npm(self, before: str = "", text: str = "/* ", file: str = "dist/a.js") -> None:
        program = self.bin / "npm"
        program.write_text(NPM.format(python=sys.executable, before=before, text=text, file=file))
        program.chmod(0o755)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    return Registry(tmp_path, monkeypatch)


def test_the_script_is_fetched_once(registry: Registry) -> None:
    registry.npm()
    assert tfjs_runtime.script() == registry.script
    (registry.bin / "npm").unlink()
    assert tfjs_runtime.script() == registry.script
    assert [path.name for path in registry.cached.parent.iterdir()] == ["tf.js"]


def test_a_damaged_cache_is_fetched_again(registry: Registry) -> None:
    registry.npm()
    registry.cached.parent.mkdir(parents=True)
    registry.cached.write_bytes(b"alert(1)")
    assert tfjs_runtime.script() == registry.script
    assert registry.cached.read_bytes() == registry.script


FAILED = f"TensorFlow.js {tfjs_runtime.VERSION} could not be fetched for the tfjs target: "
ADVICE = "; check the network and npm's registry, or leave tfjs out"


@pytest.mark.parametrize(
    ("npm", "message"),
    [
        pytest.param(
            {"before": "print('npm error code E1\\nnpm error network is down', file=sys.stderr); sys.exit(1)"},
            f"{FAILED}npm says: network is down{ADVICE}",
            id="npm has a reason",
        ),
        pytest.param({"before": "sys.exit(7)"}, f"{FAILED}npm ended with exit code 7{ADVICE}", id="npm has none"),
        pytest.param({"before": "sys.exit(0)"}, None, id="npm writes nothing"),
        pytest.param(
            {"text": "alert(1) /* "},
            f"{FAILED}dist/a.js of @tensorflow/tfjs-core {tfjs_runtime.VERSION} "
            f"does not have its pinned sha256{ADVICE}",
            id="other bytes than those pinned",
        ),
        pytest.param({"file": "dist/b.js"}, None, id="the file is not in the package"),
    ],
)
def test_a_script_that_cannot_be_fetched(registry: Registry, npm: dict[str, str], message: str | None) -> None:
    registry.npm(**npm)
    with pytest.raises(NotAvailable) as error:
        tfjs_runtime.script()
    if message is None:  # the system's own words in the middle
        archive = f"npm's tensorflow-tfjs-core-{tfjs_runtime.VERSION}.tgz cannot be read: "
        assert str(error.value).startswith(FAILED + archive)
        assert str(error.value).endswith(ADVICE)
    else:
        assert str(error.value) == message
    assert not registry.cache.exists()


def test_npm_is_missing(registry: Registry) -> None:
    with pytest.raises(NotAvailable) as error:
        tfjs_runtime.script()
    assert str(error.value) == "the tfjs target needs npm to fetch TensorFlow.js once; install npm, or leave tfjs out"


def test_the_cache_cannot_be_written(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    registry.npm()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(NotAvailable) as error:
        tfjs_runtime.script()
    assert str(error.value) == (
        f"the cache {tmp_path}/file/tfjs-{tfjs_runtime.VERSION} cannot be written (Not a directory); "
        "set EDGEKIT_CACHE to a folder that can"
    )


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"EDGEKIT_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a", id="ours first"),
        pytest.param({"XDG_CACHE_HOME": "/b"}, "/b/edgekit", id="then the user's"),
        pytest.param({"XDG_CACHE_HOME": "relative"}, "/home/of/.cache/edgekit", id="a relative one is to be ignored"),
        pytest.param({}, "/home/of/.cache/edgekit", id="then the usual"),
    ],
)
def test_cache_folder(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], expected: str) -> None:
    for name in ("EDGEKIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/of")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert npm_files.cache_folder() == Path(expected)
