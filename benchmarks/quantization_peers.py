"""edgekit's quantizer beside its peers: the same float model, the same calibration rows, the same held-out rows.

    python benchmarks/quantization_peers.py FOLDER [--case NAME ...] [--write]

FOLDER keeps the trained models and every answer. Needs the extras convert and run; ai-edge-quantizer, and onnx,
onnxruntime and tf2onnx for the peers: what is not installed is "not run". `--write` puts the table into
docs/quantization.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from quantization_cases import CASES, REFERENCES, ROOT, prepare

from edgekit.config import Config, RecipeConfig
from edgekit.data import load_data
from edgekit.features import features_of
from edgekit.formats.tflite_write import write_tflite
from edgekit.load import load
from edgekit.metrics import Drop, classification_drop, regression_drop
from edgekit.quantize import Rows, quantize
from edgekit.runtimes.litert import Interpreter

Values = npt.NDArray[np.float32]
TABLE = re.compile(r"(?<=<!-- peers -->\n).*?(?=<!-- end of peers -->)", re.DOTALL)
BUDGET = 0.01


def source(folder: Path) -> Path:
    """Return the model of a case."""
    return next(p for p in (folder / "model.keras", folder / "model.tflite") if p.exists())


def keras_file(folder: Path) -> Path:
    """Return the Keras model of a case: the peers start from it."""
    name = CASES[folder.name].reference
    return REFERENCES / name.replace("_fp32", "").replace("tflite", "h5") if name else folder / "model.keras"


def rows(folder: Path, part: str) -> dict[str, Values]:
    """Return x (and y) of the calibration or evaluation rows."""
    with np.load(folder / f"{part}.npz") as file:
        return {name: file[name].astype(np.float32) for name in file}


def float_file(folder: Path) -> Path:
    """Return the float .tflite of a case, converted once."""
    made = folder / "float.tflite"
    if not made.exists():
        with tempfile.TemporaryDirectory() as work:
            made.write_bytes(write_tflite(load(source(folder), Path(work)).graph))
    return made


def run_tflite(raw: bytes, x: Values) -> Values:
    """Answer the rows; integer ends get QUANTIZE and DEQUANTIZE."""
    from ai_edge_litert.interpreter import Interpreter as Plain  # noqa: PLC0415

    plain = Plain(model_content=raw)
    plain.allocate_tensors()
    (first,), (last,) = plain.get_input_details(), plain.get_output_details()
    answers = []
    for row in x:
        value = row.reshape(first["shape"])
        if first["dtype"] != np.float32:
            scale, zero = first["quantization"]
            limits = np.iinfo(first["dtype"])
            value = np.clip(np.rint(value / scale) + zero, limits.min, limits.max).astype(first["dtype"])
        plain.set_tensor(first["index"], value)
        plain.invoke()
        found = plain.get_tensor(last["index"]).reshape(-1)
        if last["dtype"] != np.float32:
            scale, zero = last["quantization"]
            found = (found.astype(np.float32) - zero) * np.float32(scale)
        answers.append(found)
    return np.array(answers, np.float32)


def converter(folder: Path) -> Values:
    """TFLite converter, full int8 with float ends, its defaults."""
    import tensorflow as tf  # noqa: PLC0415 (each peer runs in a process of its own)

    made = tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(keras_file(folder), compile=False))
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: ([r[None]] for r in rows(folder, "calibration")["x"])
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    raw = made.convert()
    (folder / "converter.tflite").write_bytes(raw)
    return Interpreter(raw).run(_flat(rows(folder, "evaluation")["x"]))


def ai_edge(folder: Path) -> Values:
    """ai-edge-quantizer, static int8 weights and activations."""
    import tensorflow as tf  # noqa: PLC0415
    from ai_edge_litert.interpreter import Interpreter as Plain  # noqa: PLC0415
    from ai_edge_quantizer import quantizer, recipe  # noqa: PLC0415

    file = folder / "signature.tflite"  # it needs a signature, which edgekit does not write
    made = tf.lite.TFLiteConverter.from_keras_model(tf.keras.models.load_model(keras_file(folder), compile=False))
    file.write_bytes(made.convert())
    one = quantizer.Quantizer(str(file))
    one.load_quantization_recipe(recipe.static_wi8_ai8())
    (key, signature), *_ = Plain(str(file)).get_signature_list().items()
    shape = Plain(str(file)).get_input_details()[0]["shape"]
    x = rows(folder, "calibration")["x"]
    data = {key: [{signature["inputs"][0]: r.reshape(shape)} for r in x]}
    result = one.quantize(one.calibrate(data))
    (folder / "ai_edge.tflite").write_bytes(bytes(result.quantized_model))
    return run_tflite(bytes(result.quantized_model), _flat(rows(folder, "evaluation")["x"]))


def onnx(folder: Path) -> Values:
    """onnxruntime, static QDQ, int8, weights by channel, minima and maxima."""
    import onnxruntime as ort  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static  # noqa: PLC0415

    made, small, saved = folder / "float.onnx", folder / "int8.onnx", folder / "saved_model"
    tf.keras.models.load_model(keras_file(folder), compile=False).export(str(saved))
    command = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(saved), "--output", str(made)]
    subprocess.run([*command, "--opset", "17"], check=True, capture_output=True)
    session = ort.InferenceSession(str(made), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    shape = (1, *rows(folder, "calibration")["x"].shape[1:])

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rows = iter(rows(folder, "calibration")["x"])

        def get_next(self) -> Any:
            row = next(self.rows, None)
            return None if row is None else {name: row.reshape(shape)}

    kinds = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8, "per_channel": True}
    quantize_static(str(made), str(small), Reader(), quant_format=QuantFormat.QDQ, **kinds)
    session = ort.InferenceSession(str(small), providers=["CPUExecutionProvider"])
    x = rows(folder, "evaluation")["x"]
    return np.concatenate([session.run(None, {name: r.reshape(shape)})[0].reshape(1, -1) for r in x])


def own_int8(folder: Path) -> Values:
    """The int8 file that the benchmark itself publishes."""
    raw = (REFERENCES / CASES[folder.name].own_int8).read_bytes()
    return run_tflite(raw, _flat(rows(folder, "evaluation")["x"]))


def edgekit(folder: Path, mode: str = "auto") -> Values:
    """edgekit quantize with its defaults, or one recipe."""
    config = Config(task=task(folder), recipe=RecipeConfig(mode=mode))
    with tempfile.TemporaryDirectory() as work:
        model = load(source(folder), Path(work))
    parts = [load_data(folder / f"{p}.npz", config, model.inputs, model.output_elements) for p in PARTS]
    made = quantize(model, Rows(parts[0], parts[1], features_of(parts[0], config, model.inputs)), config)
    (folder / f"edgekit-{mode}.tflite").write_bytes(made.tflite)
    account = {"recipe": made.recipe, "rungs": len(made.rungs), "bytes": len(made.tflite), "holds": made.holds}
    (folder / f"edgekit-{mode}.json").write_text(json.dumps(account))
    return made.outputs


PARTS = ("calibration", "evaluation")
#: name: how it answers the held-out rows, and the packages that it needs.
CONTENDERS: Mapping[str, tuple[Callable[[Path], Values], tuple[str, ...]]] = {
    "converter": (converter, ("tensorflow",)),
    "ai-edge-quantizer": (ai_edge, ("ai_edge_quantizer",)),
    "onnxruntime": (onnx, ("onnx", "onnxruntime", "tf2onnx")),
    "its own int8": (own_int8, ()),
    "edgekit, full int8": (lambda folder: edgekit(folder, "int8+ranges"), ()),
    "edgekit": (edgekit, ()),
}


def task(folder: Path) -> str:
    """Return the task of a case."""
    return "classification" if folder.name == "resnet8" else "regression"


def answer(folder: Path, name: str, fresh: bool) -> Values | str:
    """Return the answers of one contender, or why there are none; each in a process of its own."""
    _, needs = CONTENDERS[name]
    missing = [package for package in needs if importlib.util.find_spec(package) is None]
    if missing:
        return f"not run: no {missing[0]}"
    if name == "its own int8" and not CASES[folder.name].own_int8:
        return ""
    kept = folder / f"answers-{name.replace(' ', '-')}.npy"
    if fresh or not kept.exists():
        command = [sys.executable, __file__, str(folder.parent), "--case", folder.name, "--child", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            return f"failed: {lines[-1][:60]}"
    return np.load(kept)


def judged(folder: Path, answers: Values) -> Drop:
    """Compare with the float model on the held-out rows."""
    held = rows(folder, "evaluation")
    kept = folder / "answers-float.npy"
    if not kept.exists():
        np.save(kept, Interpreter(float_file(folder).read_bytes()).run(_flat(held["x"])))
    compare = classification_drop if task(folder) == "classification" else regression_drop
    labels = held["y"].reshape(len(held["x"]), -1) if "y" in held else None
    return compare(labels, np.load(kept), answers)


def cell(folder: Path, found: Values | str) -> str:
    """Return a cell of the table: the drop, and the rms difference to float by its spread."""
    if isinstance(found, str):
        return found or "–"
    drop = judged(folder, found)
    spread = float(np.load(folder / "answers-float.npy").std())
    return f"{drop.drop:+.2%} ({drop.rms_difference / spread:.2%})"


def table(folder: Path, names: list[str], fresh: set[str], chosen: list[str]) -> str:
    """Return the table as Markdown, a line for each case."""
    head = ["case", "float", *CONTENDERS, "recipe of edgekit"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name in names:
        why = prepare(name, folder)
        if why:
            lines.append(f"| {CASES[name].meaning} | {why} |" + " |" * (len(head) - 2))
            continue
        found = {c: answer(folder / name, c, c in fresh) if c in chosen else "not asked" for c in CONTENDERS}
        drop = next(judged(folder / name, a) for a in found.values() if not isinstance(a, str))
        account = folder / name / "edgekit-auto.json"
        recipe = json.loads(account.read_text())["recipe"] if account.exists() else ""
        cells = [cell(folder / name, a) for a in found.values()]
        lines.append(
            f"| {' | '.join([CASES[name].meaning, f'{drop.metric} {drop.float_value:.4g}', *cells, recipe])} |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read options; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--contender", action="append", choices=list(CONTENDERS))
    parser.add_argument("--fresh", action="append", default=[], help="ask this contender again")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.case or list(CASES)
    folder = options.folder.resolve()
    if options.child:
        began = time.monotonic()
        found = CONTENDERS[options.child][0](folder / names[0])
        np.save(folder / names[0] / f"answers-{options.child.replace(' ', '-')}.npy", found)
        print(f"{options.child}: {time.monotonic() - began:.1f} s")
        return
    text = table(folder, names, set(options.fresh), options.contender or list(CONTENDERS))
    print(text)
    if options.write:
        page = ROOT / "docs" / "quantization.md"
        page.write_text(TABLE.sub(lambda _: text, page.read_text(encoding="utf-8")), encoding="utf-8")


def _flat(x: Values) -> Values:
    return x.reshape(len(x), -1)


if __name__ == "__main__":
    main()
