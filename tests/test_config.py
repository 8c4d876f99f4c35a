"""edgekit.toml: what is read, what is refused, and with which sentence."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from bad_configs import BAD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.config import (
    KINDS,
    LAYER_TYPES,
    MAX_SEED,
    RECIPES,
    TASKS,
    BudgetConfig,
    Config,
    DataConfig,
    FeatureConfig,
    OutputConfig,
    RecipeConfig,
    SliceConfig,
    check,
    find_config,
    read_config,
)
from edgekit.config_targets import TFJS_WEIGHTS, TargetsConfig, TfjsConfig, WasmConfig
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
