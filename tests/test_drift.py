"""New data before training: what is found, in whole sentences, and how often good data is called bad."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from edgekit.cli import main
from edgekit.config import Config, DataConfig, FeatureConfig, OutputConfig, read_config
from edgekit.drift import DAY, STOP, Column, Expected, findings
from edgekit.errors import InputError
from edgekit.new_data import check_data, from_config, from_rows

ROOT = Path(__file__).parent.parent
HEALTH = read_config(ROOT / "examples/health_monitoring/edgekit.toml")
RANDOM = np.random.default_rng(3)
DRAWN = RANDOM.normal(94.6, 13.8, 300)
BP = DRAWN[(DRAWN > 62) & (DRAWN < 133)][:200]
KNOWN = Expected("bp", "mmHg", 62.0, 133.0, 94.6, 13.8)
RANGE = Expected("bp", "mmHg", 62.0, 133.0)
BY_MEAN = "its mean is {:.4g}, it was 94.6"


def column(values: Any) -> Column:
    return Column(np.asarray(values, np.float64))


def said(columns: Mapping[str, Column], *expected: Expected, newest: Any = None) -> list[tuple[str, str]]:
    return [(f.severity, f.sentence) for f in findings(columns, expected, newest)]


def with_bp(values: Any, expected: Expected = KNOWN) -> list[tuple[str, str]]:
    return said({"bp": column(values)}, expected)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        pytest.param(1000, 0, "1000 times", id="a thousand"),
        pytest.param(1 / 1000, 0, "1/1000 times", id="a thousandth"),
        pytest.param(0.3048, 0, "0.3048 times (feet as metres)", id="feet"),
        pytest.param(1 / 0.3048, 0, "the inverse of 0.3048 times (feet as metres)", id="metres"),
        pytest.param(1.8, 32, "1.8 times + 32 (Celsius as Fahrenheit)", id="Fahrenheit"),
        pytest.param(1 / 7.500617, 0, "the inverse of 7.5 times (kPa as mmHg)", id="kilopascal"),
        pytest.param(1, 273.15, "the same + 273.15 (Celsius as kelvin)", id="kelvin"),
        pytest.param(0.45359237, 0, "0.4536 times (pounds as kilograms)", id="pounds"),
        pytest.param(5.0, 0, "{:.4g} times", id="a factor of no name"),
    ],
)
def test_a_unit_that_moved(a: float, b: float, words: str) -> None:
    moved = a * BP + b
    expected = words.format(moved.mean() / 94.6)
    sentence = f"the column 'bp' looks like {expected} what was expected in mmHg: {BY_MEAN.format(moved.mean())}"
    assert with_bp(moved) == [(STOP, sentence)]


@pytest.mark.parametrize(
    ("a", "words"),
    [(1000, "1000 times"), (1 / 7.500617, "the inverse of 7.5 times (kPa as mmHg)")],
)
def test_a_unit_is_seen_by_the_range_alone(a: float, words: str) -> None:
    text = f"the column 'bp' looks like {words} what was expected in mmHg: 100% of its values are outside 62 to 133"
    assert with_bp(a * BP, RANGE) == [(STOP, text)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param(BP, [], id="nothing"),
        pytest.param(BP[:100], [], id="fewer rows"),
        pytest.param(
            [*BP[:197], 134.0, 135.5, 61.0],
            [("note", "3 of 200 values of 'bp' are outside 62 to 133, the farthest is 135.5")],
            id="a few values outside the range are said",
        ),
        pytest.param(
            [*BP[:180], *np.linspace(134, 140, 20)],
            [("stop", "20 of 200 values of 'bp' are outside 62 to 133, the farthest is 140")],
            id="many are not trained on",
        ),
        pytest.param(
            [*BP[:199], 1330.0],
            [
                ("stop", "1 of 200 values of 'bp' are outside 62 to 133, the farthest is 1330"),
            ],
            id="one that is far outside",
        ),
        pytest.param(
            np.full(200, 80.0),
            [
                ("stop", "199 of 200 rows are duplicates of others, in every column"),
                ("stop", "the column 'bp' is 80 in every row; it was not constant before"),
            ],
            id="a sensor that hangs",
        ),
        pytest.param(
            [*BP[:198], np.nan, np.nan],
            [
                ("stop", "the column 'bp' is empty or NaN in 2 of 200 rows, first in row 199"),
                ("note", "1 of 200 rows are duplicates of others, in every column"),
            ],
            id="NaN",
        ),
        pytest.param(
            np.full(9, np.nan),
            [
                ("stop", "8 of 9 rows are duplicates of others, in every column"),
                ("stop", "the column 'bp' has no number in any of its 9 rows"),
            ],
            id="nothing but NaN",
        ),
        pytest.param(BP[:5], [("stop", "there are 5 rows, at least 8 are needed")], id="too few to say anything"),
        pytest.param(
            [*BP, *BP[:30]], [("stop", "30 of 230 rows are duplicates of others, in every column")], id="written twice"
        ),
        pytest.param(
            BP * 0.4 + 80,
            [("note", f"the mean of 'bp' is {(BP * 0.4 + 80).mean():.4g}, 1.7 standard deviations from the 94.6 of before")],
            id="a mean that moved",
        ),
    ],
)  # fmt: skip
def test_what_is_found(values: Any, found: list[tuple[str, str]]) -> None:
    got = with_bp(values)
    if found and "mean of" in found[0][1]:  # the range says more about these rows
        got = got[:1] if got[0][1].startswith("the mean") else got[1:]
    assert got == found


@pytest.mark.parametrize(
    ("age", "found"),
    [
        (1.0, []),
        (3.0, [(STOP, "the newest time in 't' is 3.0 days old, at most 2 are allowed")]),
        (-0.5, []),
        (-2.0, [(STOP, "the newest time in 't' is 2.0 days still to come; is the clock or the zone wrong?")]),
        (float("nan"), [(STOP, "the column 't' holds no time that can be read")]),
    ],
)
def test_age(age: float, found: list[tuple[str, str]]) -> None:
    assert said({"bp": column(BP)}, KNOWN, newest=("t", age * DAY, 2 * DAY)) == found


def rows_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    data = load_diabetes(scaled=False)
    x = data.data.copy()
    x[:, 1] -= 1
    return x, np.random.default_rng(count)


@pytest.mark.parametrize(("count", "again"), [(30, True), (110, True), (442, True), (30, False), (110, False)])
@pytest.mark.parametrize("ranges", ["declared", "seen"])
def test_false_alarms_on_resamples_of_the_health_data(count: int, again: bool, ranges: str) -> None:
    """Known are mean and spread of 331 training rows, and the declared ranges or those of the training rows. 200
    resamples of all 442 rows each, by bootstrap (`again`) or without repetition. A bootstrap makes duplicates by itself,
    so that finding is left out there."""
    x, random = rows_of(count)
    known = {e.column: e for e in from_rows({f.column: column(x[:331, i]) for i, f in enumerate(HEALTH.features)})}
    declared = from_config(HEALTH, {})[:10]
    expected = [
        replace(
            known[e.column], categories=e.categories, **({"low": e.low, "high": e.high} if ranges == "declared" else {})
        )
        for e in declared
    ]
    stops, notes = 0, 0
    for _ in range(200):
        rows = random.integers(0, 442, count) if again else random.permutation(442)[:count]
        found = findings({f.column: column(x[rows, i]) for i, f in enumerate(HEALTH.features)}, expected)
        found = tuple(f for f in found if f.kind != "twice" or not again)
        stops += any(f.severity == STOP for f in found)
        notes += any(f.kind != "range" for f in found)
    print(f"{count} rows, {ranges}, bootstrap {again}: {stops} of 200 stopped, {notes} with a note beside ranges")
    assert (stops, notes) == (0, 0)


@pytest.mark.parametrize(
    ("draw", "most"),
    [
        pytest.param(lambda r, n: r.normal(size=n), 0, id="normal"),
        pytest.param(lambda r, n: r.exponential(size=n), 0, id="exponential"),
        pytest.param(lambda r, n: r.lognormal(0, 1.0, n), 3, id="lognormal"),
        pytest.param(lambda r, n: r.lognormal(0, 2.0, n), 12, id="lognormal, as market sizes are"),
        pytest.param(lambda r, n: r.standard_t(3, n), 3, id="Student's t with 3 degrees of freedom"),
    ],
)
@pytest.mark.parametrize("count", [30, 200, 2000])
def test_false_alarms_of_heavy_tails(draw: Any, most: int, count: int) -> None:
    """300 columns of new rows each, held to 2000 older ones of the same distribution."""
    random = np.random.default_rng(count)
    stops = 0
    for _ in range(300):
        expected = from_rows({"a": column(draw(random, 2000))})
        stops += any(f.severity == STOP for f in findings({"a": column(draw(random, count))}, expected))
    print(f"{stops} of 300 stopped")
    assert stops <= most


@pytest.mark.parametrize("factor", [1000.0, 0.001, 100.0])
def test_another_unit_of_heavy_tails_is_stopped(factor: float) -> None:
    random = np.random.default_rng(5)
    expected = from_rows({"a": column(random.lognormal(0, 1.5, 2000))})
    found = [findings({"a": column(factor * random.lognormal(0, 1.5, 200))}, expected) for _ in range(50)]
    assert sum(any(f.severity == STOP for f in one) for one in found) == 50


@pytest.mark.parametrize("index", [0, 2, 3, 4, 5, 6, 7, 8, 9])
@pytest.mark.parametrize("factor", [1000.0, 0.001, 100.0, 0.3048])
def test_every_feature_of_the_health_data_in_another_unit_is_stopped(index: int, factor: float) -> None:
    x, random = rows_of(110)
    rows = random.permutation(442)[:110]
    expected = from_rows({f.column: column(x[:331, i]) for i, f in enumerate(HEALTH.features)})
    columns = {f.column: column(x[rows, i] * (factor if i == index else 1)) for i, f in enumerate(HEALTH.features)}
    stopped = [f for f in findings(columns, expected) if f.severity == STOP]
    assert [f.column for f in stopped] == [HEALTH.features[index].column]
    if factor != 0.3048:
        assert stopped[0].kind == "unit"


CONFIG = Config(
    features=(
        FeatureConfig("speed", unit="km/h", range=(0.0, 200.0)),
        FeatureConfig("road", kind="category", categories=("city", "motorway")),
    ),
    outputs=(OutputConfig("efficiency", "%"),),
    data=DataConfig(time="when", max_age=2.0),
)
NOON = 1_800_000_000.0


def csv(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "new.csv"
    file.write_text(text)
    return file


LINES = [f"2027-01-15T0{i}:00:00Z,{10 + 17 * i},{'city' if i % 2 else 'motorway'},{70 + i}\n" for i in range(9)]
HEAD = "when,speed,road,efficiency\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(HEAD + "".join(LINES), [], id="good"),
        pytest.param(
            "when,velocity,road,efficiency\n" + "".join(LINES),
            ["the column 'speed' is missing; there are when, velocity, road, efficiency"],
            id="a column that was renamed",
        ),
        pytest.param(
            "when,speed,road\n" + "".join(line.rpartition(",")[0] + "\n" for line in LINES),
            ["the label column 'efficiency' is missing; there are when, speed, road"],
            id="no label",
        ),
        pytest.param(
            HEAD + "".join(LINES[:8]) + "2027-01-15T08:00:00Z,n/a,city,77\n",
            ["the column 'speed' has 1 cells that are no number, row 9 is 'n/a'"],
            id="text among numbers",
        ),
        pytest.param(
            HEAD + "".join(LINES[:8]) + "2027-01-15T08:00:00Z,,track,77\n",
            [
                "the column 'speed' is empty or NaN in 1 of 9 rows, first in row 9",
                "the column 'road' has 1 cells that are none of its categories city, motorway; row 9 is 'track'",
            ],
            id="an empty cell and a new label",
        ),
        pytest.param(
            HEAD + "".join(LINES).replace("2027", "2026"),
            ["the newest time in 'when' is 365.0 days old, at most 2 are allowed"],
            id="last year's rows",
        ),
        pytest.param(
            "speed,road,efficiency\n" + "".join(line.partition(",")[2] for line in LINES),
            ["the column 'when' is missing; there are speed, road, efficiency"],
            id="no time",
        ),
    ],
)
def test_a_file(tmp_path: Path, text: str, found: list[str]) -> None:
    report = check_data(csv(tmp_path, text), CONFIG, now=NOON)
    assert [f.sentence for f in report.findings] == found
    assert report.ok == (not found)


def test_older_rows_and_a_bundle_say_what_is_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("bp\n" + "\n".join(f"{v:.6f}" for v in BP))
    new.write_text("bp\n" + "\n".join(f"{v / 7.500617:.6f}" for v in BP))
    assert main(["check-data", str(new), "--against", str(old)]) == 1
    sentence = f"the column 'bp' looks like the inverse of 7.5 times (kPa as mmHg) what was expected: its mean is {BP.mean() / 7.500617:.4g}, it was {BP.mean():.4g}"
    assert capsys.readouterr().out == (
        f"stop: {sentence}\nnew.csv: 200 rows, held to old.csv; it must not be trained on\n"
    )
    assert main(["check-data", str(old), "--against", str(old), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"ok": True, "file": "old.csv", "rows": 200, "against": ["old.csv"], "findings": []}


def test_npz(tmp_path: Path) -> None:
    x = np.stack([BP, RANDOM.integers(0, 2, 200)], axis=1)
    np.savez(tmp_path / "a.npz", x=x, y=BP)
    config = Config(
        features=(
            FeatureConfig("bp", range=(0.05, 0.15)),
            FeatureConfig("sex", kind="category", categories=("a", "b")),
        )
    )
    assert [f.sentence for f in check_data(tmp_path / "a.npz", config).findings] == [
        "the column 'bp' looks like 1000 times what was expected: 100% of its values are outside 0.05 to 0.15"
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, sentence in (
        ("none.csv", "{}: there is no such file; check the path of the data"),
        ("a.txt", "{} has the unknown ending '.txt'; known are .npz, .csv, .parquet"),
        ("a.npz", "{} is truncated or corrupt; write it again with numpy.savez"),
    ):
        file = tmp_path / name
        if name != "none.csv":
            file.write_text("x")
        with pytest.raises(InputError) as caught:
            check_data(file, Config())
        assert str(caught.value) == sentence.format(file)
