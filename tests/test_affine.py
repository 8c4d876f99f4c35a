"""The arithmetic of affine quantization: worked examples, and properties over all ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.affine import (
    LIMITS,
    activation_quant,
    dequantize,
    quantize,
    quantize_bias,
    quantize_multiplier,
    weight_quant,
)

REALS = st.floats(-1e6, 1e6, width=32)
DTYPES = st.sampled_from(["int8", "int16"])


@pytest.mark.parametrize(
    ("low", "high", "dtype", "scale", "zero"),
    [
        pytest.param(-1.0, 1.0, "int8", 2 / 255, -1, id="a symmetric range: -0.5 is just below, in float32"),
        pytest.param(0.0, 2.55, "int8", 0.01, -128, id="a range from 0 starts at -128"),
        pytest.param(1.0, 2.55, "int8", 0.01, -128, id="a range that lacks 0 is widened to it"),
        pytest.param(-2.55, -1.0, "int8", 0.01, 127, id="below 0 as well"),
        pytest.param(-1.0, 3.2767, "int16", 2e-4, 0, id="int16 is symmetric with a bit of headroom"),
    ],
)
def test_activation_quant(low: float, high: float, dtype: str, scale: float, zero: int) -> None:
    found_scale, found_zero = activation_quant(low, high, dtype).one()
    assert found_scale == pytest.approx(scale, rel=1e-6)
    assert found_zero == zero


@given(REALS, REALS, DTYPES)
def test_zero_is_exact_and_the_range_is_kept(a: float, b: float, dtype: str) -> None:
    quant = activation_quant(min(a, b), max(a, b), dtype)
    scale, zero = quant.one()
    least, most = LIMITS[dtype]
    assert least <= zero <= most
    assert np.isfinite(np.float32(1) / scale)
    values = np.array([0.0, a, b], np.float32)
    back = dequantize(quantize(values, quant, dtype), quant)
    assert back[0] == 0
    assert np.all(np.abs(back - values) <= 1.01 * scale)


@given(st.lists(REALS, min_size=1, max_size=30), DTYPES)
def test_quantizing_twice_changes_nothing(values: list[float], dtype: str) -> None:
    real = np.array(values, np.float32)
    quant = activation_quant(float(real.min()), float(real.max()), dtype)
    once = quantize(real, quant, dtype)
    np.testing.assert_array_equal(quantize(dequantize(once, quant), quant, dtype), once)


def test_weights_have_a_scale_for_each_channel() -> None:
    weights = np.array([[1.27, -0.5], [0.0, 0.0], [-2.54, 1.0]], np.float32)
    quant = weight_quant(weights, 0, None, 1.0)
    np.testing.assert_allclose(quant.scale, [0.01, 0.02, 0.02], rtol=1e-6)  # a channel of zeros takes the widest
    np.testing.assert_array_equal(quantize(weights, quant, "int8"), [[127, -50], [0, 0], [-127, 50]])


def test_a_large_bias_widens_its_channel() -> None:
    weights = np.full((2, 1), 1e-6, np.float32)
    bias = np.array([0.0, 5000.0], np.float32)
    quant = weight_quant(weights, 0, bias, input_scale=0.001)
    integers, _ = quantize_bias(bias, 0.001, quant, "int8")
    assert integers.dtype == np.int32
    assert quant.scale[1] > quant.scale[0]
    assert 0 < integers[1] <= 2**30 + 64  # float32 rounds the scale


@given(st.floats(1e-9, 1e4))
def test_multiplier_is_close_to_the_real(real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert multiplier * 2.0 ** (shift - 31) == pytest.approx(real, rel=2**-30)


def test_multiplier_of_nothing() -> None:
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(1e-12) == (0, 0)  # below 2^-32: TFLite drops it
