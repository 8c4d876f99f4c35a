"""Hostile and mistaken .csv and .parquet files: the one sentence that each gets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from data_files import AGE, PEOPLE, SEX, TWO, X, npz, parquet, put, refusal, zipped

from edgekit.config import Config
from edgekit.data import load_data
from edgekit.errors import NotAvailable

BAD_CSV = [
    pytest.param("p,q\n", Config(), " has no rows; give at least 8", id="a header alone"),
    pytest.param("\n\n", Config(), " is empty; it needs a header line and rows", id="blank lines"),
    pytest.param(
        "p,q\n1,2\n3\n",
        Config(),
        ": row 2 (line 3) has 1 cells, the header has 2; correct the row",
        id="a short row",
    ),
    pytest.param(
        "p,q\n1,2\n3,4,\n",
        Config(),
        ": row 2 (line 3) has 3 cells, the header has 2; correct the row",
        id="a comma at the end",
    ),
    pytest.param("p,p\n1,2\n", Config(), ": two columns are called 'p'; rename one of them", id="one name twice"),
    pytest.param(
        "p,q\n1,\n", Config(), ": row 1 (line 2), column 'q' is empty; fill it or remove the row", id="an empty cell"
    ),
    pytest.param("p,q\n1,nan\n", Config(), ": row 1 (line 2), column 'q' is NaN; fill it or remove the row", id="NaN"),
    pytest.param(
        "p,q\n1,-inf\n",
        Config(),
        ": row 1 (line 2), column 'q' is infinite; correct it or remove the row",
        id="infinity",
    ),
    pytest.param(
        "p,q\n1,1e39\n",
        Config(),
        ": row 1 (line 2), column 'q' is 1e+39, too large for float32; scale the column down",
        id="beyond float32",
    ),
    pytest.param(
        "p,q\n1,1_000\n",
        Config(),
        ": row 1 (line 2), column 'q' is '1_000', not a number; correct it, or describe the column "
        'in edgekit.toml as kind = "category"',
        id="Python would read 1_000",
    ),
    pytest.param(
        'p,q\n1,"' + "long " * 20 + '"\n',
        Config(),
        ": row 1 (line 2), column 'q' is 'long long long long long long long lo...', not a number; "
        'correct it, or describe the column in edgekit.toml as kind = "category"',
        id="a long text is cut",
    ),
    pytest.param("p;q\n1;2\n", Config(), " is separated by semicolons; save it with commas", id="semicolons"),
    pytest.param(
        ",p,q\n0,1,2\n",
        Config(),
        " has 3 columns beside the labels (, p, q), but the model takes 2 numbers; "
        "name the label's column in [[outputs]] of edgekit.toml, or with --label for edgekit init",
        id="an index column",
    ),
    pytest.param(
        ",p,y\n0,1,2\n",
        Config(),
        ": the name of column 1, '', is empty; rename it",
        id="a column without a name",
    ),
    pytest.param(
        "p,q,r,y\n1,2,3,4\n",
        Config(),
        " has 3 columns beside the labels (p, q, r), but the model takes 2 numbers; "
        "list the model's columns in [[features]] of edgekit.toml",
        id="a column too many",
    ),
    pytest.param(
        "p,y,target\n1,2,3\n",
        Config(),
        " has y and target; name the label's column in [[outputs]] of edgekit.toml",
        id="two labels",
    ),
    pytest.param(
        "Age,sex,label\n1,m,2\n",
        PEOPLE,
        ": there is no column 'AGE'; did you mean 'Age'?",
        id="a column in other letters",
    ),
    pytest.param(
        "AGE,sexe,label\n1,m,2\n", PEOPLE, ": there is no column 'sex'; did you mean 'sexe'?", id="a column misspelt"
    ),
    pytest.param(
        "one,two\n1,2\n",
        Config(features=(AGE, SEX)),
        ": there is no column 'AGE'; its columns are one, two",
        id="other columns",
    ),
    pytest.param(
        "AGE,sex,lable\n1,m,2\n", PEOPLE, ": there is no column 'label'; did you mean 'lable'?", id="no label column"
    ),
    pytest.param(
        "AGE,sex,label\n1,m,2\n3,d,4\n",
        PEOPLE,
        ": row 2 (line 3), column 'sex' is 'd', not one of its categories f, m; correct it, or add it in edgekit.toml",
        id="a label that is no category",
    ),
    pytest.param(
        'p,q\n1,"2\n3,4\n',
        Config(),
        ": line 3 is not CSV: unexpected end of data; correct it",
        id="a quote that never ends",
    ),
    pytest.param(b"p,q\n1,\xff\n", Config(), " is not UTF-8 text; save it as CSV in UTF-8", id="Latin-1"),
    pytest.param(
        b"p,q\n1,2\n\0\0",
        Config(),
        " is not what its ending says: it looks like binary data; give a real .csv file",
        id="binary data",
    ),
    pytest.param(
        zipped({"a": b""}),
        Config(),
        " is not what its ending says: it looks like a zip archive; give a real .csv file",
        id="a spreadsheet by another name",
    ),
]


@pytest.mark.parametrize(("content", "config", "message"), BAD_CSV)
def test_a_bad_csv(tmp_path: Path, content: bytes | str, config: Config, message: str) -> None:
    file = put(tmp_path, "d.csv", content)
    assert refusal(lambda: load_data(file, config, TWO, 1)) == f"{file}{message}"


def test_a_cell_beyond_the_csv_limit(tmp_path: Path) -> None:
    file = put(tmp_path, "d.csv", "p,q\n1," + "9" * 200_000 + "\n")
    assert refusal(lambda: load_data(file, Config(), TWO, 1)) == (
        f"{file}: line 2 is not CSV: field larger than field limit (131072); correct it"
    )


BAD_PARQUET = [
    pytest.param(lambda: parquet(p=[], q=[]), Config(), None, id="no rows, and so no types"),
    pytest.param(
        lambda: parquet(p=[1.0], q=[2.0])[:-20], Config(), " is truncated or corrupt; write it again", id="cut"
    ),
    pytest.param(
        lambda: b"PAR1" + b"\xff" * 60 + b"PAR1", Config(), " is truncated or corrupt; write it again", id="noise"
    ),
    pytest.param(
        lambda: parquet(p=[1.0, None], q=[1, 2]),
        Config(),
        ": row 2, column 'p' is empty; fill it or remove the row",
        id="a null",
    ),
    pytest.param(
        lambda: parquet(p=[1.0, float("nan")], q=[1, 2]),
        Config(),
        ": row 2, column 'p' is NaN; fill it or remove the row",
        id="NaN",
    ),
    pytest.param(
        lambda: parquet(p=["a"], q=[1]),
        Config(),
        ": the column 'p' holds string, not numbers; convert it, "
        'or describe it in edgekit.toml (text is kind = "category")',
        id="text",
    ),
    pytest.param(
        lambda: parquet(AGE=[1], sex=["x"], label=[1]),
        PEOPLE,
        ": row 1, column 'sex' is 'x', not one of its categories f, m; correct it, or add it in edgekit.toml",
        id="a label that is no category",
    ),
    pytest.param(
        lambda: parquet(AGE=[1], sex=[1.5], label=[1]),
        PEOPLE,
        ": the column 'sex' holds double, not labels; convert it, "
        'or describe it in edgekit.toml (text is kind = "category")',
        id="numbers as labels",
    ),
    pytest.param(
        lambda: parquet(AGE=[1], gender=["f"], label=[1]),
        PEOPLE,
        ": there is no column 'sex'; its columns are AGE, gender, label",
        id="a column that is not there",
    ),
    pytest.param(
        lambda: npz(x=X),
        Config(),
        " is not what its ending says: it looks like a zip archive; give a real .parquet file",
        id="an npz by another name",
    ),
]


@pytest.mark.parametrize(("content", "config", "message"), BAD_PARQUET)
def test_a_bad_parquet(tmp_path: Path, content: Callable[[], bytes], config: Config, message: str | None) -> None:
    file = put(tmp_path, "d.parquet", content())
    found = refusal(lambda: load_data(file, config, TWO, 1))
    if message is None:
        assert found.startswith(f"{file}: the column 'p' holds null")
    else:
        assert found == f"{file}{message}"


def test_parquet_without_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "edgekit.formats.parquet", raising=False)
    monkeypatch.delattr("edgekit.formats.parquet", raising=False)
    file = put(tmp_path, "d.parquet", b"PAR1....PAR1")
    with pytest.raises(NotAvailable) as caught:
        load_data(file, Config(), TWO, 1)
    assert str(caught.value) == "reading a .parquet file needs the extra [data]: pip install 'edgekit[data]'"
