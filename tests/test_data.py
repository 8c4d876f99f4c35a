"""Data files: what becomes of good ones; which contradict the model or edgekit.toml; splits and features."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import AGE, PAIR, PEOPLE, TWO, X, npz, parquet, put, refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit import data as data_module
from edgekit.config import Config, FeatureConfig, OutputConfig
from edgekit.data import Dataset, load_data, results_of, split
from edgekit.errors import EdgekitError
from edgekit.features import features_of
from edgekit.formats import csv_read
from edgekit.formats.columns import Column
from edgekit.manifest import Feature, Output, Signature

GOOD = [
    pytest.param("d.npz", lambda: npz(x=X), Config(), [[1, 2], [3, 4.5]], None, ("x_0", "x_1"), id="npz, x alone"),
    pytest.param(
        "d.npz",
        lambda: npz(x=X.astype(">f8"), y=np.array([7, 8])),
        Config(),
        [[1, 2], [3, 4.5]],
        [[7], [8]],
        ("x_0", "x_1"),
        id="npz, big-endian float64, labels without a second axis",
    ),
    pytest.param(
        "d.npz",
        lambda: npz(**{"in": np.asfortranarray(X)}, features=np.array(["p", "q"])),
        Config(),
        [[1, 2], [3, 4.5]],
        None,
        ("p", "q"),
        id="npz, the input's own name, column-major, with names",
    ),
    pytest.param(
        "d.npz", lambda: npz(x=X[:, None, :]), Config(), [[1, 2], [3, 4.5]], None, ("x_0", "x_1"), id="npz, axis of 1"
    ),
    pytest.param(
        "d.npz",
        lambda: npz(x=[[30, 1], [40, 0]], y=[[1.0], [2.0]], features=["AGE", "sex"]),
        PEOPLE,
        [[30, 1], [40, 0]],
        [[1], [2]],
        ("age", "sex"),
        id="npz, features of edgekit.toml",
    ),
    pytest.param(
        "d.csv",
        lambda: "p,y,q\n1,7,2\n\n 3 ,8,4.5e0\n",
        Config(),
        [[1, 2], [3, 4.5]],
        [[7], [8]],
        ("p", "q"),
        id="csv, y is the label, blank lines and spaces are harmless",
    ),
    pytest.param(
        "d.csv",
        lambda: b'\xef\xbb\xbfAGE,label,sex,note\r\n30,1,m,"a,b"\r\n40,2,f,x\r\n',
        PEOPLE,
        [[30, 1], [40, 0]],
        [[1], [2]],
        ("age", "sex"),
        id="csv, by edgekit.toml: order, labels of a category, other columns ignored, BOM, CRLF",
    ),
    pytest.param(
        "d.csv",
        lambda: "p,q,risk\n1,2,3\n",
        Config(outputs=(OutputConfig("risk"),)),
        [[1, 2]],
        [[3]],
        ("p", "q"),
        id="csv, the label's column is the output's name",
    ),
    pytest.param(
        "d.csv",
        lambda: "p,q,target\n1,2,3\n",
        Config(outputs=(OutputConfig("risk"),)),
        [[1, 2]],
        [[3]],
        ("p", "q"),
        id="csv, an output's name is not a column, target is",
    ),
    pytest.param("d.csv", lambda: "p,q\n1,2\n", Config(), [[1, 2]], None, ("p", "q"), id="csv, no label"),
    pytest.param(
        "D.PARQUET",
        lambda: parquet(q=[2, 4], y=[7.0, 8.0], p=[True, False]),
        Config(),
        [[2, 1], [4, 0]],
        [[7], [8]],
        ("q", "p"),
        id="parquet, whole numbers and truth values",
    ),
    pytest.param(
        "d.parquet",
        lambda: parquet(label=[1, 2], sex=["m", "f"], AGE=[30.0, 40.0], note=["x", None]),
        PEOPLE,
        [[30, 1], [40, 0]],
        [[1], [2]],
        ("age", "sex"),
        id="parquet, by edgekit.toml",
    ),
]


@pytest.mark.parametrize(("name", "content", "config", "inputs", "labels", "names"), GOOD)
def test_a_good_file(
    tmp_path: Path, name: str, content: Any, config: Config, inputs: Any, labels: Any, names: tuple[str, ...]
) -> None:
    raw = content()
    file = put(tmp_path, name, raw)
    found = load_data(file, config, TWO, 1)
    assert found.inputs.dtype == np.float32
    assert found.inputs.tolist() == inputs
    assert (None if found.labels is None else found.labels.tolist()) == labels
    assert found.names == names
    assert found.path == file
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("names", [("a", "b"), ("x_a", "x_b"), ("a", "x_b")])
def test_several_inputs_are_joined_in_the_models_order(tmp_path: Path, names: tuple[str, str]) -> None:
    file = put(tmp_path, "d.npz", npz(**{names[1]: np.array([5.0, 6.0]), names[0]: X}))
    found = load_data(file, Config(), PAIR, 1)
    assert found.inputs.tolist() == [[1, 2, 5], [3, 4.5, 6]]
    assert found.names == ("a_0", "a_1", "b_0")


def test_features_go_to_their_inputs(tmp_path: Path) -> None:
    config = Config(
        features=(FeatureConfig("u", input="b"), FeatureConfig("v"), FeatureConfig("w", input="a")),
        outputs=(OutputConfig("o"),),
    )
    found = load_data(put(tmp_path, "d.csv", "u,v,w,o\n1,2,3,4\n"), config, PAIR, 1)
    assert found.inputs.tolist() == [[2, 3, 1]]
    assert found.names == ("v", "w", "u")
    assert [(f.name, f.input, f.index) for f in features_of(found, config, PAIR)] == [
        ("v", "a", 0),
        ("w", "a", 1),
        ("u", "b", 0),
    ]


def test_images_are_flattened_and_have_no_names(tmp_path: Path) -> None:
    images = np.arange(2 * 32 * 32 * 3, dtype=np.float32).reshape(2, 32, 32, 3)
    model = (Signature("image", (1, 32, 32, 3)),)
    found = load_data(put(tmp_path, "d.npz", npz(x=images)), Config(), model, 10)
    assert np.array_equal(found.inputs, images.reshape(2, -1))
    assert found.names == ()
    assert features_of(found, Config(), model) == ()


def test_a_large_csv_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_read, "CHUNK_ROWS", 3)
    lines = [f"{i},{i + 0.5}" for i in range(8)]
    found = load_data(put(tmp_path, "d.csv", "\n".join(["p,q", *lines])), Config(), TWO, 1)
    assert found.inputs.tolist() == [[i, i + 0.5] for i in range(8)]
    file = put(tmp_path, "e.csv", "\n".join(["p,q", *lines, "8,eight"]))
    assert refusal(lambda: load_data(file, Config(), TWO, 1)) == (
        f"{file}: row 9 (line 10), column 'q' is 'eight', not a number; correct it, or describe the column "
        'in edgekit.toml as kind = "category"'
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("d.npz", lambda: npz(x=X, y=np.array([2, 0])), id="npz"),
        pytest.param("d.csv", lambda: "p,q,target\n1,2,2\n3,4.5,0\n", id="csv"),
    ],
)
def test_codes_of_classes_become_columns(tmp_path: Path, name: str, content: Any) -> None:
    config = Config(task="classification")
    found = load_data(put(tmp_path, name, content()), config, TWO, 3)
    assert found.labels is not None
    assert found.labels.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_paths_that_are_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def message(file: Path) -> str:
        return refusal(lambda: load_data(file, Config(), TWO, 1))

    missing = tmp_path / "none.csv"
    assert message(missing) == f"{missing}: there is no such file; check the path of the data"
    assert message(tmp_path) == f"{tmp_path} is not a file; give a .npz, .csv or .parquet file"
    excel = put(tmp_path, "d.xlsx", "x")
    assert message(excel) == f"{excel} has the unknown ending '.xlsx'; known are .npz, .csv, .parquet"
    long = tmp_path / ("n" * 300 + ".csv")
    assert message(long) == f"{long} cannot be read: File name too long; check the path and its permissions"
    monkeypatch.setattr(data_module, "MAX_BYTES", 3)
    large = put(tmp_path, "d.npz", "p,q\n")
    assert message(large) == f"{large} has 4 bytes, the limit is 3; give fewer rows, or use .parquet"


@pytest.mark.parametrize(
    ("config", "outputs", "content", "message"),
    [
        pytest.param(
            Config(features=(AGE,)),
            1,
            npz(x=X),
            "edgekit.toml describes 1 features for the input in, but it takes 2 numbers; "
            "list one [[features]] for each, in the model's order",
            id="a feature too few",
        ),
        pytest.param(
            Config(features=(AGE, FeatureConfig("q", input="out"))),
            1,
            npz(x=X),
            "edgekit.toml: the feature 'q' is for the input 'out', but the model's inputs are in",
            id="an input that is not there",
        ),
        pytest.param(
            PEOPLE,
            1,
            npz(x=X, features=["sex", "AGE"]),
            "FILE: features names 'sex' as number 1, edgekit.toml has the column 'AGE' there; "
            "bring both into the model's order",
            id="another order",
        ),
        pytest.param(
            PEOPLE,
            1,
            npz(x=[[30, 1], [30, 2]]),
            "FILE: row 2, column 'sex' is 2; its categories have the codes 0 to 1",
            id="a code beyond the categories",
        ),
        pytest.param(
            PEOPLE,
            1,
            npz(x=[[30, 0.5]]),
            "FILE: row 1, column 'sex' is 0.5; its categories have the codes 0 to 1",
            id="half a code",
        ),
        pytest.param(
            Config(task="classification"),
            3,
            npz(x=X, y=[0, 3]),
            "FILE: the label of row 2 is 3; classes are 0 to 2",
            id="a class beyond the outputs",
        ),
    ],
)
def test_data_that_contradicts_the_config(
    tmp_path: Path, config: Config, outputs: int, content: bytes, message: str
) -> None:
    file = put(tmp_path, "d.npz", content)
    assert refusal(lambda: load_data(file, config, TWO, outputs)) == message.replace("FILE", str(file))


def test_labels_of_some_outputs_only(tmp_path: Path) -> None:
    file = put(tmp_path, "d.csv", "p,q,y\n1,2,3\n")
    assert refusal(lambda: load_data(file, Config(), TWO, 2)) == (
        f"{file} has 1 label columns (y), but the model gives 2 numbers; "
        "name one column for each in [[outputs]] of edgekit.toml"
    )
    config = Config(outputs=(OutputConfig("y"), OutputConfig("z")))
    assert refusal(lambda: load_data(file, config, TWO, 2)) == (
        f"{file}: there is no column 'z'; its columns are p, q, y"
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ending=st.sampled_from(["npz", "csv"]),
    place=st.integers(0, 600),
    junk=st.binary(min_size=1, max_size=12),
    keep=st.integers(0, 700),
)
def test_a_damaged_file_is_read_or_refused_but_never_crashes(
    tmp_path: Path, ending: str, place: int, junk: bytes, keep: int
) -> None:
    whole = npz(x=X, y=[1.0, 2.0], features=["p", "q"]) if ending == "npz" else b"p,q,y\n1,2,3\n4,5,6\n"
    file = put(tmp_path, f"d.{ending}", (whole[:place] + junk + whole[place + len(junk) :])[:keep])
    try:
        load_data(file, Config(), TWO, 1)
    except EdgekitError as error:
        assert str(error).startswith(str(file))


def dataset(rows: int) -> Dataset:
    inputs = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    return Dataset(inputs, inputs[:, :1] * 10, ("p", "q"), "0" * 64, Path("d.csv"))


@settings(deadline=None)
@given(rows=st.integers(8, 300), seed=st.integers(0, 2**32 - 1), fraction=st.floats(0.01, 0.99))
def test_a_split_is_disjoint_complete_and_repeatable(rows: int, seed: int, fraction: float) -> None:
    data = dataset(rows)
    calibration, evaluation = split(data, seed, fraction)
    again, _ = split(data, seed, fraction)
    first, second = set(calibration.inputs[:, 0].tolist()), set(evaluation.inputs[:, 0].tolist())
    assert first and second and not first & second
    assert first | second == set(data.inputs[:, 0].tolist())
    assert calibration.rows + evaluation.rows == rows
    assert np.array_equal(calibration.inputs, again.inputs)
    assert calibration.labels is not None
    assert np.array_equal(calibration.labels, calibration.inputs[:, :1] * 10)


def test_a_split_is_the_same_forever() -> None:
    """Written down, so that a new NumPy that shuffles otherwise is noticed."""
    _, evaluation = split(dataset(12), 0)
    assert evaluation.inputs[:, 0].tolist() == [8, 12, 22]
    _, other = split(dataset(12), 1)
    assert other.inputs[:, 0].tolist() != [8, 12, 22]


def test_a_split_of_too_few_rows() -> None:
    assert refusal(lambda: split(dataset(7), 0)) == (
        "d.csv has 7 rows, but at least 8 are needed to hold some out; give more rows, or a file of evaluation rows"
    )


def test_features_from_data() -> None:
    """mean 1/3 of 0, 0.1, 0.9 (as float32); the range is what was written, not its float32."""
    inputs = np.array([[0.1, 5], [0.0, 5], [0.9, 5]], np.float32)
    data = Dataset(inputs, None, ("p", "q"), "", Path("d.csv"))
    assert features_of(data, Config(), TWO) == (
        Feature("p", "", "number", "in", 0, (0.0, 0.9), 0.333333326, 0.402768188),
        Feature("q", "", "number", "in", 1, (5.0, 6.0), 5.0, 0.0),
    )


def test_features_from_the_config() -> None:
    inputs = np.array([[30, 0], [50, 1]], np.float32)
    data = Dataset(inputs, None, ("age", "sex"), "", Path("d.csv"))
    assert features_of(data, PEOPLE, TWO) == (
        Feature("age", "years", "number", "in", 0, (0.0, 120.0), 40.0, 10.0),
        Feature("sex", "", "category", "in", 1, (0.0, 1.0), 0.5, 0.5, ("f", "m")),
    )


def test_a_range_of_whole_numbers_is_kept_as_the_manifest_reads_it() -> None:
    """A Config made in Python may have them; the id of the bundle is that of 0.0, not of 0."""
    config = Config(features=(FeatureConfig("p", range=(0, 180)), FeatureConfig("q", range=(0, 1))))
    data = Dataset(np.zeros((2, 2), np.float32), None, ("p", "q"), "", Path("d.csv"))
    assert [str(f.range) for f in features_of(data, config, TWO)] == ["(0.0, 180.0)", "(0.0, 1.0)"]


def test_results() -> None:
    assert results_of(Config(), 1) == (Output("output", ""),)
    assert results_of(Config(), 2) == (Output("output_0", ""), Output("output_1", ""))
    assert results_of(Config(), 257) == ()
    assert results_of(PEOPLE, 1) == (Output("risk", "%"),)
    assert refusal(lambda: results_of(PEOPLE, 2)) == (
        "edgekit.toml describes 1 outputs, but the model gives 2 numbers; list one [[outputs]] for each, in order"
    )


def test_a_parquet_file_is_read_in_pieces(tmp_path: Path) -> None:
    """pyarrow keeps what it read of all row groups unless it is told not to: 10 GB of memory for a file of 10 GB."""
    pa, pq = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    reader = importlib.import_module("edgekit.formats.parquet")
    path = tmp_path / "d.parquet"
    columns = {f"f{i}": np.random.default_rng(i).normal(size=32 * 32768) for i in range(4)}
    pq.write_table(pa.table(columns), path, row_group_size=32768, compression="none", use_dictionary=False)
    assert path.stat().st_size > 32e6
    pool = pa.default_memory_pool()
    already = pool.bytes_allocated()
    values = reader.read(path, lambda names: tuple(map(Column, names)), 1000)
    assert 500 <= len(values) <= 1000
    assert pool.max_memory() < already + 16e6
