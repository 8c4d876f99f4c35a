"""edgekit init: the file it writes reads back and says what the model and the data say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgekit.config import (
    BudgetConfig,
    Config,
    DataConfig,
    FeatureConfig,
    OutputConfig,
    RecipeConfig,
    SliceConfig,
    read_config,
)
from edgekit.data import Dataset
from edgekit.errors import InputError
from edgekit.init import starter, write
from edgekit.manifest import Signature

ONE = (Signature("in", (1, 2)),)
PAIR = (Signature("a", (1, 1)), Signature("b", (1, 1)))


def dataset(names: tuple[str, ...], labels: tuple[str, ...] = ()) -> Dataset:
    inputs = np.array([[40, 0.1], [60, 1e-7]], np.float32)
    return Dataset(inputs, None, names, "", Path("d.csv"), labels)


def read_back(tmp_path: Path, text: str) -> Config:
    return read_config(write(tmp_path, text, force=True))


def test_features_outputs_and_ranges_come_from_the_data(tmp_path: Path) -> None:
    text = starter("health", ONE, dataset(("age", "b p"), ("risk",)))
    assert read_back(tmp_path, text) == Config(
        name="health",
        features=(
            FeatureConfig("age", "age", range=(40.0, 60.0), kind="integer"),
            FeatureConfig("b p", "b p", range=(1e-07, 0.1), kind="number"),
        ),
        outputs=(OutputConfig("risk"),),
    )


def test_several_inputs_are_named(tmp_path: Path) -> None:
    config = read_back(tmp_path, starter("m", PAIR, dataset(("u", "v"))))
    assert [(f.column, f.input) for f in config.features] == [("u", "a"), ("v", "b")]


def test_a_model_without_data_gets_names_and_no_ranges(tmp_path: Path) -> None:
    config = read_back(tmp_path, starter("m", ONE, None, outputs=2))
    assert [(f.column, f.range) for f in config.features] == [("x_0", None), ("x_1", None)]
    assert [o.name for o in config.outputs] == ["output_0", "output_1"]


def test_nothing_known_is_all_defaults(tmp_path: Path) -> None:
    assert read_back(tmp_path, starter("", (), None)) == Config()


def test_an_image_has_no_features(tmp_path: Path) -> None:
    text = starter("m", (Signature("image", (1, 32, 32, 3)),), None)
    assert "# This model reads 3072 numbers, too many to name each of them.\n" in text
    assert read_back(tmp_path, text).features == ()


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        pytest.param("my model (1)", "my-model-1-", id="spaces"),
        pytest.param("_x", "x", id="a letter comes first"),
        pytest.param("über", "ber", id="letters of other alphabets"),
        pytest.param("модель", "", id="nothing is left"),
        pytest.param("m" * 99, "m" * 64, id="too long"),
    ],
)
def test_a_files_stem_becomes_a_name(tmp_path: Path, stem: str, name: str) -> None:
    assert read_back(tmp_path, starter(stem, (), None)).name == name


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "naïve 😀", "= # [x]", "'", '"""'])
def test_any_column_name_is_quoted(tmp_path: Path, name: str) -> None:
    config = read_back(tmp_path, starter("m", ONE, dataset((name, "q"))))
    assert config.features[0].column == name


def test_every_key_is_in_the_file() -> None:
    """A key that is new in the config must be explained here too."""
    text = starter("m", (), None)
    lines = [line.removeprefix("#").strip() for line in text.splitlines()]
    written = {line.split()[0] for line in lines if line}
    tables = {"features", "outputs", "slices", "data", "recipe", "budgets", "targets", "layers", "card", "gate", "run"}
    for cls in (Config, FeatureConfig, OutputConfig, SliceConfig, DataConfig, RecipeConfig, BudgetConfig):
        assert {f.name for f in dataclasses.fields(cls)} - tables <= written
    assert {"[targets.tfjs]", "[targets.wasm]", "weights", "shard_bytes"} <= written


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    file = write(tmp_path / "new" / "folder", "name = 'one'\n", force=False)
    with pytest.raises(InputError) as caught:
        write(file.parent, "name = 'two'\n", force=False)
    assert str(caught.value) == f"{file} is there already; add --force to overwrite it"
    assert file.read_text() == "name = 'one'\n"
    write(file.parent, "name = 'two'\n", force=True)
    assert file.read_text() == "name = 'two'\n"
    assert [f.name for f in file.parent.iterdir()] == ["edgekit.toml"]


def test_a_killed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "name = 'one'\n", force=False)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, "name = 'two'\n", force=True)
    assert file.read_text() == "name = 'one'\n"
    assert [f.name for f in tmp_path.iterdir()] == ["edgekit.toml"]


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("")
    with pytest.raises(InputError) as caught:
        write(file, "", force=False)
    assert str(caught.value) == f"{file} is a file; give the folder that edgekit.toml belongs in"
    long = tmp_path / ("n" * 300)
    with pytest.raises(InputError) as caught:
        write(long, "", force=False)
    assert str(caught.value) == f"{long}/edgekit.toml cannot be written: File name too long; choose another folder"
