"""Slices: the ruined group is found, luck is not, and few rows are not judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.behaviour import behaviours
from edgekit.config import Config, FeatureConfig, SliceConfig
from edgekit.data import Dataset
from edgekit.errors import InputError
from edgekit.slices import FEW, HOLDS, UNKNOWN, WORSE, Judged, audit, slices_of

COUNT = 1200


def judged(harm: float, where: float, noise: float = 0.0, seed: int = 0) -> Judged:
    """A float model of error 1 on two features; int8 has `harm` more where x0 > `where`, and noise of no direction."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(COUNT, 2)).astype(np.float32)
    truth = 10 * x[:, :1]
    floats = truth + rng.normal(size=truth.shape)
    outputs = (
        floats + harm * (x[:, :1] > where) * rng.choice([-1, 1], truth.shape) + noise * rng.normal(size=truth.shape)
    )
    data = Dataset(x, truth.astype(np.float32), ("p", "q"), "", Path("d"), side={"town": np.array(["a", "b"] * 600)})
    return Judged(data, floats.astype(np.float32), outputs.astype(np.float32))


def test_a_ruined_group_fails_where_the_mean_hides_it() -> None:
    found = audit(judged(2.0, 1.5), Config(), 0.05)
    whole = judged(2.0, 1.5)
    mean = (
        np.sqrt(((whole.outputs - whole.data.labels) ** 2).mean() / ((whole.floats - whole.data.labels) ** 2).mean())
        - 1
    )
    assert mean < 0.2
    worst = found[0]
    assert worst.state == WORSE
    assert worst.name.startswith("target, tenth 10")
    assert worst.low is not None and worst.low > 0.05
    assert all(s.state != WORSE for s in found if s.name.startswith("target, tenth 1 "))


@pytest.mark.parametrize("seed", range(8))
def test_models_that_are_equally_good_fail_nowhere(seed: int) -> None:
    """Errors of the same size and independent: in twenty slices some look bad, and none may be called worse."""
    rng = np.random.default_rng(seed)
    given = judged(0.0, 0.0, seed=seed)
    assert given.data.labels is not None
    other = given.data.labels + rng.normal(size=given.data.labels.shape).astype(np.float32)
    found = audit(Judged(given.data, given.floats, other), Config(), 0.0)
    assert len(found) > 15
    assert max(s.drop for s in found) > 0.05
    assert [s.name for s in found if s.state == WORSE] == []


def test_the_bounds_enclose_the_drop_and_widen_with_few_rows() -> None:
    config = Config(slices=(SliceConfig("rare", where="p > 1.7"), SliceConfig("half", where="p > 0")))
    found = {s.name: s for s in audit(judged(0.0, 0.0, noise=0.3), config, 0.05)}
    rare, half = found["rare"], found["half"]
    assert rare.rows >= 20
    for one in (rare, half):
        assert one.low is not None and one.high is not None
        assert one.low < one.drop < one.high
    assert rare.high - rare.low > 2 * (half.high - half.low)
    assert half.state in (HOLDS, UNKNOWN)


def test_few_rows_are_not_judged() -> None:
    config = Config(slices=(SliceConfig("handful", where="p > 2.5"),))
    found = {s.name: s for s in audit(judged(50.0, 2.5), config, 0.05)}["handful"]
    assert (found.state, found.low, found.high) == (FEW, None, None)
    assert 0 < found.rows < 20
    assert found.drop > 1  # it is shown all the same


def test_the_same_rows_give_the_same_bounds() -> None:
    assert audit(judged(0.5, 1.0), Config(), 0.05) == audit(judged(0.5, 1.0), Config(), 0.05)


def test_slices_of_the_config() -> None:
    config = Config(
        features=(FeatureConfig("p", "pressure"), FeatureConfig("q", kind="category", categories=("no", "yes"))),
        slices=(
            SliceConfig("side", "town"),
            SliceConfig("p", "p", (-1.0, 1.0)),
            SliceConfig("both", where='town == "a" and p > 0'),
        ),
    )
    given = judged(0, 0)
    codes = (given.data.inputs * [1, 0] + [0, 1]).astype(np.float32)
    data = Dataset(codes, given.data.labels, ("pressure", "q"), "", Path("d"), side=given.data.side)
    found = slices_of(Judged(data, given.floats, given.outputs), config)
    p = given.data.inputs[:, 0].astype(np.float64)
    np.testing.assert_array_equal(found["side = a"], data.side["town"] == "a")
    np.testing.assert_array_equal(found["p -1 to 1"], (p >= -1) & (p < 1))
    np.testing.assert_array_equal(found["p -inf to -1"], p < -1)
    np.testing.assert_array_equal(found["both"], (data.side["town"] == "a") & (p > 0))
    assert found["q: yes"].all() and not found["q: no"].any()
    quarters = [mask for name, mask in found.items() if name.startswith("pressure, quarter")]
    assert len(quarters) == 4
    assert np.sum(quarters, axis=0).tolist() == [1] * COUNT
    tenths = [mask for name, mask in found.items() if name.startswith("target, tenth")]
    assert [int(mask.sum()) for mask in tenths] == [120] * 10


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (SliceConfig("a", "none"), "[[slices]] a: there is no column 'none'; name a feature or a column of the data"),
        (SliceConfig("a", "town", (1.0,)), "[[slices]] a: 'town' holds text, which has no bins; leave bins out"),
        (SliceConfig("a", "p"), "[[slices]] a: 'p' has 1200 values; give bins"),
    ],
)
def test_a_slice_that_makes_no_sense(one: SliceConfig, message: str) -> None:
    with pytest.raises(InputError) as caught:
        slices_of(judged(0, 0), Config(slices=(one,)))
    assert str(caught.value) == message


def test_a_classification_is_judged_by_its_classes() -> None:
    rng = np.random.default_rng(0)
    labels = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 900)]
    floats = labels + 0.1 * rng.normal(size=labels.shape).astype(np.float32)
    outputs = floats.copy()
    outputs[labels[:, 2] == 1, 0] += 5  # int8 never says class 2
    data = Dataset(rng.normal(size=(900, 1)).astype(np.float32), labels, (), "", Path("d"))
    found = {s.name: s for s in audit(Judged(data, floats, outputs), Config(task="classification"), 0.05)}
    assert {name: s.state for name, s in found.items()} == {"class 2": WORSE, "class 0": HOLDS, "class 1": HOLDS}
    assert found["class 2"].drop == pytest.approx(1.0)


def test_behaviour_finds_a_jump_and_a_wrong_direction() -> None:
    rng = np.random.default_rng(0)
    data = Dataset(rng.uniform(0, 1, (200, 2)).astype(np.float32), None, ("a", "b"), "", Path("d"))
    config = Config(features=(FeatureConfig("a", monotone="increasing"), FeatureConfig("b", monotone="decreasing")))

    def exact(x: np.ndarray) -> np.ndarray:
        return x[:, :1] - x[:, 1:]

    def rounded(x: np.ndarray) -> np.ndarray:
        return np.round(exact(x) / 0.02) * 0.02

    fine = behaviours(data, config, exact, rounded)
    assert [(b.rule, b.feature, b.holds) for b in fine] == [
        ("small change", "a", True), ("direction", "a", True), ("small change", "b", True), ("direction", "b", True),
    ]  # fmt: skip
    rows = np.linspace(0, 199, 64).round().astype(int)
    near = data.inputs[rows]

    def jumps(x: np.ndarray) -> np.ndarray:
        moved = np.abs(x - near).sum(axis=1, keepdims=True) > 0 if x.shape == near.shape else 0
        return exact(x) - 0.5 * moved

    found = {(b.rule, b.feature): b for b in behaviours(data, config, exact, jumps)}
    assert not found["small change", "a"].holds
    assert not found["direction", "a"].holds
    assert found["small change", "a"].worst == pytest.approx(0.49, abs=0.02)
