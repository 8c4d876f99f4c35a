"""Data files for tests, good and hostile, and the models that read them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.config import Config, FeatureConfig, OutputConfig
from edgekit.errors import InputError
from edgekit.manifest import Signature

TWO = (Signature("in", (1, 2)),)
PAIR = (Signature("a", (1, 2)), Signature("b", (1,)))
SEX = FeatureConfig("sex", kind="category", categories=("f", "m"))
AGE = FeatureConfig("AGE", name="age", unit="years", range=(0.0, 120.0))
PEOPLE = Config(features=(AGE, SEX), outputs=(OutputConfig("risk", "%", column="label"),))
X = np.array([[1, 2], [3, 4.5]], np.float32)


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_claiming(shape: str, descr: str = "<f4") -> bytes:
    """A header that promises more than there is."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"1234"


def parquet(**columns: Any) -> bytes:
    pa = pytest.importorskip("pyarrow", reason="the extra [data] is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def put(tmp_path: Path, name: str, content: bytes | str) -> Path:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)
