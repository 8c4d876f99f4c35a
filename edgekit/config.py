"""edgekit.toml: what a user says about a model, its features, outputs and budgets. Every key is optional.

Tables: name, version and task at the top; [[features]], [[outputs]], [[slices]], [data], [recipe],
[recipe.layers], [budgets], [targets.tfjs], [targets.wasm], [targets.pyodide], [targets.ort], [card], [gate], [run]. The
dataclasses here, in config_targets.py and config_daily.py are the reference; `edgekit init` writes a commented file.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgekit.config_daily import GateConfig, RunConfig, check_gate, check_run
from edgekit.config_targets import TargetsConfig, between, check_targets, one_of
from edgekit.errors import InputError
from edgekit.plain import read
from edgekit.transforms import TRANSFORMS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAME = "edgekit.toml"
TASKS = ("regression", "classification")
KINDS = ("number", "integer", "category")
#: auto climbs; the others are single rungs of the ladder (quantization/ladder.py) or modes (quantization/modes.py).
RECIPES = (
    *("auto", "int8", "int8+percentile", "int8+mse", "int8+ranges", "int8+equalized", "int8+int16-head"),
    *("int8+float-head", "int8+int16-layers", "int16", "int16x2", "int8+float-layers", "int8+tuned"),
    *("int8-weights", "int4-weights", "dynamic", "16x8", "float16", "float32"),
)
#: Other names of recipes.
ALIASES: Mapping[str, str] = {"16x8": "int16"}
LAYER_TYPES = ("int8", "int16", "float32")
METRICS = ("rmse", "mae", "r2", "top-1")
OWN_METRIC = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")
DIRECTIONS = ("increasing", "decreasing")
MAX_SPARSITY = 0.99
#: The name of a model becomes a part of file names and addresses.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
MAX_CONFIG_BYTES = 1_000_000
MAX_SEED = 2**32 - 1
MAX_CARD_TEXT = 4000
MAX_STEPS = 100_000


@dataclass(frozen=True)
class FeatureConfig:
    """One `[[features]]` table: a column of the data, in the order in which the model reads it."""

    column: str
    name: str = ""  # what people and clients call it; the column where absent
    unit: str = ""
    range: tuple[float, float] | None = None  # from the calibration data where absent
    kind: str = "number"
    categories: tuple[str, ...] = ()  # for kind = "category": the label of each code 0, 1, 2, ...
    input: str = ""  # which input of the model; the only one, or the first, where absent
    steps: int = 1  # of a window of time steps: the input is [steps, features], the newest step last
    monotone: str = ""  # increasing or decreasing: the direction in which the first output must go with it


@dataclass(frozen=True)
class OutputConfig:
    """One `[[outputs]]` table, in the order of the model's output values."""

    name: str
    unit: str = ""
    column: str = ""  # the label's column in tabular data; `name` where absent
    transform: str = ""  # log, log10 or log1p: what was done to the label; clients undo it and give the value in `unit`


@dataclass(frozen=True)
class SliceConfig:
    """One `[[slices]]` table: a part of the evaluation rows that is judged on its own."""

    name: str
    column: str = ""  # each of its values is a slice, or each of the bins
    bins: tuple[float, ...] = ()  # the edges between bins of `column`
    where: str = ""  # instead of a column: a condition such as "age > 60 and sex == 1"


@dataclass(frozen=True)
class DataConfig:
    """`[data]`: which files and rows judge the model."""

    evaluation: str = ""  # a file of held-out rows, relative to edgekit.toml; a quarter of --data where absent
    seed: int = 0
    time: str = ""  # a column of times: the latest rows are held out, not random ones
    max_rows: int = 200_000  # of larger files that many rows are kept, at equal distances
    max_age: float = 0.0  # days that the newest time in `time` may be old before training; 0 for any age


@dataclass(frozen=True)
class RecipeConfig:
    """`[recipe]`: how the model is quantized."""

    mode: str = "auto"  # climbs the ladder until the budget holds; or one rung, or a mode (docs/quantization.md)
    calibration_rows: int = 500
    sparsity: float = 0.0  # the part of the weights that is pruned away first; needs the extra convert
    layers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BudgetConfig:
    """`[budgets]`: what must hold, or the export says no (exit code 1)."""

    max_drop: float = 0.01  # relative loss of the task's metric against the float model; 0.01 or "1%"
    max_slice_drop: float = 0.05  # the same for the worst slice; half of it for a pruned model
    metric: str = ""  # rmse, mae or r2; top-1; or your own "module:function"


@dataclass(frozen=True)
class CardConfig:
    """`[card]`: what only you know about the model; it goes into the bundle's model card, which anyone may read."""

    owner: str = ""  # who answers for the model
    license: str = ""  # under which terms it may be used
    contact: str = ""  # where questions go
    intended_use: str = ""  # what it is for, and for whom
    out_of_scope: str = ""  # what it must not be used for
    training_data: str = ""  # what the float model was trained on
    ethics: str = ""  # who may be harmed, and what was done about it
    caveats: str = ""  # what else a user must know


@dataclass(frozen=True)
class Config:
    """A whole edgekit.toml."""

    name: str = ""  # the model file's stem where absent
    version: str = "0.1.0"
    task: str = "regression"
    features: tuple[FeatureConfig, ...] = ()
    outputs: tuple[OutputConfig, ...] = ()
    slices: tuple[SliceConfig, ...] = ()
    data: DataConfig = field(default_factory=DataConfig)
    recipe: RecipeConfig = field(default_factory=RecipeConfig)
    budgets: BudgetConfig = field(default_factory=BudgetConfig)
    targets: TargetsConfig = field(default_factory=TargetsConfig)
    card: CardConfig = field(default_factory=CardConfig)
    gate: GateConfig | None = None  # None: no [gate] in the file, and publish asks for no report of check
    run: RunConfig = field(default_factory=RunConfig)


def find_config(explicit: Path | None) -> Config:
    """Read the file that was asked for, else ./edgekit.toml where there is one, else return the defaults."""
    if explicit is not None:
        return read_config(explicit)
    here = Path(FILE_NAME)
    return read_config(here) if here.exists() else Config()


def read_config(path: Path) -> Config:
    """Read and check an edgekit.toml; `data.evaluation` is resolved against the file's own folder.

    Raises InputError naming the file and the key: not TOML, unknown key, wrong type, value that makes no sense.
    """
    raw = _parse(path)
    for name in ("budgets", "gate"):
        for key in ("max_drop", "max_slice_drop", "min_effect"):
            table = raw.get(name)
            if isinstance(table, dict) and isinstance(table.get(key), str):
                table[key] = parse_drop(table[key], f"{path}: {name}: {key}")
    try:
        config = read(Config, raw, str(path))
    except OverflowError:
        raise InputError(f"{path}: a whole number is too large to be a number of float64; use a smaller one") from None
    check(config, str(path))
    if config.data.evaluation:
        evaluation = str(path.parent / config.data.evaluation)
        config = replace(config, data=replace(config.data, evaluation=evaluation))
    return with_ort_dist(config, path.parent / config.targets.ort.dist) if config.targets.ort.dist else config


def with_ort_dist(config: Config, folder: Path) -> Config:
    """Return a config whose target ort takes its runtime from a folder."""
    ort = replace(config.targets.ort, dist=str(folder))
    return replace(config, targets=replace(config.targets, ort=ort))


def metric_of(config: Config) -> str:
    """Return the metric that judges: the one asked for, else the task's own."""
    return config.budgets.metric or ("top-1" if config.task == "classification" else "rmse")


def parse_drop(text: str, where: str) -> float:
    """Read a relative loss written as "0.5%" or "0.005"; the range is left to `check`."""
    number = text.strip()
    percent = number.endswith("%")
    try:
        value = float(number.removesuffix("%"))
    except ValueError:
        raise InputError(f'{where} is {text!r}; write a share such as 0.005 or "0.5%"') from None
    return value / 100 if percent else value


def check(config: Config, where: str) -> None:
    """Check every value of a config; `where` starts the message."""
    if config.name and not NAME.match(config.name):
        raise InputError(
            f"{where}: name is {config.name!r}; use up to 64 letters, digits, _ . or -, a letter or digit first"
        )
    _text(config.version, 64, f"{where}: version")
    one_of(config.task, TASKS, f"{where}: task")
    for number, feature in enumerate(config.features, 1):
        _check_feature(feature, f"{where}: [[features]] number {number}")
    _unique((f.name or f.column for f in config.features), f"{where}: [[features]]")
    for number, output in enumerate(config.outputs, 1):
        _text(output.name, 100, f"{where}: [[outputs]] number {number}: name")
        _text(output.unit, 40, f"{where}: [[outputs]] number {number}: unit", optional=True)
        if output.transform:
            one_of(output.transform, TRANSFORMS, f"{where}: [[outputs]] number {number}: transform")
    _unique((o.name for o in config.outputs), f"{where}: [[outputs]]")
    between(config.data.seed, (0, MAX_SEED), f"{where}: data: seed")
    between(config.data.max_rows, (100, 100_000_000), f"{where}: data: max_rows")
    if not 0 <= config.data.max_age <= 36500:  # also catches nan
        raise InputError(f"{where}: data: max_age is {config.data.max_age:g}; use days, 0 for any age")
    if config.data.max_age and not config.data.time:
        raise InputError(f"{where}: data: max_age needs a column of times; name it in time")
    one_of(config.recipe.mode, RECIPES, f"{where}: recipe: mode")
    if config.recipe.calibration_rows < 1:
        raise InputError(
            f"{where}: recipe: calibration_rows is {config.recipe.calibration_rows}; use 1 or more, such as 500"
        )
    _check_recipe(config.recipe, f"{where}: recipe")
    _check_budgets(config, f"{where}: budgets")
    for number, one in enumerate(config.slices, 1):
        _check_slice(one, f"{where}: [[slices]] number {number}")
    _unique((s.name for s in config.slices), f"{where}: [[slices]]")
    if config.gate is not None:
        check_gate(config.gate, f"{where}: gate")
    check_run(config.run, f"{where}: run")
    check_targets(config.targets, f"{where}: targets")
    for key, value in vars(config.card).items():
        if (flaw := text_flaw(" ".join(value.split()), MAX_CARD_TEXT)) and value:
            raise InputError(f"{where}: card: {key} {flaw}; write plain text")


def text_flaw(text: str, limit: int) -> str:
    """Say what makes a text unfit as a name or unit that people read; empty where nothing does."""
    if not text:
        return "is empty"
    if len(text) > limit:
        return f"is longer than {limit} characters"
    if text != text.strip():
        return "begins or ends with a space"
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        return "holds a control character or line break"
    return ""


def _parse(path: Path) -> dict[str, Any]:
    try:
        if not path.exists():
            raise InputError(f"{path}: there is no such file; write one with: edgekit init")
        if not path.is_file():
            raise InputError(f"{path} is not a file; give the path of an {FILE_NAME}")
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise InputError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes; an {FILE_NAME} is a few kilobytes")
        parsed: dict[str, Any] = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        return parsed
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}; correct it there") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; thousands of nested lists
        raise InputError(f"{path} is not a usable TOML file: a value is too long or nested too deep") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check its permissions") from None


def _check_recipe(recipe: RecipeConfig, where: str) -> None:
    if not 0 <= recipe.sparsity <= MAX_SPARSITY:
        raise InputError(f"{where}: sparsity is {recipe.sparsity:g}; use a share from 0 to {MAX_SPARSITY} such as 0.8")
    for pattern, dtype in recipe.layers.items():
        one_of(dtype, LAYER_TYPES, f"{where}: layers: {pattern}")


def _check_budgets(config: Config, where: str) -> None:
    for key in ("max_drop", "max_slice_drop"):
        value = getattr(config.budgets, key)
        if not 0 <= value <= 1:  # also catches nan
            raise InputError(
                f'{where}: {key} is {value:g}; write a share from 0 to 1 such as 0.01, or a percentage such as "1%"'
            )
    metric = config.budgets.metric
    if metric and metric not in METRICS and not OWN_METRIC.match(metric):
        raise InputError(f"{where}: metric is {metric!r}; choose one of {', '.join(METRICS)}, or write module:function")
    if metric in METRICS and (metric == "top-1") != (config.task == "classification"):
        raise InputError(f"{where}: metric is {metric!r}, which is not one for {config.task}; change it or the task")


def _check_slice(one: SliceConfig, where: str) -> None:
    _text(one.name, 100, f"{where}: name")
    if bool(one.column) == bool(one.where):
        raise InputError(f"{where}: give either a column or a condition in `where`")
    if one.bins and (not one.column or list(one.bins) != sorted(set(one.bins))):
        raise InputError(f"{where}: bins are the edges for a column, each larger than the one before; correct them")


def _check_feature(feature: FeatureConfig, where: str) -> None:
    if not feature.column:
        raise InputError(f"{where}: column is empty; name the column of the data")
    _text(feature.name or feature.column, 100, f"{where}: name")
    _text(feature.unit, 40, f"{where}: unit", optional=True)
    one_of(feature.kind, KINDS, f"{where}: kind")
    between(feature.steps, (1, MAX_STEPS), f"{where}: steps")
    if feature.steps > 1 and (feature.kind == "category" or feature.monotone):
        what = "categories" if feature.kind == "category" else "monotone"
        raise InputError(f"{where}: {what} cannot be said of a window of steps; leave it out")
    if feature.monotone:
        one_of(feature.monotone, DIRECTIONS, f"{where}: monotone")
    if feature.range is not None:
        low, high = feature.range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(f"{where}: range is [{low:g}, {high:g}]; write two finite numbers, the smaller one first")
    if feature.kind != "category":
        if feature.categories:
            raise InputError(f'{where}: categories need kind = "category"; set it or remove them')
        return
    if feature.range is not None:
        raise InputError(f"{where}: a category has no range; remove it, categories say it all")
    if len(feature.categories) < 2:
        raise InputError(f"{where}: categories must name at least 2 labels, in the order of their codes 0, 1, ...")
    for label in feature.categories:
        _text(label, 100, f"{where}: the category {label!r}")
    _unique(feature.categories, f"{where}: categories")


def _text(value: str, limit: int, where: str, optional: bool = False) -> None:
    flaw = "" if optional and not value else text_flaw(value, limit)
    if flaw:
        raise InputError(f"{where} {flaw}; write a short plain text")


def _unique(names: Iterable[str], where: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(f"{where}: the name {name!r} is there {count} times; give each its own")
