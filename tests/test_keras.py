"""Keras files and SavedModels: what converts, and the sentence for everything that does not."""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from keras_models import made

from edgekit.errors import EdgekitError, InputError, NotAvailable
from edgekit.formats.keras import Converted, convert, convert_all
from edgekit.formats.keras_files import check_config
from edgekit.formats.tensorflow_child import run
from edgekit.manifest import Signature

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="not run: ai-edge-litert is not installed")
pytest.importorskip("h5py", reason="not run: the extra [convert] is not installed")

CODE = "replace it with built-in layers, or export the model as a SavedModel with model.export()"
#: A model's configuration without layers; enough for what is refused before TensorFlow starts.
EMPTY = b'{"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": []}}'


def hdf5(size: int, end: int) -> bytes:
    """Return the start of an HDF5 file whose header claims `end` bytes, filled up to `size`."""
    head = b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + bytes(24) + struct.pack("<Q", end) + bytes(16)
    return (head + bytes(size))[:size]


def keras_zip(entries: Mapping[str, bytes], keep: int | None = None) -> Callable[[Path], None]:
    """Return what writes a zip of these entries, cut off after `keep` bytes."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in entries.items():
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        path.write_bytes(path.read_bytes()[:keep])

    return write


def raw(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


def folder(files: Mapping[str, bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.mkdir()
        for name, data in files.items():
            (path / name).write_bytes(data)

    return write


def linked(path: Path) -> None:
    folder({"saved_model.pb": b"x"})(path)
    (path / "variables").symlink_to("/etc")


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        pytest.param("m.keras", lambda path: None, "there is no such file; check the path", id="missing"),
        pytest.param(
            "m.onnx",
            raw(b"x"),
            "is not a known kind of model; give .keras, .h5, .tflite or a SavedModel folder",
            id="unknown ending",
        ),
        pytest.param(
            "m.keras",
            raw(b"hello"),
            "is not a Keras archive (a zip); save the model again with model.save()",
            id="text called .keras",
        ),
        pytest.param(
            "m.keras", raw(hdf5(64, 64)), "is an HDF5 file, not a Keras archive; rename it to end in .h5", id="HDF5"
        ),
        pytest.param(
            "m.keras",
            keras_zip({"config.json": EMPTY}, keep=60),
            "is a damaged or cut-off archive (File is not a zip file); save the model again",
            id="cut-off zip",
        ),
        pytest.param(
            "m.keras",
            keras_zip({"readme.txt": b"x"}),
            "is a zip without config.json, so no Keras model; save the model with model.save()",
            id="some other zip",
        ),
        pytest.param(
            "m.keras",
            keras_zip({"config.json": EMPTY, "../../home": b"x"}),
            "has an entry with the unsafe path '../../home'; refusing it",
            id="a path that leaves the archive",
        ),
        pytest.param(
            "m.keras",
            keras_zip({"config.json": EMPTY, "/etc/cron": b"x"}),
            "has an entry with the unsafe path '/etc/cron'; refusing it",
            id="an absolute path",
        ),
        pytest.param(
            "m.keras",
            keras_zip({"config.json": EMPTY, "zeros": bytes(40_000_000)}),
            "unpacks from {size} to 40000086 bytes; refusing it",
            id="zip bomb",
        ),
        pytest.param(
            "m.keras",
            keras_zip({f"{i}": b"" for i in range(10_001)}),
            "has 10001 entries, more than 10000; refusing it",
            id="zip of many entries",
        ),
        pytest.param(
            "m.keras",
            keras_zip({"config.json": b"{", "model.weights.h5": b"x"}),
            "its configuration is not JSON (Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)); save the model again",
            id="config.json is no JSON",
        ),
        pytest.param(
            "m.keras",
            keras_zip({"config.json": b"[1]"}),
            "its configuration describes no model; save the model again with model.save()",
            id="config.json is no model",
        ),
        pytest.param("m.h5", raw(b"hello"), "is not an HDF5 file; save the model again with model.save()", id="text"),
        pytest.param(
            "m.h5",
            keras_zip({"config.json": EMPTY}),
            "is not an HDF5 file; rename it to end in .keras",
            id="a Keras archive called .h5",
        ),
        pytest.param("m.h5", raw(hdf5(40, 40)), "is cut off after 40 bytes; copy or save it again", id="header only"),
        pytest.param(
            "m.h5", raw(hdf5(99, 1000)), "is cut off, it has 99 of 1000 bytes; copy or save it again", id="cut off"
        ),
        pytest.param(
            "m",
            folder({"readme.txt": b"x"}),
            "is not a SavedModel, for it has no saved_model.pb; give the folder that has one",
            id="some other folder",
        ),
        pytest.param(
            "m", folder({"saved_model.pb": b""}), "its saved_model.pb is empty; save the model again", id="empty"
        ),
        pytest.param(
            "m", linked, "holds variables, a link or special file; refusing it", id="a link out of the folder"
        ),
    ],
)
def test_refused_without_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[Path], None], message: str
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    path = tmp_path / name
    write(path)
    with pytest.raises(InputError) as error:
        convert(path, tmp_path / "work")
    size = path.stat().st_size if path.is_file() else 0
    assert str(error.value) == f"{name}: {message.format(size=size) if '{size}' in message else message}"
    assert not (tmp_path / "work").exists()


def test_a_damaged_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", EMPTY)
        archive.writestr("model.weights.h5", b"weights" * 99)
    path.write_bytes(path.read_bytes().replace(b"weightsweights", b"weightsweightS", 1))
    with pytest.raises(InputError) as error:
        convert(path, tmp_path)
    assert str(error.value) == "m.keras: its entry model.weights.h5 is damaged; save the model again"


def test_tensorflow_is_asked_for_by_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    keras_zip({"config.json": EMPTY})(tmp_path / "m.keras")
    with pytest.raises(NotAvailable) as error:
        convert(tmp_path / "m.keras", tmp_path)
    assert str(error.value) == "reading m.keras needs the extra [convert]: pip install 'edgekit[convert]'"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        pytest.param({"module": "keras.layers", "class_name": "Dense"}, None, id="built in"),
        pytest.param({"class_name": "Dense"}, None, id="Keras 2 names no module"),
        pytest.param(
            {"module": "keras.layers", "class_name": "Lambda", "name": "plus"},
            "the layer 'plus' is a Lambda layer, which carries Python code; "
            "replace it with built-in layers and save the model again",
            id="Lambda",
        ),
        pytest.param(
            {"class_name": "__lambda__"},
            "carries a Python lambda; replace it with a built-in function and save again",
            id="a lambda in any place",
        ),
        pytest.param(
            {"module": "os.path", "class_name": "system"},
            f"uses the custom class 'system', whose code is not in the file; {CODE}",
            id="any module of Python",
        ),
        pytest.param(
            {"module": "keras_shop.layers", "class_name": "Scale"},
            f"uses the custom class 'Scale', whose code is not in the file; {CODE}",
            id="a module that only begins like keras",
        ),
    ],
)
def test_configuration(layer: object, message: str | None) -> None:
    config = {"class_name": "Sequential", "config": {"layers": [{"nested": [layer]}]}}
    if message is None:
        check_config("m.keras", config)
        return
    with pytest.raises(InputError) as error:
        check_config("m.keras", config)
    assert str(error.value) == f"m.keras: {message}"


# One child process answers for all the files that need TensorFlow.

REFUSED = {
    "lambda.keras": "the layer 'plus' is a Lambda layer, which carries Python code; "
    "replace it with built-in layers and save the model again",
    "lambda.h5": "the layer 'plus' is a Lambda layer, which carries Python code; "
    "replace it with built-in layers and save the model again",
    "custom.keras": f"uses the custom class 'Scale', whose code is not in the file; {CODE}",
    "custom.h5": f"uses the custom class 'Scale', whose code is not in the file; {CODE}",
    "old_custom.h5": f"uses the custom class 'Scale', whose code is not in the file; {CODE}",
    "registered.keras": f"uses the custom class 'Known', whose code is not in the file; {CODE}",
    "integer.keras": "the input 'x' is int32, and float32 is what can be exported; "
    "make the input float32 and cast it inside the model",
    "integers": "the input 'x' is int64, and float32 is what can be exported; "
    "make the input float32 and cast it inside the model",
    "open.keras": "the input 'x' has the shape (None, None, 3), and only the batch may be unknown; "
    "set the other dimensions and save the model again",
    "batch.keras": "the input 'x' has a batch fixed at 8; leave it open and save the model again",
    "unbuilt.keras": "the model was never built, so its input is unknown; call it once, then save it",
    "counts": "the output 'y' is int64, and float32 is what can be exported; cast it inside the model",
    "only.weights.h5": "has no model configuration, only weights; save the whole model with model.save()",
    "outside.h5": "its entry /model_weights reads another file; refusing it",
    "vast.h5": "its weights unpack to more than 2000000000 bytes; refusing it",
    "bomb.keras": "asks for far more memory than its weights fill; it is damaged or hostile",
    "named": "has no signature 'serving_default' (it has: score); save the model again with model.export()",
    "damaged": "its saved_model.pb is damaged; save the model again",
    "writes": "has the operator WriteFile, which touches files or runs Python; refusing it",
    "table": "has a lookup table or is of TensorFlow 1; save a model of numbers in TensorFlow 2",
}
CAR = (Signature("speed", (1, 3)), Signature("weather", (1, 2)))
CONVERTED = {
    "car.keras": (CAR, (Signature("range_km", (1, 1)),)),
    "car.h5": (CAR, (Signature("range_km", (1, 1)),)),
    "car_saved": (CAR, (Signature("output_0", (1, 1)),)),
    "dictionary.keras": (
        (Signature("a", (1, 3)), Signature("z", (1, 4))),
        (Signature("one", (1, 1)), Signature("two", (1, 2))),
    ),
    "recurrent.keras": ((Signature("steps", (1, 4, 2)),), (Signature("next", (1, 1)),)),
}
Results = dict[str, "Converted | EdgekitError"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made(tmp_path_factory.getbasetemp())
    (folder / "damaged").mkdir()
    (folder / "damaged" / "saved_model.pb").write_bytes(b"\x0a\xff\xff\xff")
    with zipfile.ZipFile(folder / "gelu.keras") as source, zipfile.ZipFile(folder / "bomb.keras", "w") as bomb:
        for name in source.namelist():
            bomb.writestr(name, source.read(name).replace(b'"units": 2,', b'"units": 900000000000,'))
    return folder


@pytest.fixture(scope="module")
def results(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    names = [*REFUSED, *CONVERTED]
    work = tmp_path_factory.mktemp("converted")
    return dict(zip(names, convert_all([models / name for name in names], work), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(results: Results, name: str) -> None:
    assert isinstance(results[name], InputError)
    assert str(results[name]) == f"{name}: {REFUSED[name]}"


@pytest.mark.parametrize("name", CONVERTED)
def test_converted(results: Results, name: str) -> None:
    result = results[name]
    assert isinstance(result, Converted), result
    assert (result.inputs, result.outputs) == CONVERTED[name]
    assert set(result.tools) == {"keras", "tensorflow"}
    interpreter = litert.Interpreter(str(result.tflite))
    assert [tuple(d["shape"]) for d in interpreter.get_input_details()] == [s.shape for s in result.inputs]
    assert [tuple(d["shape"]) for d in interpreter.get_output_details()] == [s.shape for s in result.outputs]


@pytest.mark.parametrize("name", ["car.keras", "car.h5", "car_saved"])
def test_answers_as_keras_does(models: Path, results: Results, name: str) -> None:
    result = results[name]
    assert isinstance(result, Converted), result
    data = np.load(models / "car.npz")
    interpreter = litert.Interpreter(str(result.tflite))
    interpreter.allocate_tensors()
    first, second = interpreter.get_input_details()
    answers = []
    for row in data["x"]:
        interpreter.set_tensor(first["index"], row[None, :3])
        interpreter.set_tensor(second["index"], row[None, 3:])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    np.testing.assert_allclose(answers, data["y"], rtol=0, atol=1e-5)


def test_operators_carry_the_names_of_their_layers(results: Results) -> None:
    result = results["car.keras"]
    assert isinstance(result, Converted), result
    used = json.loads((result.saved_model / "operators.json").read_text())
    assert (used["Relu"], used["Tanh"]) == ("model/car/wide/Relu", "model/car/side/Tanh")


def test_a_residual_sum_is_an_addition(results: Results) -> None:
    """With batch 1 Keras would make it a bias: a FULLY_CONNECTED whose bias is computed."""
    result = results["car.keras"]
    assert isinstance(result, Converted), result
    operators = [op["op_name"] for op in litert.Interpreter(str(result.tflite))._get_ops_details()]
    assert operators.count("FULLY_CONNECTED") == 3
    assert "RESHAPE" not in operators


# The child process, with a worker that needs no TensorFlow.

WORKER = """
import os, signal
def handle(request):
    if request["name"] == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if request["name"] == "raise":
        raise KeyError("\\x1b[1mException encountered when calling f().\\nfirst line\\nsecond line")
    return {"name": request["name"]}
"""


def child(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, names: list[str]) -> list[object]:
    (folder / "some_worker.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    answers = run("some_worker", [{"name": name} for name in names])
    return [(type(a), str(a)) if isinstance(a, EdgekitError) else a for a in answers]


def test_a_crash_costs_its_own_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert child(monkeypatch, tmp_path, WORKER, ["a", "crash", "raise", "b"]) == [
        {"name": "a"},
        (
            InputError,
            "crash: TensorFlow crashed on it (SIGSEGV); the file is damaged, hostile or too large for this machine",
        ),
        (InputError, "raise: cannot be converted: first line"),
        {"name": "b"},
    ]


def test_an_installation_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert child(monkeypatch, tmp_path, "raise TypeError('gencode 6 against runtime 5')", ["a"]) == [
        (
            NotAvailable,
            "TensorFlow does not start here (gencode 6 against runtime 5); "
            "install it anew: pip install 'edgekit[convert]'",
        )
    ]


def test_the_callers_folder_shadows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for name in ("json", "tempfile", "edgekit", "some_worker"):
        (here / f"{name}.py").write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(here)
    assert child(monkeypatch, tmp_path, WORKER, ["a"]) == [{"name": "a"}]
