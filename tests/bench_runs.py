"""Runs for the tests of the verdict, the history and the report: made of numbers, no device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.bench.records import BASELINE, CANDIDATE, Device, Pair, Run, Subject, Visit

DEVICE = Device("Chromium 156.0", "Linux x86_64", "a processor", 2, ("relaxed-simd",), {"threads": "1"})
OLD = Subject("a" * 64, "model", "1.0", "wasm", "simd")
NEW = Subject("b" * 64, "model", "1.1", "wasm", "simd")
#: A visit of a quiet device.
QUIET: Mapping[str, float] = {"cold": 120.0, "load": 30.0, "p50": 100.0, "p90": 110.0, "bytes": 20_000, "requests": 4}


def visits(count: int, seed: int, noise: float = 0.03, **changed: float) -> list[Visit]:
    """Return visits with log-normal noise on the times; changed: factors by measure."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        values = {name: value * changed.get(name, 1.0) for name, value in QUIET.items()}
        for name in ("cold", "load", "p50", "p90"):
            values[name] *= float(np.exp(noise * random.standard_normal()))
        found.append(Visit(values, (values["p50"],) * 3))
    return found


def pairs(baseline: Sequence[Visit], candidate: Sequence[Visit]) -> tuple[Pair, ...]:
    """Return pairs in an order that a coin could have drawn."""
    firsts = np.random.default_rng(7).random(len(baseline)) < 0.5
    both = zip(baseline, candidate, firsts, strict=True)
    return tuple(Pair(a, b, BASELINE if first else CANDIDATE) for a, b, first in both)


def run(count: int = 64, seed: int = 0, noise: float = 0.03, **changed: float) -> Run:
    """Return a run of pairs with a self-test; changed: factors of the candidate by measure."""
    made = pairs(visits(count, seed, noise), visits(count, seed + 1, noise, **changed))
    return Run(DEVICE, "chromium:wasm", NEW, OLD, pairs=made, self_test=self_test(noise=noise))


def self_test(count: int = 32, seed: int = 100, noise: float = 0.03, **changed: float) -> tuple[Pair, ...]:
    """Return pairs of the baseline with itself."""
    return pairs(visits(count, seed, noise), visits(count, seed + 1, noise, **changed))
