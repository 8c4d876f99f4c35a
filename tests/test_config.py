"""edgekit.toml: what is read, what is refused, and with which sentence."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.config import (
    KINDS,
    LAYER_TYPES,
    MAX_SEED,
    RECIPES,
    TASKS,
    TFJS_WEIGHTS,
    BudgetConfig,
    Config,
    DataConfig,
    FeatureConfig,
    OutputConfig,
    RecipeConfig,
    SliceConfig,
    TargetsConfig,
    TfjsConfig,
    WasmConfig,
    check,
    find_config,
    read_config,
)
from edgekit.errors import InputError
from edgekit.plain import plain, read

FULL = """
name = "health"
version = "1.2.0"
task = "regression"
[[features]]
column = "AGE"
name = "age"
unit = "years"
range = [18, 90.5]
kind = "integer"
monotone = "increasing"
[[features]]
column = "sex"
kind = "category"
categories = ["f", "m"]
input = "other"
[[outputs]]
name = "progression"
unit = "points"
column = "y"
[[slices]]
name = "elderly"
where = "age > 60"
[[slices]]
name = "age"
column = "age"
bins = [30, 60]
[data]
evaluation = "held_out.csv"
seed = 7
time = "day"
max_rows = 1000
[recipe]
mode = "int8"
calibration_rows = 100
sparsity = 0.5
[recipe.layers]
"dense*" = "int16"
[budgets]
max_drop = "0.5%"
max_slice_drop = "4%"
metric = "mae"
[targets.tfjs]
weights = "uint8"
shard_bytes = 1024
[targets.wasm]
shard_bytes = 65536
"""


def write(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "edgekit.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(file: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_config(file)
    return str(caught.value)


def test_every_key_is_read(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, FULL)) == Config(
        name="health",
        version="1.2.0",
        task="regression",
        features=(
            FeatureConfig("AGE", "age", "years", (18.0, 90.5), "integer", monotone="increasing"),
            FeatureConfig("sex", kind="category", categories=("f", "m"), input="other"),
        ),
        outputs=(OutputConfig("progression", "points", "y"),),
        slices=(SliceConfig("elderly", where="age > 60"), SliceConfig("age", "age", (30.0, 60.0))),
        data=DataConfig(str(tmp_path / "held_out.csv"), 7, "day", 1000),
        recipe=RecipeConfig("int8", 100, 0.5, {"dense*": "int16"}),
        budgets=BudgetConfig(0.005, 0.04, "mae"),
        targets=TargetsConfig(TfjsConfig("uint8", 1024), WasmConfig(65536)),
    )


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, "")) == Config()


def test_the_defaults_pass_their_own_check() -> None:
    check(Config(), "defaults")


@pytest.mark.parametrize(
    ("written", "drop"),
    [
        pytest.param("0.005", 0.005, id="a share"),
        pytest.param("0", 0.0, id="a whole number is a number"),
        pytest.param('"0.5%"', 0.005, id="a percentage"),
        pytest.param('" 2 % "', 0.02, id="spaces do not matter"),
        pytest.param('"0.01"', 0.01, id="a share in quotes"),
    ],
)
def test_max_drop(tmp_path: Path, written: str, drop: float) -> None:
    assert read_config(write(tmp_path, f"[budgets]\nmax_drop = {written}\n")).budgets.max_drop == drop


FEATURE = '[[features]]\ncolumn = "a"\n'

BAD = [
    pytest.param(
        "[recipe]\nsparsity = 1.0",
        ": recipe: sparsity is 1; use a share from 0 to 0.99 such as 0.8",
        id="nothing would be left",
    ),
    pytest.param(
        "[recipe.layers]\n'dense*' = 'int4'",
        ": recipe: layers: dense* is 'int4'; choose one of int8, int16, float32",
        id="a type that no layer computes in",
    ),
    pytest.param(
        "[budgets]\nmetric = 'accuracy'",
        ": budgets: metric is 'accuracy'; choose one of rmse, mae, r2, top-1, or write module:function",
        id="an unknown metric",
    ),
    pytest.param(
        "[budgets]\nmetric = 'top-1'",
        ": budgets: metric is 'top-1', which is not one for regression; change it or the task",
        id="a metric of the other task",
    ),
    pytest.param(
        "[[slices]]\nname = 'a'",
        ": [[slices]] number 1: give either a column or a condition in `where`",
        id="a slice of nothing",
    ),
    pytest.param(
        "[[slices]]\nname = 'a'\ncolumn = 'b'\nbins = [2.0, 1.0]",
        ": [[slices]] number 1: bins are the edges for a column, each larger than the one before; correct them",
        id="bins that fall",
    ),
    pytest.param(
        FEATURE + "monotone = 'up'",
        ": [[features]] number 1: monotone is 'up'; choose one of increasing, decreasing",
        id="a direction that is none",
    ),
    pytest.param(
        "nane = 'x'",
        ": unknown key 'nane'; known keys are budgets, data, features, name, outputs, recipe, slices, "
        "targets, task, version",
        id="a typo at the top",
    ),
    pytest.param(
        "[recipe]\nmod = 'int8'",
        ": recipe: unknown key 'mod'; known keys are calibration_rows, layers, mode, sparsity",
        id="a typo in a table",
    ),
    pytest.param(
        FEATURE + "units = 'kg'",
        ": features[0]: unknown key 'units'; known keys are categories, column, input, kind, "
        "monotone, name, range, unit",
        id="a typo in a list of tables",
    ),
    pytest.param(
        "[targets.flutter]",
        ": targets: unknown key 'flutter'; known keys are tfjs, wasm",
        id="a target without options",
    ),
    pytest.param("[[features]]\nname = 'a'", ": features[0]: the key 'column' is missing", id="a feature of no column"),
    pytest.param("[features]\ncolumn = 'a'", ": features must be a list, not a table", id="one bracket too few"),
    pytest.param("name = 3", ": name must be text, not a whole number", id="a number as name"),
    pytest.param(
        "name = 'a b'",
        ": name is 'a b'; use up to 64 letters, digits, _ . or -, a letter or digit first",
        id="a name becomes file names",
    ),
    pytest.param(
        "name = '../x'",
        ": name is '../x'; use up to 64 letters, digits, _ . or -, a letter or digit first",
        id="a name never leaves its folder",
    ),
    pytest.param("version = ''", ": version is empty; write a short plain text", id="no version"),
    pytest.param(
        'version = "1\\n2"',
        ": version holds a control character or line break; write a short plain text",
        id="a version of two lines",
    ),
    pytest.param(
        "task = 'ranking'", ": task is 'ranking'; choose one of regression, classification", id="an unknown task"
    ),
    pytest.param(
        FEATURE + "kind = 'text'",
        ": [[features]] number 1: kind is 'text'; choose one of number, integer, category",
        id="an unknown kind",
    ),
    pytest.param(
        FEATURE + "range = [3, 3]",
        ": [[features]] number 1: range is [3, 3]; write two finite numbers, the smaller one first",
        id="an empty range",
    ),
    pytest.param(
        FEATURE + "range = [0, inf]",
        ": [[features]] number 1: range is [0, inf]; write two finite numbers, the smaller one first",
        id="a range without end",
    ),
    pytest.param(
        FEATURE + "range = [nan, 1]",
        ": [[features]] number 1: range is [nan, 1]; write two finite numbers, the smaller one first",
        id="nan compares false",
    ),
    pytest.param(FEATURE + "range = [1]", ": features[0]: range must have 2 values, not 1", id="half a range"),
    pytest.param(
        FEATURE + "categories = ['x', 'y']",
        ': [[features]] number 1: categories need kind = "category"; set it or remove them',
        id="categories of a number",
    ),
    pytest.param(
        FEATURE + "kind = 'category'\ncategories = ['x']",
        ": [[features]] number 1: categories must name at least 2 labels, in the order of their codes 0, 1, ...",
        id="a category without choice",
    ),
    pytest.param(
        FEATURE + "kind = 'category'\ncategories = ['x', 'y', 'x']",
        ": [[features]] number 1: categories: the name 'x' is there 2 times; give each its own",
        id="a label with two codes",
    ),
    pytest.param(
        FEATURE + "kind = 'category'\ncategories = ['x', 'y']\nrange = [0, 1]",
        ": [[features]] number 1: a category has no range; remove it, categories say it all",
        id="a category with a range",
    ),
    pytest.param(
        "[[features]]\ncolumn = ''",
        ": [[features]] number 1: column is empty; name the column of the data",
        id="an empty column",
    ),
    pytest.param(
        FEATURE + "[[features]]\ncolumn = 'b'\nname = 'a'",
        ": [[features]]: the name 'a' is there 2 times; give each its own",
        id="a name that is another's column",
    ),
    pytest.param(
        "[[outputs]]\nname = 'o'\n[[outputs]]\nname = 'o'",
        ": [[outputs]]: the name 'o' is there 2 times; give each its own",
        id="two outputs of one name",
    ),
    pytest.param("[data]\nseed = -1", ": data: seed is -1; use a number from 0 to 4294967295", id="a negative seed"),
    pytest.param("[data]\nseed = 1.5", ": data: seed must be a whole number, not a number", id="half a seed"),
    pytest.param(
        "[recipe]\nmode = 'int4'",
        ": recipe: mode is 'int4'; choose one of " + ", ".join(RECIPES),
        id="an unknown recipe",
    ),
    pytest.param(
        "[recipe]\ncalibration_rows = 0",
        ": recipe: calibration_rows is 0; use 1 or more, such as 500",
        id="no rows to calibrate",
    ),
    pytest.param(
        "[budgets]\nmax_drop = 5",
        ': budgets: max_drop is 5; write a share from 0 to 1 such as 0.01, or a percentage such as "1%"',
        id="a percentage without its sign",
    ),
    pytest.param(
        "[budgets]\nmax_drop = nan",
        ': budgets: max_drop is nan; write a share from 0 to 1 such as 0.01, or a percentage such as "1%"',
        id="nan passes every comparison but one",
    ),
    pytest.param(
        "[budgets]\nmax_drop = 'little'",
        ": budgets: max_drop is 'little'; write a share such as 0.005 or \"0.5%\"",
        id="a word",
    ),
    pytest.param(
        "[targets.tfjs]\nweights = 'int8'",
        ": targets: tfjs: weights is 'int8'; choose one of float32, uint8",
        id="weights that TF.js has not",
    ),
    pytest.param(
        "[targets.wasm]\nshard_bytes = 1000",
        ": targets: wasm: shard_bytes is 1000; use a number from 1024 to 2000000000",
        id="shards of crumbs",
    ),
    pytest.param(
        "[budgets]\nmax_drop = " + "9" * 400,
        ": a whole number is too large to be a number of float64; use a smaller one",
        id="an int that overflows float",
    ),
    pytest.param(
        "[data]\nseed = " + "9" * 5000,
        " is not a usable TOML file: a value is too long or nested too deep",
        id="more digits than Python converts",
    ),
    pytest.param(
        "name = " + "[" * 5000,
        " is not a usable TOML file: a value is too long or nested too deep",
        id="nested beyond the stack",
    ),
    pytest.param(b"name = '\xff'", " is not UTF-8 text; save it as UTF-8", id="Latin-1"),
    pytest.param(
        b"#" * 1_000_001, " is larger than 1000000 bytes; an edgekit.toml is a few kilobytes", id="a file too large"
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_file_is_refused_with_one_sentence(tmp_path: Path, text: str | bytes, message: str) -> None:
    file = write(tmp_path, text)
    assert refusal(file) == f"{file}{message}"


def test_broken_toml_names_the_place(tmp_path: Path) -> None:
    file = write(tmp_path, "name = 'x'\nversion = \n")
    assert refusal(file) == f"{file} is not TOML: Invalid value (at line 2, column 11); correct it there"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    assert refusal(file) == f"{file}: there is no such file; write one with: edgekit init"
    assert refusal(tmp_path) == f"{tmp_path} is not a file; give the path of an edgekit.toml"


def test_find_config_takes_the_explicit_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(None) == Config()
    write(tmp_path, "name = 'here'")
    (tmp_path / "other.toml").write_text("name = 'there'\n[data]\nevaluation = 'e.csv'\n")
    assert find_config(None).name == "here"
    assert find_config(Path("other.toml")).name == "there"
    assert find_config(Path("other.toml")).data.evaluation == "e.csv"


NAMES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=20)
UNITS = st.sampled_from(["", "kg", "µg/l", "°C", "😀", 'a"b\\c'])
SHARDS = st.integers(1024, 2_000_000_000)


@st.composite
def features(draw: st.DrawFn) -> tuple[FeatureConfig, ...]:
    made = []
    for name in draw(st.lists(NAMES, unique=True, max_size=4)):
        kind = draw(st.sampled_from(KINDS))
        category = kind == "category"
        low = draw(st.floats(-1e30, 1e30))
        span = None if category else draw(st.sampled_from([None, (low, low + abs(low) + 1)]))
        labels = tuple(draw(st.lists(NAMES, unique=True, min_size=2, max_size=4))) if category else ()
        made.append(FeatureConfig(draw(UNITS) + "c", name, draw(UNITS), span, kind, labels, draw(UNITS)))
    return tuple(made)


CONFIGS = st.builds(
    Config,
    name=st.one_of(st.just(""), NAMES),
    version=NAMES,
    task=st.sampled_from(TASKS),
    features=features(),
    outputs=st.lists(NAMES, unique=True, max_size=3).map(lambda names: tuple(OutputConfig(n, "u", n) for n in names)),
    data=st.builds(DataConfig, st.just(""), st.integers(0, MAX_SEED), st.just("day"), st.integers(100, 10**8)),
    recipe=st.builds(
        RecipeConfig,
        st.sampled_from(RECIPES),
        st.integers(1, 10**6),
        st.floats(0, 0.99),
        st.dictionaries(st.sampled_from(["dense", "conv"]), st.sampled_from(LAYER_TYPES)),
    ),
    budgets=st.builds(BudgetConfig, st.floats(0, 1), st.floats(0, 1), st.sampled_from(["", "a.b:c"])),
    targets=st.builds(
        TargetsConfig,
        st.builds(TfjsConfig, st.sampled_from(TFJS_WEIGHTS), SHARDS),
        st.builds(WasmConfig, SHARDS),
    ),
)


def toml(value: Any) -> str:
    """Write a value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@settings(deadline=None)
@given(CONFIGS)
def test_plain_and_read_are_inverses(config: Config) -> None:
    assert read(Config, plain(config), "here") == config


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=CONFIGS)
def test_a_config_written_as_toml_reads_back(tmp_path: Path, config: Config) -> None:
    text = "\n".join(f"{key} = {toml(value)}" for key, value in plain(config).items())
    assert read_config(write(tmp_path, text)) == config
