"""Hostile and mistaken .npz files: the one sentence that each gets."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_files import PAIR, TWO, X, npy, npy_claiming, npz, put, refusal, zipped

from edgekit.config import Config
from edgekit.data import load_data
from edgekit.formats import npz_read

NOT_NUMBERS = "not numbers; convert it to float32"
DAMAGED = " is truncated or corrupt; write it again with numpy.savez"
BYTES_AND_SHAPE = ": the array 'x' does not have the bytes that its shape asks for; write it with numpy.savez"
NOT_NPY = ": the array 'x' is not in NumPy's format; write it with numpy.savez"

BAD_NPZ = [
    pytest.param(lambda: b"", " is empty; write it again", id="no bytes"),
    pytest.param(
        lambda: npz(x=np.zeros((0, 2), np.float32)), " has no rows; give at least 8", id="an array without rows"
    ),
    pytest.param(
        lambda: npz(x=[[1, 2], [3, np.nan]]),
        ": x, row 2, column 2 is NaN; fill it or remove the row",
        id="NaN",
    ),
    pytest.param(
        lambda: npz(x=[[1, 2], [-np.inf, 4]]),
        ": x, row 2, column 1 is infinite; correct it or remove the row",
        id="infinity",
    ),
    pytest.param(
        lambda: npz(x=[[1, 2], [3, 1e39]]),
        ": x, row 2, column 2 is 1e+39, too large for float32; scale the column down",
        id="float64 beyond float32",
    ),
    pytest.param(
        lambda: npz(x=X, y=[1, np.nan]), ": y, row 2, column 1 is NaN; fill it or remove the row", id="NaN label"
    ),
    pytest.param(
        lambda: npz(x=np.zeros((4, 3))),
        ": x has the shape [4, 3], the model needs [rows, 2]; reshape it, or check that the data belongs to the model",
        id="a column too many",
    ),
    pytest.param(
        lambda: npz(x=np.zeros(4)),
        ": x has the shape [4], the model needs [rows, 2]; reshape it, or check that the data belongs to the model",
        id="one axis",
    ),
    pytest.param(
        lambda: npz(x=np.float32(1)),
        ": x has the shape [], the model needs [rows, 2]; reshape it, or check that the data belongs to the model",
        id="a scalar",
    ),
    pytest.param(
        lambda: npz(x=X, y=np.zeros((2, 3))),
        ": y has the shape [2, 3], the model needs [rows, 1]; reshape it, or check that the data belongs to the model",
        id="labels of another model",
    ),
    pytest.param(
        lambda: npz(x=X, y=np.zeros(3)),
        ": y has 3 rows, x has 2; give one label for each row",
        id="more labels than rows",
    ),
    pytest.param(lambda: npz(x=np.array([["1", "2"]])), f": x holds text, {NOT_NUMBERS}", id="text"),
    pytest.param(lambda: npz(x=X.astype(complex)), f": x holds complex numbers, {NOT_NUMBERS}", id="complex"),
    pytest.param(lambda: npz(x=X.astype("M8[s]")), f": x holds dates, {NOT_NUMBERS}", id="dates"),
    pytest.param(
        lambda: npz(x=np.zeros((2, 2), [("u", "f4")])), f": x holds records, {NOT_NUMBERS}", id="a structured array"
    ),
    pytest.param(
        lambda: npz(x=np.array([[1, None]], object)),
        ": the array 'x' holds Python objects (a pickle), which are never loaded; "
        "convert it to float32 before numpy.savez",
        id="pickled objects are not loaded",
    ),
    pytest.param(
        lambda: npz(X=X),
        " holds the array 'X', which nothing reads; known names are features, in, x, x_in, y",
        id="an array of another name",
    ),
    pytest.param(
        lambda: npz(y=[1, 2]), " holds no array x or in or x_in for the input in; give exactly one", id="no x"
    ),
    pytest.param(
        lambda: npz(x=X, x_in=X), " holds both x and x_in for the input in; give exactly one", id="two for one input"
    ),
    pytest.param(
        lambda: npz(x=X, features=["p"]),
        ": features has the shape [1] and holds text; it must hold 2 names, or be left out",
        id="a name too few",
    ),
    pytest.param(
        lambda: npz(x=X, features=["p", "p"]), ": two columns are called 'p'; rename one of them", id="one name twice"
    ),
    pytest.param(
        lambda: npz(x=X, features=["p", "q\x1b[2J"]),
        ": the name of column 2, 'q\\x1b[2J', holds a control character or line break; rename it",
        id="a name that would clear the screen",
    ),
    pytest.param(
        lambda: npz(x=X, features=np.array([b"p", b"\xff"])),
        ": features holds a name that is not text; write the names again",
        id="a name that is not UTF-8",
    ),
    pytest.param(
        lambda: npz(x=X, features=np.array([1, 0x7FFFFFFF], "<u4").view("<U1")),
        ": features holds a name that is not text; write the names again",
        id="a code point beyond Unicode",
    ),
    pytest.param(lambda: npz(x=X)[:-30], DAMAGED, id="cut at the end"),
    pytest.param(lambda: npz(x=X)[:60], DAMAGED, id="cut at the start"),
    pytest.param(lambda: npz(x=X).replace(X.tobytes(), X.tobytes()[::-1]), DAMAGED, id="bytes changed, the CRC tells"),
    pytest.param(lambda: zipped({"x.npy": npy(X)[:-1]}), BYTES_AND_SHAPE, id="an array cut"),
    pytest.param(lambda: zipped({"x.npy": npy(X) + b"more"}), BYTES_AND_SHAPE, id="bytes after an array"),
    pytest.param(
        lambda: zipped({"x.npy": npy_claiming("(1000000000000, 2)")}),
        BYTES_AND_SHAPE,
        id="a header that asks for terabytes",
    ),
    pytest.param(lambda: zipped({"x.npy": npy_claiming("(-1, -1)")}), BYTES_AND_SHAPE, id="a negative shape"),
    pytest.param(lambda: zipped({"x.npy": npy_claiming("(9, 2)", "<U0")}), BYTES_AND_SHAPE, id="elements of no bytes"),
    pytest.param(lambda: zipped({"x.npy": npy_claiming("'two'")}), NOT_NPY, id="a shape that is no shape"),
    pytest.param(lambda: zipped({"x.npy": npy_claiming("(((((" * 15)}), NOT_NPY, id="a header that is no literal"),
    pytest.param(lambda: zipped({"x.npy": b"hello"}), NOT_NPY, id="a member that is no array"),
    pytest.param(
        lambda: zipped({"readme.txt": b""}),
        " holds 'readme.txt', which is not an array; write it again with numpy.savez",
        id="another kind of zip",
    ),
    pytest.param(
        lambda: b"\x80\x04\x95cbuiltins\neval",
        " is not what its ending says: it looks like a Python pickle; give a real .npz file",
        id="a pickle by another name",
    ),
    pytest.param(
        lambda: npy(X),
        " is not what its ending says: it looks like a single .npy array; give a real .npz file",
        id="an .npy by another name",
    ),
    pytest.param(
        lambda: b"p,q\n1,2\n",
        " is not what its ending says: it looks like text; give a real .npz file",
        id="a csv by another name",
    ),
]


@pytest.mark.parametrize(("content", "message"), BAD_NPZ)
def test_a_bad_npz(tmp_path: Path, content: Callable[[], bytes], message: str) -> None:
    file = put(tmp_path, "d.npz", content())
    assert refusal(lambda: load_data(file, Config(), TWO, 1)) == f"{file}{message}"


def test_a_name_twice_in_an_npz(tmp_path: Path) -> None:
    raw = zipped({"x.npy": npy(X), "y.npy": npy([1.0, 2.0])}).replace(b"y.npy", b"x.npy")
    file = put(tmp_path, "d.npz", raw)
    assert refusal(lambda: load_data(file, Config(), TWO, 1)) == (
        f"{file} holds the array 'x' twice; write it again with numpy.savez"
    )


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_read, "MAX_BYTES", 100_000)
    file = put(tmp_path, "d.npz", zipped({"x.npy": b"\0" * 100_001}))
    assert file.stat().st_size < 1000
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    assert refusal(lambda: load_data(file, Config(), TWO, 1)) == (
        f"{file} unpacks to 100001 bytes, the limit is 100000; give fewer rows"
    )


def test_rows_of_several_inputs_must_match(tmp_path: Path) -> None:
    file = put(tmp_path, "d.npz", npz(a=X, b=np.zeros(3)))
    assert refusal(lambda: load_data(file, Config(), PAIR, 1)) == (
        f"{file}: b has 3 rows, the first input has 2; give the same rows for all"
    )
