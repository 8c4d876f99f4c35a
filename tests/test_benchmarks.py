"""The parts of benchmarks/ that decide; what needs a browser or the network is run by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgekit.graph import Graph, GraphBuilder, Quant, Tensor

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from contenders import random_rows, takes_integers
from judge import MIN_ROUNDS, Ratio, difference, ratio, spread

ROUNDS = 400


def rounds(factor: float, own_noise: float = 0.0, shared_noise: float = 0.0) -> tuple[list[float], list[float]]:
    """Samples of two runtimes, the second `factor` times as slow; noise is lognormal, the shared one slow to change."""
    rng = np.random.default_rng(7)
    shared = np.exp(shared_noise * np.repeat(rng.normal(size=ROUNDS // 20), 20))
    own, peer = (shared * np.exp(own_noise * rng.normal(size=ROUNDS)) for _ in range(2))
    return own.tolist(), (factor * peer).tolist()


@pytest.mark.parametrize(
    ("factor", "own_noise", "shared_noise", "widest"),
    [
        pytest.param(2.0, 0.0, 0.0, 1.000001, id="without noise there is no doubt"),
        pytest.param(1.6, 0.0, 2.0, 1.000001, id="noise that both share cancels"),
        pytest.param(1.6, 0.1, 2.0, 1.06, id="what remains is the noise of each"),
        pytest.param(1.0, 1.0, 0.0, 1.6, id="equal runtimes: large noise finds nothing"),
    ],
)
def test_the_interval_holds_the_ratio(factor: float, own_noise: float, shared_noise: float, widest: float) -> None:
    found = ratio(*rounds(factor, own_noise, shared_noise))
    assert found is not None
    assert found.low * 0.999999 <= factor <= found.high * 1.000001
    assert found.low <= found.value <= found.high
    assert found.high / found.low < widest


def test_few_rounds_are_not_judged() -> None:
    few = [1.0] * (MIN_ROUNDS - 1)
    assert ratio(few, few) is None
    assert ratio([*few, 1.0], [*few, 1.0]) == Ratio(1.0, 1.0, 1.0)


def test_rounds_are_pairs() -> None:
    with pytest.raises(ValueError, match=r"^3 rounds of one runtime, 2 of the other$"):
        ratio([1, 2, 3], [1, 2])


def test_noise_that_lasts_widens_the_interval() -> None:
    own, peer = rounds(1.0, 0.3)
    lasting = np.repeat(peer[:: len(peer) // 20], len(peer) // 20)
    single, runs = ratio(own, peer), ratio([1.0] * len(lasting), lasting.tolist())
    assert single is not None and runs is not None
    assert runs.high / runs.low > single.high / single.low


def test_spread() -> None:
    found = spread([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (found.best, found.median, round(found.p90, 9)) == (1.0, 3.0, 4.6)


@pytest.mark.parametrize(
    ("answers", "expected", "said"),
    [
        pytest.param([0.5, -1.0], [0.5, -1.0], "bit for bit", id="equal"),
        pytest.param([0.0, 1.0], [-0.0, 1.0], "1 of 2 values differ, by at most 0", id="minus zero is another number"),
        pytest.param([0.5, 1.0], [0.75, 1.0], "1 of 2 values differ, by at most 0.25", id="the largest difference"),
        pytest.param([0.5], [0.5, 1.0], "1 values for 2", id="other shapes"),
    ],
)
def test_difference(answers: list[float], expected: list[float], said: str) -> None:
    assert difference(np.array([answers], np.float32), np.array([expected], np.float32)) == said


def graph(*, dtype: str, reader: bool) -> Graph:
    """A model whose input is float32 or int8; a QUANTIZE reads it where `reader` says so."""
    quant = Quant(np.array([0.5], np.float32), np.array([3]))
    builder = GraphBuilder("g")
    given = builder.tensor(Tensor("in", (1, 50, 40), dtype, quant if dtype == "int8" else None))
    end = builder.tensor(Tensor("out", (1, 50, 40), "int8" if reader else dtype, quant if reader else None))
    builder.op("QUANTIZE" if reader else "RELU", (given,), (end,))
    return builder.build((given,), (end,))


@pytest.mark.parametrize(
    ("dtype", "reader", "takes"),
    [
        pytest.param("int8", False, True, id="an int8 input"),
        pytest.param("float32", True, True, id="a float input that is quantized at once"),
        pytest.param("float32", False, False, id="float all through"),
    ],
)
def test_rows_cover_the_integers(dtype: str, reader: bool, takes: bool) -> None:
    model = graph(dtype=dtype, reader=reader)
    assert takes_integers(model) is takes
    if takes:
        rows = random_rows(model, count=8)["x"]
        assert (rows.shape, rows.dtype) == ((8, 50, 40), np.float32)
        assert np.array_equal(np.unique(rows), (np.arange(-128, 128) - 3) * np.float32(0.5))
