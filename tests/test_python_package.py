"""The wheel of the target pyodide: its form, its words, and what it answers in CPython."""

from __future__ import annotations

import base64
import csv
import email
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import python_models
import wasmtime
from mypy import api as mypy
from packaging.metadata import Metadata
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pyodide_lock import PyodideLockSpec
from python_models import GOOD, module, nasty_bundle, other_pythons, run_python, wheel_of
from whole_models import quantized, rows_for

from edgekit import pyodide_runtime
from edgekit.config import Config
from edgekit.manifest import Signature
from edgekit.models import Model
from edgekit.runtimes.python_package import in_wasmtime
from edgekit.server import Server, site
from edgekit.store import Bundle
from edgekit.targets.protocol import Job
from edgekit.targets.pyodide import PyodideTarget
from edgekit.targets.wasm import BUILDS
from edgekit.verify import judge, read_golden, verify
from edgekit.wheel import distribution_name, package_name, pep440

ROOT = Path(__file__).parent.parent
WASMTIME = Path(wasmtime.__file__).parent.parent


@pytest.fixture(scope="module")
def only_wasmtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wasmtime alone: no NumPy is beside it. It is the same package for every Python."""
    folder = tmp_path_factory.mktemp("wasmtime")
    (folder / "wasmtime").symlink_to(WASMTIME / "wasmtime")
    return folder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.2.3", "1.2.3"),
        ("1.0.0-beta.1", "1.0.0b1"),
        ("v2.0-rc", "2.0rc0"),
        ("1.0-1", "1.0.post1"),
        ("2024.05.01", "2024.5.1"),
        ("1.0.dev3", "1.0.dev3"),
        ("1.0a2.post3.dev4", "1.0a2.post3.dev4"),
        ("1.0+build.7", "1.0"),
        ("1!2.0", "1.2.0"),
        ("2024-05-01b", "2024.5.1"),
        ("release 7", "7"),
        ("main", "0"),
        ("", "0"),
    ],
)
def test_a_version_is_one_of_pep_440(text: str, version: str) -> None:
    assert pep440(text) == version == str(Version(version))
    try:
        known = Version(text)
    except InvalidVersion:
        return
    assert known.epoch or pep440(text) == known.public


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("health_monitoring", "health_monitoring"),
        ("Car.range", "car_range"),
        ("5G", "model_5g"),
        ("class", "class_model"),
        ("json", "json_model"),
        ("numpy", "numpy_model"),
        ("js", "js_model"),
        ("a--b__c..d-", "a_b_c_d"),
        ("Größe", "gr_e"),
        ("…", "model"),
    ],
)
def test_a_name_can_be_imported_and_hides_nothing(name: str, package: str) -> None:
    assert package_name(name) == package
    assert package.isidentifier()
    assert distribution_name(name) == canonicalize_name(package)


def test_the_wheel_is_as_pep_427_says(pyodide_bundle: Bundle) -> None:
    path = wheel_of(pyodide_bundle)
    name, version, _, tags = parse_wheel_filename(path.name)
    assert (name, str(version), [str(t) for t in tags]) == ("car-range", "1.0.0rc1", ["py3-none-any"])
    with zipfile.ZipFile(path) as archive:
        contents = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    info = "car_range-1.0.0rc1.dist-info"
    record = list(csv.reader(io.StringIO(contents[f"{info}/RECORD"].decode())))
    assert record.pop() == [f"{info}/RECORD", "", ""]
    assert {row[0] for row in record} == contents.keys() - {f"{info}/RECORD"}
    for file, digest, size in record:
        wanted = base64.urlsafe_b64encode(hashlib.sha256(contents[file]).digest()).decode().rstrip("=")
        assert (digest, size) == (f"sha256={wanted}", str(len(contents[file])))
    metadata = Metadata.from_email(contents[f"{info}/METADATA"])
    assert (metadata.name, str(metadata.version), str(metadata.requires_python)) == ("car-range", "1.0.0rc1", ">=3.10")
    assert [str(r) for r in metadata.requires_dist or []] == [
        'wasmtime>=25; extra == "wasmtime" and sys_platform != "emscripten"'
    ]
    assert email.message_from_bytes(contents[f"{info}/WHEEL"])["Tag"] == "py3-none-any"
    templates = {f"car_range/{f.name}" for f in (ROOT / "templates/python").glob("*.*")}
    assert {"car_range/py.typed", "car_range/engine.py"} <= templates <= contents.keys()


def test_equal_models_give_equal_bytes(pyodide_bundle: Bundle, tmp_path: Path) -> None:
    again = python_models.pyodide_bundle(tmp_path / "again", "inside")
    assert wheel_of(again).read_bytes() == wheel_of(pyodide_bundle).read_bytes()
    assert again.manifest.id == pyodide_bundle.manifest.id


def test_the_lock_is_one_that_pyodide_reads(pyodide_bundle: Bundle) -> None:
    raw = pyodide_bundle.read("pyodide/pyodide-lock.json")
    spec = PyodideLockSpec(**json.loads(raw))
    entry = spec.packages["car-range"]
    assert entry.file_name == wheel_of(pyodide_bundle).name
    assert entry.sha256 == hashlib.sha256(wheel_of(pyodide_bundle).read_bytes()).hexdigest()
    assert entry.imports == ["car_range"]
    stock = json.loads((pyodide_runtime.folder() / "pyodide-lock.json").read_text())
    assert json.loads(raw)["info"] == {**stock["info"], "version": pyodide_runtime.VERSION}


def test_pip_installs_it(pyodide_bundle: Bundle, only_wasmtime: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", tmp_path]
    subprocess.run([*command, wheel_of(pyodide_bundle)], check=True, capture_output=True)
    code = f"import car_range; print(json.dumps([car_range.predict({GOOD!r}), car_range.__version__]))"
    answer, version = run_python(code, [tmp_path, only_wasmtime])
    assert (set(answer), version) == ({"consumption", "range"}, "1.0.0rc1")


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_golden_rows_in_a_python_without_numpy(version: str, pyodide_bundle: Bundle, only_wasmtime: Path) -> None:
    program = other_pythons().get(version)
    if program is None:
        pytest.skip(f"not run: there is no Python {version} here")
    golden = read_golden(pyodide_bundle)
    code = (
        "import car_range as m; answers = m.predict_many(given[:0]) + [m.predict_array(row) for row in given]\n"
        "assert 'numpy' not in sys.modules; print(json.dumps(answers))"
    )
    rows = golden.inputs.astype(np.float64).tolist()
    answers = run_python(code, [wheel_of(pyodide_bundle), only_wasmtime], program, rows)
    assert np.array(answers, np.float32).tobytes() == golden.quantized.tobytes()


def test_shards_come_from_a_folder(tmp_path: Path, only_wasmtime: Path) -> None:
    bundle = python_models.pyodide_bundle(tmp_path / "bundle", "shards")
    entry = bundle.manifest.targets["pyodide"]
    assert len([f for f in entry.files if f.role == "shard"]) > 1
    assert judge(in_wasmtime(bundle, read_golden(bundle).inputs), entry, read_golden(bundle)).status == "pass"
    code = """
import asyncio, car_range as m
def said(work):
    try:
        work()
    except m.ModelError as error:
        return str(error)
print(json.dumps([said(lambda: m.predict(GOOD)), said(m.load_now), said(lambda: m.load_now("nowhere")),
                  said(lambda: asyncio.run(m.load(FOLDER))), m.describe().split(" in ")]))
"""
    folder = str(wheel_of(bundle).parent)
    path = next(f.path for f in entry.files if f.role == "shard").rpartition("/")[2]
    assert run_python(f"GOOD, FOLDER = {GOOD!r}, {folder!r}\n{code}", [wheel_of(bundle), only_wasmtime]) == [
        'the weights are not here yet; first: await car_range.load("the address of the shards")',
        'the weights are not in this wheel; use: await car_range.load("the address of the shards")',
        f"nowhere is no folder and no address; give the one that holds {path}",
        None,
        [f"Car.range 1.0.0-rc.1: engine {module('engine').choose_build(BUILDS)}", "wasmtime"],
    ]


def rewritten(source: Path, out: Path, change: dict[str, Any]) -> Path:
    """Copy a wheel with other contents of files, by the end of their path; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            edit = change.get(entry.filename.rpartition("/")[2], lambda data: data)
            if edit is not None:
                new.writestr(entry, edit(old.read(entry)))
    return out


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def model_json(**change: Any) -> Any:
    return lambda data: json.dumps({**json.loads(data), **change}).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"plan.bin": flip}, "plan.bin is not what model.json says (sha256); install or publish the wheel again", id="plan"),
        pytest.param({"weights.bin": flip}, "weights.bin is not what model.json says (sha256); install or publish the wheel again", id="weights"),
        pytest.param({"engine-simd.wasm": flip}, "engine-simd.wasm is not what model.json says (sha256); install or publish the wheel again", id="engine"),
        pytest.param({"plan.bin": None}, "plan.bin is missing; install the wheel again", id="a file is gone"),
        pytest.param(
            {"model.json": model_json(outputs=[{"name": "y", "shape": [1, 3]}])},
            "the plan has other inputs or outputs than model.json; install the wheel again",
            id="another signature",
        ),
    ],
)  # fmt: skip
def test_a_changed_wheel_is_refused(
    change: dict[str, Any], message: str, pyodide_bundle: Bundle, only_wasmtime: Path, tmp_path: Path
) -> None:
    wheel = rewritten(wheel_of(pyodide_bundle), tmp_path / "changed.whl", change)
    code = """
import car_range as m
try:
    m.load_now()
except m.ModelError as error:
    print(json.dumps(str(error)))
"""
    assert run_python(code, [wheel, only_wasmtime]) == message


def test_without_a_runtime_it_says_what_to_install(pyodide_bundle: Bundle) -> None:
    code = f"""
import car_range as m
try:
    m.predict({GOOD!r})
except m.ModelError as error:
    print(json.dumps(str(error)))
"""
    said = 'a WebAssembly runtime is missing: install "wasmtime" (pip install wasmtime), or run this in Pyodide'
    assert run_python(code, [wheel_of(pyodide_bundle)]) == said


def test_what_can_be_given_and_what_comes_back(pyodide_bundle: Bundle) -> None:
    """A dict, names, a list, an array and NumPy say the same; NumPy comes back where NumPy was given."""
    code = f"""
import array, numpy, car_range as m
good = {GOOD!r}
flat = [90, 21.5, 0, 2, 3.25]
many = numpy.array([flat, flat], "f4")
one = m.predict(good)
assert m.predict(flat) == m.predict(tuple(flat)) == m.predict(array.array("d", flat)) == one
assert m.predict(many[0]) == m.predict(memoryview(many[0])) == m.predict(**good) == one
row = list(one.values())
for rows in ([good, flat], (flat, good), [many[0], many[1]], array.array("f", flat + flat), memoryview(many)):
    assert m.predict_many(rows) == [row, row], rows
assert m.predict_many(iter([good])) == [row] and m.predict_many([]) == []
table = m.predict_many(many)
assert (table.dtype, table.shape, table.tolist()) == (numpy.float32, (2, 2), [row, row])
assert m.predict_many(many[:0]).shape == (0, 2) and table.flags.writeable
assert m.predict_array(many[0]).dtype == numpy.float32 and m.predict_array(flat) == row
assert m.predict(speed=numpy.float32(90), **{{k: v for k, v in good.items() if k != "speed"}}) == one
assert m.predict({{**good, "speed": 900}}, out_of_range="clamp") == m.predict({{**good, "speed": 180}})
assert [(p.field, str(p)) for p in m.check(speed=-1, road="x")][:2] == [
    ("speed", '"speed" is -1 km/h, outside the range 0 to 180 km/h'),
    ("outside temperature", '"outside temperature" is missing: give a number from -25 to 45 °C')]
def said(work, *given, **named):
    try:
        work(*given, **named)
    except m.InputError as error:
        return [error.field, str(error)]
print(json.dumps([said(m.predict_many, [good, {{**good, "passengers": 9}}]), said(m.predict_many, good),
    said(m.predict, good, speed=1), said(m.predict_many, array.array("f", flat[:4])),
    said(m.predict_array, [1, float("nan"), 0, 0, 0]), said(m.predict_array, [1, 10**400, 0, 0, 0]), said(m.predict_array, [True, 1, 0, 0, 0])]))
"""
    assert run_python(code, [wheel_of(pyodide_bundle), WASMTIME]) == [
        ["passengers", 'row 1: "passengers" is 9, outside the range 1 to 5'],
        ["", "predict_many takes a list of rows; use predict for one"],
        ["", "give the features either as one row or by name, not both"],
        ["", "a flat array must hold 5 numbers for each row; 4 are no whole number of rows"],
        ["", "input[1] must be a finite number, not nan"],
        ["", "input[1] must be a finite number, not inf"],
        ["", "input[0] must be a finite number, not True"],
    ]


@pytest.mark.parametrize("name", ["ResNet", "two inputs, two outputs", "time series"])
def test_models_without_named_features(name: str, tmp_path: Path, only_wasmtime: Path) -> None:
    """Flat lists go in; several outputs come back by the names of the tensors."""
    graph, rows, answers = quantized(name, "int8")
    ports = [
        tuple(Signature(graph.tensors[i].name, graph.tensors[i].shape) for i in side)
        for side in (graph.inputs, graph.outputs)
    ]
    model = Model(name, "tflite", tmp_path, "", graph, ports[0], ports[1])
    outputs = answers.shape[1]
    config = Config() if outputs <= 2 else replace(Config(), outputs=())
    built = PyodideTarget().build(Job(model, graph, config, answers, "net"))
    wheel = tmp_path / built.files[0].path.rpartition("/")[2]
    wheel.write_bytes(built.files[0].data)
    code = "import net; print(json.dumps([net.predict_many(given), list(net.predict(given[0]).values())]))"
    many, one = run_python(code, [wheel, only_wasmtime], given=rows[:20].astype(float).tolist())
    assert np.array(many, np.float32).tobytes() == answers[:20].tobytes()
    assert one == many[0]
    assert rows_for(graph, 1, 0).shape[1] == rows.shape[1]


def test_types_and_docs_name_features_units_and_ranges(pyodide_bundle: Bundle, tmp_path: Path) -> None:
    """The stub holds under mypy --strict, also with names that no language wants; a wrong call is an error there."""
    user = tmp_path / "user.py"
    lines = [
        "import array, car_range as m",
        f"x: float = m.predict({GOOD!r})['range']",
        "m.predict([1.0]); m.predict(array.array('f', [1.0])); m.predict_many([[1.0]]); m.predict_array([1.0])",
        f"m.predict({ {**GOOD, 'road': 'path'}!r})",
        "m.predict([1.0], out_of_range='clam')",
    ]
    user.write_text("\n".join(lines) + "\n")
    site = tmp_path / "site"
    for bundle in (pyodide_bundle, nasty_bundle(tmp_path / "nasty")):
        zipfile.ZipFile(wheel_of(bundle)).extractall(site)
    command = [
        "--strict",
        "--no-error-summary",
        f"--cache-dir={tmp_path}/cache",
        "--no-site-packages",
        str(user),
        str(site / "model_5g_class/__init__.pyi"),
    ]
    out, _, _ = mypy.run([*command, "--config-file=", "--python-version=3.11"])
    assert [line.split(":")[1] for line in out.splitlines() if "error" in line] == ["4", "5"], out


def test_verify_names_each_python(pyodide_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each runtime is a row; what was not chosen or is missing is not run."""

    def rows(runtimes: tuple[str, ...]) -> list[tuple[str, str, str]]:
        checks = verify(pyodide_bundle, runtimes).checks
        return [(c.runtime, c.status, c.detail) for c in checks if c.target == "pyodide"]

    version = ".".join(map(str, sys.version_info[:3]))
    off = [(f"Pyodide, {name}", "not run", "not chosen for this run") for name in ("Chromium", "Node")]
    ran = f"CPython {version}, wasmtime {importlib.metadata.version('wasmtime')}"
    assert rows(("wasmtime",)) == [(ran, "pass", "equal to the int8 model bit for bit"), *off]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    missing = "wasmtime is not installed; install it (pip install wasmtime)"
    assert rows(("wasmtime",)) == [(f"CPython {version}, wasmtime", "not run", missing), *off]


def test_shards_come_from_an_address(tmp_path: Path, only_wasmtime: Path) -> None:
    """Over HTTP too; what does not come is said with its address."""
    bundle = python_models.pyodide_bundle(tmp_path / "bundle", "shards")
    golden = read_golden(bundle)
    row = golden.inputs[0].astype(float).tolist()
    code = """
import asyncio, car_range as m
try:
    m.load_now(given["folder"] + "nothing")
except m.ModelError as error:
    said = str(error)
asyncio.run(m.load(given["folder"]))
print(json.dumps([said, m.predict_array(given["row"])]))
"""
    with Server(site(bundle)) as server:
        folder = f"{server.url}bundle/pyodide/"
        said, answer = run_python(code, [wheel_of(bundle), only_wasmtime], given={"folder": folder, "row": row})
    shard = next(f.path for f in bundle.manifest.targets["pyodide"].files if f.role == "shard").rpartition("/")[2]
    assert said == f"{folder}nothing/{shard} could not be fetched: HTTP Error 404: Not Found"
    assert np.array(answer, np.float32).tobytes() == golden.quantized[0].tobytes()
