"""Weights cut into shards along layers, in the order in which the layers need them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """Consecutive bytes of the weights; `first_step` is the first step of the plan that reads them."""

    data: bytes
    first_step: int

    def name(self, index: int) -> str:
        """Return a name that holds the content's hash, so that an unchanged shard keeps it."""
        return f"shard-{index:03d}.{hashlib.sha256(self.data).hexdigest()[:16]}.bin"


def cut(chunks: Sequence[tuple[int, bytes]], shard_bytes: int) -> list[Shard]:
    """Cut (first step, bytes) chunks into shards of about `shard_bytes`; a chunk larger than that is split."""
    shards: list[Shard] = []
    pending, step = bytearray(), 0
    for first_step, data in chunks:
        if pending and len(pending) + len(data) > shard_bytes:
            shards.append(Shard(bytes(pending), step))
            pending = bytearray()
        if not pending:
            step = first_step
        pending += data
        while len(pending) > shard_bytes:
            shards.append(Shard(bytes(pending[:shard_bytes]), step))
            pending, step = pending[shard_bytes:], first_step
    if pending:
        shards.append(Shard(bytes(pending), step))
    return shards
