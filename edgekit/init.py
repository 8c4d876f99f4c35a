"""Write a first edgekit.toml: every key, its meaning, and what a model and data already tell."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekit.config import FILE_NAME, NAME, BudgetConfig, Config, DataConfig, FeatureConfig, RecipeConfig
from edgekit.config_targets import OrtConfig, PyodideConfig, TfjsConfig, WasmConfig
from edgekit.data import Dataset
from edgekit.errors import InputError
from edgekit.features import features_of, series_of
from edgekit.manifest import Feature, Signature
from edgekit.placement import MAX_NAMED, elements, names_of, numbers, results_of

_TOP = """\
# edgekit.toml: what edgekit knows about this model. Every key may be left out; an unknown key is an error.

{name}                # part of file names and addresses; the model file's name where absent
version = "{version}"             # shown to users; raise it with every release
task = "regression"           # regression | classification

# One [[features]] table for each number that the model reads, in the model's order.
#   column      the column of the .csv or .parquet file, or the name in the .npz file's array `features`
#   name        what people and programs call it; the column where absent
#   unit        shown beside the number, such as "mmHg"
#   range       [lowest, highest] that users may enter; from the data where absent
#   kind        number | integer | category
#   categories  for kind = "category": the labels of the codes 0, 1, 2, ..., instead of a range
#   input       which input of the model; the first where absent
#   steps       of a window of time: the input is [steps, features], one table for each feature, the newest step last
#   monotone    increasing | decreasing: the direction in which the answer must go with it; checked, not forced
"""
_END = """\

# The rows that judge the model.
[data]
evaluation = ""               # a file of held-out rows, relative to this one; a quarter of --data where empty
seed = {seed}                      # of that split
time = ""                     # a column of times: then the latest rows are held out, not random ones
max_rows = {most}            # of larger files that many rows are kept, at equal distances
max_age = 0.0                 # days that the newest time may be old before training; 0 for any age

# Parts of the rows that are judged on their own, beside those that edgekit finds itself.
# [[slices]]
# name = "elderly"
# where = "age > 60 and bmi > 30"
# [[slices]]
# name = "bmi"
# column = "bmi"
# bins = [18.5, 25.0, 30.0]

# How the model becomes int8.
[recipe]
mode = "{mode}"                 # auto: the first rung of the ladder that keeps the budget; or one of them, or a mode
calibration_rows = {rows}        # at most this many rows set the ranges
sparsity = 0.0                # the part of the weights that is pruned away first
# [recipe.layers]             # a type for layers by name: int8, int16, float32
# "*dense_3*" = "int16"

# What must hold, or the export says no.
[budgets]
max_drop = "{drop:g}%"               # relative loss of the task's metric against the float model; or 0.01
max_slice_drop = "{slice:g}%"         # the same for the worst slice; half of it for a pruned model
metric = ""                   # rmse | mae | r2 | top-1 | your own "module:function"; the task's where empty

[targets.tfjs]
weights = "{weights}"           # float32 | uint8 (a quarter of the bytes, less exact)
shard_bytes = {tfjs}         # weights are cut into files of this size

[targets.wasm]
shard_bytes = {wasm}

[targets.pyodide]
weights = "{python}"            # inside the wheel | shards (beside it, fetched when they are needed)
shard_bytes = {pyodide}

[targets.ort]
model = "auto"                # quantized | float32 | auto: timed in Chromium, the better one
backend = "wasm"              # wasm | webgpu (a larger runtime; float32 only)
measure = true                # false: the smaller model, the same on every machine
shard_bytes = {ort}
dist = ""                     # a folder with a build of onnxruntime-web of your own

# What only you know about the model, for its model card, which anyone may read:
# owner, license, contact, intended_use, out_of_scope, training_data, ethics, caveats.
[card]

# The daily loop (docs/daily.md): what edgekit check asks of a bundle, and what edgekit run does.
# [gate]
# max_first_load = "200kB"    # bytes of a first visit
# bench = ["chromium:wasm"]   # measured beside the published bundle
# [run]
# train = ["python", "train.py"]
# inputs = ["train.py"]       # what the training reads
# model = "model.keras"
# data = "calibration.npz"
# site = "my-site"            # nothing is published where absent
"""
_EXAMPLE_FEATURE = """
# [[features]]
# column = "age"
# name = "age"
# unit = "years"
# range = [18.0, 90.0]
# kind = "integer"
"""
_EXAMPLE_OUTPUT = """# [[outputs]]
# name = "progression"
# unit = ""
"""
_OUTPUTS = """
# One [[outputs]] table for each number that the model gives, in order.
#   name    what people and programs call it
#   unit    shown beside the number
#   column  the label's column in the data; the name where absent
#   transform  log | log10 | log1p: what was done to the label before training; clients undo it and give `unit`
"""


def starter(name: str, inputs: tuple[Signature, ...], data: Dataset | None, outputs: int = 1) -> str:
    """Return the text of an edgekit.toml for a model with these inputs and this many output numbers.

    Without inputs, features and outputs are examples in comments; so are they for more than 256 numbers.
    """
    config = Config()
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).lstrip("_.-")[:64]
    end = _END.format(
        seed=DataConfig().seed,
        mode=RecipeConfig().mode,
        rows=RecipeConfig().calibration_rows,
        drop=BudgetConfig().max_drop * 100,
        slice=BudgetConfig().max_slice_drop * 100,
        most=DataConfig().max_rows,
        weights=TfjsConfig().weights,
        tfjs=TfjsConfig().shard_bytes,
        wasm=WasmConfig().shard_bytes,
        python=PyodideConfig().weights,
        pyodide=PyodideConfig().shard_bytes,
        ort=OrtConfig().shard_bytes,
    )
    named = f"name = {_quoted(clean)}" if NAME.match(clean) else '# name = "model"'
    top = _TOP.format(name=named, version=config.version)
    return top + _features(inputs, data) + _OUTPUTS + _results(inputs, data, outputs) + end


def refuse_overwrite(folder: Path, force: bool) -> None:
    """Raise InputError where `write` would not be allowed, before any work is done."""
    file = folder / FILE_NAME
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; give the folder that {FILE_NAME} belongs in")
        if file.exists() and not force:
            raise InputError(f"{file} is there already; add --force to overwrite it")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; choose another folder") from None


def write(folder: Path, text: str, force: bool) -> Path:
    """Write edgekit.toml whole or not at all, and return its path."""
    refuse_overwrite(folder, force)
    file = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{FILE_NAME}.", suffix=".part", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).chmod(0o644)
            Path(part).replace(file)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}; choose another folder") from None
    return file


def _features(inputs: tuple[Signature, ...], data: Dataset | None) -> str:
    if not inputs:
        return _EXAMPLE_FEATURE
    count = sum(map(elements, inputs))
    if windows := _windows(inputs):
        return _series(windows, inputs, data)
    if count > MAX_NAMED:
        return f"# This model reads {count} numbers, too many to name each of them.\n"
    if data is None:
        names = names_of(Config(), inputs)
        return "".join(
            _feature(name, signature.name if len(inputs) > 1 else "", None, "number")
            for name, (signature, _) in zip(names, numbers(inputs), strict=True)
        )
    return "".join(
        _feature(f.name, f.input if len(inputs) > 1 else "", f, _kind(data, i))
        for i, f in enumerate(features_of(data, Config(), inputs))
    )


def _windows(inputs: tuple[Signature, ...]) -> Config | None:
    """Return the features of inputs [steps, features]; None where an input is none of these."""
    if not all(len(s.shape) == 3 and s.shape[1] > 1 and s.shape[2] <= MAX_NAMED for s in inputs):
        return None
    features = [
        FeatureConfig(f"{s.name}_{i}", input=s.name if len(inputs) > 1 else "", steps=s.shape[1])
        for s in inputs
        for i in range(s.shape[2])
    ]
    return Config(features=tuple(features))


def _series(config: Config, inputs: tuple[Signature, ...], data: Dataset | None) -> str:
    if data is None:
        return "".join(_feature(f.column, f.input, None, "number", f.steps) for f in config.features)
    named = replace(data, names=names_of(config, inputs))
    joined, newest = series_of(features_of(named, config, inputs), config, inputs)
    return "".join(
        _feature(f.name, f.input if len(inputs) > 1 else "", f, _kind(data, i), f.steps or 1)
        for f, i in zip(joined, newest, strict=True)
    )


def _feature(name: str, input_name: str, seen: Feature | None, kind: str, steps: int = 1) -> str:
    span = "# range = [0.0, 1.0]"
    if seen is not None:
        span = f"range = [{seen.range[0]!r}, {seen.range[1]!r}]  # seen in the data"
    lines = [
        "[[features]]",
        f"column = {_quoted(name)}",
        f"name = {_quoted(name)}",
        'unit = ""',
        span,
        f'kind = "{kind}"',
    ]
    if steps > 1:
        lines.append(f"steps = {steps}")
    if input_name:
        lines.append(f"input = {_quoted(input_name)}")
    return "\n" + "\n".join(lines) + "\n"


def _results(inputs: tuple[Signature, ...], data: Dataset | None, outputs: int) -> str:
    names = data.label_names if data is not None else ()
    if len(names) != outputs:
        names = tuple(o.name for o in results_of(Config(), outputs))
    if not inputs or not names:
        return _EXAMPLE_OUTPUT
    return "\n".join(f'[[outputs]]\nname = {_quoted(name)}\nunit = ""\n' for name in names)


def _kind(data: Dataset, index: int) -> str:
    column = data.inputs[:, index]
    return "integer" if bool(np.all(column == np.floor(column))) else "number"


def _quoted(text: str) -> str:
    """Write a TOML basic string: JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
