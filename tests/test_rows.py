"""Rows that calibrate and rows that judge: apart, by time where there is one, thinned where there are too many."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_quantize import answer, regression, rows

from edgekit.config import Config, DataConfig, FeatureConfig, SliceConfig
from edgekit.data import Dataset, load_data
from edgekit.errors import InputError
from edgekit.formats.thinning import Thinned
from edgekit.manifest import Signature
from edgekit.quantization.coverage import choose_rows
from edgekit.rows import split_by_time, times, without_leaks

ONE = (Signature("x", (1, 2)),)


def dataset(inputs: object, **side: object) -> Dataset:
    columns = {name: np.array(cells) for name, cells in side.items()}
    return Dataset(np.array(inputs, np.float32), None, ("p", "q"), "", Path("rows.csv"), side=columns)


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(2, 12))
def test_thinned_rows_are_evenly_spaced_and_few(sizes: list[int], limit: int) -> None:
    thinned, total = Thinned(limit), 0
    for size in sizes:
        thinned.add(np.arange(total, total + size))
        total += size
    kept = thinned.rows(np.empty(0, np.int64))
    assert len(kept) <= limit
    assert len(kept) >= min(total, (limit + 1) // 2)
    assert kept.tolist() == list(range(0, total, thinned.step))


def test_a_long_file_keeps_rows_at_equal_distances(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("p,q,town\n" + "".join(f"{i},{-i},t{i}\n" for i in range(20_000)))
    config = Config(
        features=(FeatureConfig("p"), FeatureConfig("q")),
        data=DataConfig(max_rows=1000),
        slices=(SliceConfig("town", "town"),),
    )
    data = load_data(file, config, ONE, 1)
    assert 500 <= data.rows <= 1000
    assert np.unique(np.diff(data.inputs[:, 0])).tolist() == [32.0]
    assert data.side["town"].tolist() == [f"t{int(p)}" for p in data.inputs[:, 0]]


def test_a_long_parquet_file_is_read_in_groups(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    numbers = np.arange(50_000, dtype=np.float32)
    table = pa.table({"p": numbers, "q": -numbers, "when": pa.array(numbers.astype(int))})
    parquet.write_table(table, tmp_path / "d.parquet", row_group_size=1000)
    config = Config(features=(FeatureConfig("p"), FeatureConfig("q")), data=DataConfig(max_rows=700, time="when"))
    data = load_data(tmp_path / "d.parquet", config, ONE, 1)
    assert 350 <= data.rows <= 700
    np.testing.assert_array_equal(times(data, "when"), data.inputs[:, 0])


def test_the_latest_rows_are_held_out() -> None:
    start = datetime(2026, 1, 1)
    days = [(start + timedelta(days=(i * 7) % 40)).isoformat() for i in range(40)]
    data = dataset([[i, 0] for i in range(40)], day=days)
    early, late = split_by_time(data, "day")
    assert (early.rows, late.rows) == (30, 10)
    assert max(early.side["day"]) < min(late.side["day"])


def test_equal_times_stay_together() -> None:
    early, late = split_by_time(dataset([[i, 0] for i in range(8)], hour=[1, 1, 1, 1, 2, 2, 2, 2]), "hour")
    assert (early.side["hour"].tolist(), late.side["hour"].tolist()) == ([1] * 4, [2] * 4)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("no", "rows.csv: there is no column 'no' for data.time; name a column of the file"),
        ("same", "rows.csv: the column 'same' has one time only; take data.time out of edgekit.toml"),
        (
            "word",
            "rows.csv: 'word' holds neither numbers nor ISO dates: Invalid isoformat string: 'soon'; correct it",
        ),
    ],
)
def test_times_that_are_none(column: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        split_by_time(dataset([[0, 0], [1, 1]], same=["1", "1"], word=["soon", "late"]), column)
    assert str(caught.value) == message


def test_leaks_are_left_out_and_said() -> None:
    calibration = dataset([[1, 1], [2, 2], [3, 3], [3, 3], [4, 4]])
    kept, warnings = without_leaks(calibration, dataset([[4, 4], [9, 9], [9, 9], [-0.0, 5], [0.0, 5]]))
    assert kept.inputs[:, 0].tolist() == [1, 2, 3, 3]
    assert warnings == (
        "1 calibration rows are evaluation rows too; they were left out",
        "1 of 4 calibration rows are duplicates of others",
        "2 of 5 evaluation rows are duplicates of others",
    )
    same = dataset([[1, 1], [2, 2]])
    assert without_leaks(same, same) == (
        same, ("every calibration row is an evaluation row too, so what is measured is not held out; give other rows",),
    )  # fmt: skip
    assert without_leaks(same, dataset([[5, 5]])) == (same, ())


def test_calibration_rows_reach_as_far_as_all_rows() -> None:
    graph, all_rows = regression(), rows(3000, 5)
    chosen = choose_rows(graph, all_rows, 100)
    assert len(chosen) == 100
    np.testing.assert_array_equal(chosen.min(axis=0), all_rows.min(axis=0))
    np.testing.assert_array_equal(chosen.max(axis=0), all_rows.max(axis=0))
    even = all_rows[np.linspace(0, 2999, 100).round().astype(int)]
    assert np.ptp(answer(graph, chosen)) == np.ptp(answer(graph, all_rows)) > np.ptp(answer(graph, even))
    np.testing.assert_array_equal(chosen, choose_rows(graph, all_rows, 100))
    assert len(choose_rows(graph, all_rows[:50], 100)) == 50
