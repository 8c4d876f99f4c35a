"""Transforms are undone in the same bits by Python, JavaScript and Dart, and as exactly as a float32 can say."""

from __future__ import annotations

import base64
import json
import subprocess
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from dart import TEMPLATE, Dart, package_config
from python_models import module

from edgekit.transforms import TRANSFORMS, as_factor, inverse, own_unit

HERE = Path(__file__).parent
#: Where e^x and 10^x leave float32 at either end, where log1p loses digits, and what is no number.
EDGES = (0.0, -0.0, 1e-30, -1e-30, 1e-8, 0.5, -0.5, 1.0, 2.0, 38.5, 38.6, -45.5, 88.7, 88.8, 89.5, -103.9, -105.5)
NOT_FINITE = (np.inf, -np.inf, np.nan, 3e38, -3e38)


def values() -> np.ndarray:
    random = np.random.default_rng(0)
    drawn = [random.uniform(-high, high, 3000) for high in (1e-3, 1, 10, 45, 110)]
    return np.concatenate([EDGES, NOT_FINITE, *drawn]).astype(np.float32)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_inverse_is_the_nearest_float32(transform: str) -> None:
    """Of a decimal logarithm and exponential with 40 digits; 1 unit in the last place is allowed, and used by none here."""
    for value in values()[: len(EDGES)].tolist() + values()[-6000::4].tolist():
        with localcontext() as context:
            context.prec = 40
            exponent = Decimal(value) * (Decimal(10).ln() if transform == "log10" else 1)
            exact = exponent.exp() - (1 if transform == "log1p" else 0)
        with np.errstate(over="ignore"):
            expected = np.float32(float(exact)) if exact < Decimal("1e300") else np.float32(np.inf)
        found = inverse(transform, np.array([value], np.float32))[0]
        if transform == "log1p" and abs(expected) < 1e-3:  # the subtraction of 1 leaves float64's own error
            assert abs(float(found) - float(exact)) <= 1.2e-16 + abs(float(exact)) * 6e-8, value
        else:
            assert found == expected, (value, found, expected)


def test_nothing_is_undone_where_nothing_was_done() -> None:
    assert inverse(None, values()).tobytes() == values().tobytes()


def test_the_python_package_gives_the_same_bits() -> None:
    own = module("transforms").inverse
    found = {name: np.array([own(name, v) for v in values().tolist()], np.float32) for name in TRANSFORMS}
    assert differing(found) == {}


def answers(done: subprocess.CompletedProcess[str]) -> dict[str, np.ndarray]:
    assert done.returncode == 0, done.stderr
    return {name: np.frombuffer(base64.b64decode(text), "<f4") for name, text in json.loads(done.stdout).items()}


def differing(found: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Return the values whose answer has other bits than Python's; NaN is NaN, whatever its payload."""
    assert set(found) == set(TRANSFORMS)
    wrong = {}
    for name, theirs in found.items():
        ours = inverse(name, values())
        bad = (ours.view("<u4") != theirs.view("<u4")) & ~(np.isnan(ours) & np.isnan(theirs))
        wrong[name] = values()[bad].tolist()
    return {name: bad for name, bad in wrong.items() if bad}


def test_javascript_gives_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "values").write_bytes(values().tobytes())
    command = ["node", str(HERE / "transform_values.mjs"), str(tmp_path / "values")]
    assert differing(answers(subprocess.run(command, capture_output=True, text=True, timeout=60, check=False))) == {}


def test_dart_gives_the_same_bits(dart: Dart, tmp_path: Path) -> None:
    (tmp_path / "values").write_bytes(values().tobytes())
    config = package_config(TEMPLATE, tmp_path / "packages.json")
    done = dart.run(HERE / "dart_programs" / "transforms.dart", config, str(tmp_path / "values"))
    assert differing(answers(done)) == {}


@pytest.mark.parametrize(
    ("transform", "unit", "own", "factor"),
    [
        (None, "USD", "USD", None),
        ("log10", "USD", "log10 USD", 10.0),
        ("log", "", "log", np.e),
        ("log1p", "rides", "log1p rides", None),
    ],
)
def test_the_unit_of_the_models_own_answer(transform: str | None, unit: str, own: str, factor: float | None) -> None:
    assert own_unit(transform, unit) == own
    assert as_factor(transform, 1.0) == factor
