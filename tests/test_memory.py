"""The arena and the shards: nothing overlaps, nothing is lost."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.arena import ALIGNMENT, Lifetime, place
from edgekit.shards import cut

LIFETIMES = st.lists(
    st.tuples(st.integers(1, 500), st.integers(0, 12), st.integers(0, 6)).map(
        lambda t: Lifetime(t[0], t[1], t[1] + t[2])
    ),
    max_size=25,
)


@given(LIFETIMES)
def test_values_that_live_together_do_not_overlap(lifetimes: list[Lifetime]) -> None:
    offsets, size = place(lifetimes)
    for item, offset in zip(lifetimes, offsets, strict=True):
        assert offset % ALIGNMENT == 0
        assert offset + item.bytes <= size
    for (a, at), (b, bt) in combinations(zip(lifetimes, offsets, strict=True), 2):
        together = a.first <= b.last and b.first <= a.last
        assert not together or at + a.bytes <= bt or bt + b.bytes <= at


def test_a_chain_needs_room_for_two() -> None:
    assert place([Lifetime(100, i, i + 1) for i in range(10)])[1] == 224


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=20), st.integers(1, 64))
def test_shards_hold_the_weights_in_order(chunks: list[bytes], size: int) -> None:
    shards = cut(list(enumerate(chunks)), size)
    assert b"".join(s.data for s in shards) == b"".join(chunks)
    assert all(0 < len(s.data) <= size for s in shards)
    at = 0
    starts = {}  # the step whose bytes a place in the weights belongs to
    for step, data in enumerate(chunks):
        starts |= dict.fromkeys(range(at, at + len(data)), step)
        at += len(data)
    at = 0
    for shard in shards:
        assert shard.first_step == starts[at]
        at += len(shard.data)


@pytest.mark.parametrize(
    ("layers", "most", "expected"),
    [
        pytest.param([1472, 4608, 576], 1 << 18, [6080, 576], id="the head alone"),
        pytest.param([6000], 1 << 18, [6000], id="one layer"),
        pytest.param([4000] * 8, 1 << 18, [16000, 8000, 4000, 4000], id="half of what is left"),
        pytest.param([4000, 3000, 32], 1 << 18, [4000, 3032], id="an offset stays with the head"),
        pytest.param([1000, 500], 1 << 18, [1500], id="saves less than a request is worth"),
        pytest.param([3000, 9000, 100], 4000, [3000, 4000, 4000, 1100], id="a layer of several shards"),
        pytest.param([100, 3000, 1000, 4000], 4000, [3100, 1000, 4000], id="no layer divided that fits"),
    ],
)
def test_shards_are_cut_between_layers(layers: list[int], most: int, expected: list[int]) -> None:
    parts = [(step, bytes(part)) for step, size in enumerate(layers) for part in (size // 4, size - size // 4)]
    assert [len(shard.data) for shard in cut(parts, most)] == expected


def test_an_unchanged_shard_keeps_its_name() -> None:
    before = cut([(0, b"a" * 40), (1, b"b" * 40)], 40)
    after = cut([(0, b"a" * 40), (1, b"c" * 40)], 40)
    assert before[0].name(0) == after[0].name(0)
    assert before[1].name(1) != after[1].name(1)
