"""Weights cut into shards along layers, in the order in which the layers need them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

#: What a cut must be able to save an update, to be worth a request on the first visit.
_SAVING_BYTES = 2048
#: Less than this is no layer, but a scale or an offset behind one.
_LAYER_BYTES = 64


@dataclass(frozen=True)
class Shard:
    """Consecutive bytes of the weights; `first_step` is the first step of the plan that reads them."""

    data: bytes
    first_step: int

    def name(self, index: int) -> str:
        """Return a name that holds the content's hash, so that an unchanged shard keeps it."""
        return f"shard-{index:03d}.{hashlib.sha256(self.data).hexdigest()[:16]}.bin"


def cut(chunks: Sequence[tuple[int, bytes]], shard_bytes: int) -> list[Shard]:
    """Cut (first step, bytes) chunks into shards of at most `shard_bytes`, and of at most half of what is left.

    So they become shorter towards the end, where a model is trained further, and the last layer is alone wherever
    that saves an update of it 2 KB. A layer (the chunks of one step) is divided only where it is longer than
    `shard_bytes`.
    """
    layers = [(step, b"".join(data for _, data in group)) for step, group in groupby(chunks, key=itemgetter(0))]
    left = sum(len(data) for _, data in layers)  # that is in no shard yet
    shards: list[Shard] = []
    pending, step = bytearray(), 0

    def close(count: int) -> None:
        nonlocal pending, left
        shards.append(Shard(bytes(pending[:count]), step))
        pending, left = pending[count:], left - count

    for first_step, data in layers:
        together = len(pending) + len(data)
        worth_it = len(pending) >= _SAVING_BYTES and left - len(pending) >= _LAYER_BYTES
        if pending and (together > shard_bytes or (worth_it and 2 * together > left)):
            close(len(pending))
        if not pending:
            step = first_step
        pending += data
        while len(pending) > shard_bytes:
            close(shard_bytes)
            step = first_step
    if pending:
        close(len(pending))
    return shards
