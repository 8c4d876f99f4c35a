"""golden.json: which rows it holds, and that it says again exactly what was put into it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekit.errors import InputError
from edgekit.golden import MIN_ROWS, Golden, decode, encode, pick

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def goldens(draw: st.DrawFn) -> Golden:
    rows = draw(st.integers(MIN_ROWS, MIN_ROWS + 3))
    features, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 3))

    def table(width: int) -> Any:
        return draw(hnp.arrays("<f4", (rows, width), elements=FINITE))

    return Golden(table(features), table(outputs), table(outputs))


@given(goldens())
def test_decode_is_the_inverse_of_encode_bit_for_bit(golden: Golden) -> None:
    again = decode(encode(golden))
    for name in ("inputs", "float", "quantized"):
        assert getattr(again, name).tobytes() == getattr(golden, name).tobytes()


def test_numbers_are_short_and_any_json_reader_gets_them() -> None:
    table = np.full((MIN_ROWS, 1), 0.1, np.float32)
    plain = json.loads(encode(Golden(table, -0.0 * table, 1e-30 * table)))
    assert plain["inputs"][0] == [0.1]
    assert str(plain["float"][0][0]) == "-0.0"


def test_what_is_not_finite_is_not_written() -> None:
    table = np.zeros((MIN_ROWS, 1), np.float32)
    with pytest.raises(InputError) as error:
        encode(Golden(table, table, np.full_like(table, np.nan)))
    assert str(error.value) == (
        "the model answers with numbers that are not finite; check its weights and the feature ranges"
    )


GOOD: dict[str, Any] = {
    "schema_version": 1,
    "inputs": [[1.0, 2.0]] * 32,
    "float": [[1.0]] * 32,
    "quantized": [[1.0]] * 32,
}
KEYS = "golden.json must be an object of schema_version, inputs, float and quantized; export the bundle again"
NOT_A_NUMBER = (
    "golden.json: row 3 of inputs holds something that is not a finite float32 number; export the bundle again"
)
NOT_A_ROW = "golden.json: row 3 of inputs must be a list of as many numbers as row 0; export the bundle again"


def with_row(row: Any) -> dict[str, Any]:
    return GOOD | {"inputs": [*GOOD["inputs"][:3], row, *GOOD["inputs"][4:]]}


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        pytest.param([], KEYS, id="not an object"),
        pytest.param({k: v for k, v in GOOD.items() if k != "float"}, KEYS, id="a table is missing"),
        pytest.param(GOOD | {"more": 1}, KEYS, id="an unknown key"),
        pytest.param(
            GOOD | {"schema_version": 2},
            "golden.json has schema_version 2, this edgekit reads 1; export the bundle again with this version",
            id="of another version",
        ),
        pytest.param(
            GOOD | {"schema_version": True},
            "golden.json has schema_version True, this edgekit reads 1; export the bundle again with this version",
            id="true is not 1",
        ),
        pytest.param(
            GOOD | {"float": [[1.0]] * 31},
            "golden.json: float must be a list of at least 32 rows; export the bundle again",
            id="too few rows to judge by",
        ),
        pytest.param(
            GOOD | {"float": {"0": [1.0]}},
            "golden.json: float must be a list of at least 32 rows; export the bundle again",
            id="not a list",
        ),
        pytest.param(
            GOOD | {"float": [[1.0]] * 33},
            "golden.json has tables of different lengths; export the bundle again",
            id="a row without an input",
        ),
        pytest.param(
            GOOD | {"quantized": [[1.0, 1.0]] * 32},
            "golden.json has float and quantized rows of different lengths; export the bundle again",
            id="two models of different outputs",
        ),
        pytest.param(with_row([1.0]), NOT_A_ROW, id="a short row"),
        pytest.param(with_row("12"), NOT_A_ROW, id="a row of text"),
        pytest.param(GOOD | {"inputs": [[]] * 32}, NOT_A_ROW.replace("row 3", "row 0"), id="rows of nothing"),
        pytest.param(with_row([1.0, "1"]), NOT_A_NUMBER, id="text"),
        pytest.param(with_row([1.0, True]), NOT_A_NUMBER, id="true is not a number"),
        pytest.param(with_row([1.0, None]), NOT_A_NUMBER, id="null"),
        pytest.param(with_row([1.0, [1.0]]), NOT_A_NUMBER, id="a list"),
        pytest.param(with_row([1.0, 10**400]), NOT_A_NUMBER, id="a whole number beyond float64"),
        pytest.param(with_row([1.0, 3.5e38]), NOT_A_NUMBER, id="infinite as float32"),
    ],
)
def test_a_hostile_file_is_refused(plain: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        decode(json.dumps(plain).encode())
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        pytest.param(b"", "Expecting value: line 1 column 1 (char 0)", id="empty"),
        pytest.param(b'{"a": NaN}', "NaN is not a JSON number", id="NaN"),
        pytest.param(b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", id="not text"),
    ],
)
def test_what_is_not_json_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(InputError) as error:
        decode(raw)
    assert str(error.value) == f"golden.json is not JSON: {why}; export the bundle again"


def test_deep_nesting_and_huge_numbers_are_refused() -> None:
    for raw in (b"[" * 200_000, b'{"a": ' + b"1" * 10_000 + b"}", b'{"a": 1e999}'):
        with pytest.raises(InputError, match=r"^golden\.json "):
            decode(raw)


def test_the_limit_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekit.golden.MAX_BYTES", 10)
    with pytest.raises(InputError) as error:
        decode(b" " * 11)
    assert str(error.value) == "golden.json is larger than 10 bytes; refusing the bundle"


def test_the_largest_float32_is_taken() -> None:
    largest = float(np.finfo(np.float32).max)
    assert decode(json.dumps(with_row([1.0, largest])).encode()).inputs[3, 1] == np.float32(largest)


def picked(rows: int, features: int = 3, count: int = 64) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(1)
    data = rng.uniform(-1, 1, (rows, features)).astype(np.float32)
    errors = rng.uniform(0, 1, rows)
    low, high = np.full(features, -1.5, np.float32), np.full(features, 1.5, np.float32)
    return data, errors, pick(data, errors, low, high, count=count)


def holds(chosen: Any, row: Any) -> bool:
    return bool((chosen == np.asarray(row, np.float32)).all(axis=1).any())


def test_pick_has_the_edges_the_worst_errors_and_the_extremes() -> None:
    data, errors, chosen = picked(500)
    assert chosen.shape == (64, 3) and chosen.dtype == np.float32
    assert holds(chosen, [-1.5] * 3) and holds(chosen, [1.5] * 3) and holds(chosen, data.mean(axis=0, dtype=float))
    assert all(holds(chosen, data[i]) for i in np.argsort(-errors)[:16])
    assert all(holds(chosen, data[i]) for i in [*data.argmin(axis=0), *data.argmax(axis=0)])
    assert len(np.unique(chosen, axis=0)) == 64


@pytest.mark.parametrize("rows", [0, 1, 5, 31])
def test_pick_fills_up_from_the_ranges_where_data_is_scarce(rows: int) -> None:
    data, _, chosen = picked(rows)
    assert len(chosen) >= MIN_ROWS
    assert (np.abs(chosen) <= 1.5).all()
    assert all(holds(chosen, row) for row in data)


def test_pick_leaves_room_for_rows_by_chance_among_hundreds_of_features() -> None:
    data, _, chosen = picked(2000, features=40)
    extremes = np.unique([*data.argmin(axis=0), *data.argmax(axis=0)])
    assert 32 <= sum(holds(chosen, data[i]) for i in extremes) <= 40


def test_pick_is_the_same_every_time() -> None:
    assert picked(200)[2].tobytes() == picked(200)[2].tobytes()
