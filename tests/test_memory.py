"""The arena and the shards: nothing overlaps, nothing is lost."""

from __future__ import annotations

from itertools import combinations

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


def test_an_unchanged_shard_keeps_its_name() -> None:
    before = cut([(0, b"a" * 40), (1, b"b" * 40)], 40)
    after = cut([(0, b"a" * 40), (1, b"c" * 40)], 40)
    assert before[0].name(0) == after[0].name(0)
    assert before[1].name(1) != after[1].name(1)
