"""Metrics by hand, and the verdict that few rows cannot fool."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.metrics import classification_drop, compare, regression_drop, rmse


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def test_rmse_by_hand() -> None:
    assert rmse(column(1, 2), column(1, 4)) == pytest.approx(2**0.5)


def test_regression_by_hand() -> None:
    drop = regression_drop(column(0, 0), column(3, 4), column(3, 5))
    assert drop.float_value == pytest.approx((25 / 2) ** 0.5)
    assert drop.quantized_value == pytest.approx((34 / 2) ** 0.5)
    assert drop.drop == pytest.approx((34 / 25) ** 0.5 - 1)
    assert drop.rms_difference == pytest.approx(0.5**0.5)
    assert drop.upper > drop.drop


def test_a_lucky_difference_is_not_a_gain() -> None:
    """On these rows int8 happens to be nearer to every label; its bound still says what such noise costs."""
    drop = regression_drop(column(0, 0, 0, 0), column(1, -1, 1, -1), column(0.5, -0.5, 0.5, -0.5))
    assert drop.drop < 0
    assert drop.upper == pytest.approx(1.25**0.5 - 1)


def test_the_worst_output_counts() -> None:
    labels = np.zeros((50, 2), np.float32)
    floats = np.ones((50, 2), np.float32)
    quantized = floats + np.array([0, 0.1], np.float32)
    assert regression_drop(labels, floats, quantized).drop == pytest.approx(0.1, rel=1e-4)


def test_without_labels_a_tenth_of_the_spread_is_taken_as_the_error() -> None:
    floats = column(*np.linspace(-1, 1, 101))
    drop = regression_drop(None, floats, floats)
    assert drop.float_value == pytest.approx(0.1 * floats.std(), rel=1e-3)
    assert drop.drop == 0


@pytest.mark.parametrize(
    ("labels", "float_value", "drop"),
    [
        pytest.param(column(0, 1), 1.0, 0.5, id="class numbers"),
        pytest.param(np.eye(2, dtype=np.float32), 1.0, 0.5, id="one-hot"),
        pytest.param(None, 1.0, 0.5, id="no labels: the float model's choice"),
    ],
)
def test_classification(labels: np.ndarray | None, float_value: float, drop: float) -> None:
    floats = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    quantized = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)
    found = classification_drop(labels, floats, quantized)
    assert (found.metric, found.float_value, found.drop) == ("top-1", float_value, drop)


def test_the_bound_counts_the_models_that_were_tried() -> None:
    """Worked by hand: 5 % missed with the first, 1.25 % with the fourth, so 1.645 and 2.241 standard errors."""
    random = np.random.default_rng(3)
    labels = random.normal(size=(400, 1)).astype(np.float32)
    floats = labels + random.normal(scale=0.1, size=labels.shape).astype(np.float32)
    worse = floats + random.normal(scale=0.05, size=labels.shape).astype(np.float32)
    first, fourth = (compare("mae", labels, floats, worse, looks) for looks in (1, 4))
    assert (fourth.upper - fourth.drop) / (first.upper - first.drop) == pytest.approx(2.2414 / 1.6449, rel=1e-4)
    assert fourth.drop == first.drop
