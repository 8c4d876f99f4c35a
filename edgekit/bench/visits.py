"""A visit from what a device said of it: numbers by the names of MEASURES, and steady calls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.bench.measures import MEASURES
from edgekit.bench.records import Visit
from edgekit.errors import CheckFailed

MAX_CALLS = 10_000


def visit_of(values: Mapping[str, Any], calls: Sequence[Any]) -> Visit:
    """Check what a device measured, and add p50, p90, p99 and the throughput of its calls, in us each.

    A measure that this edgekit does not know is left out. Raises CheckFailed where a number is none.
    """
    if len(calls) > MAX_CALLS:
        raise CheckFailed(f"the device sent {len(calls)} steady calls of one visit; {MAX_CALLS} are taken at most")
    found = {name: _number(value, name) for name, value in values.items() if name in MEASURES}
    times = tuple(_number(call, "a steady call") for call in calls)
    return Visit({**found, **steady(times)}, times)


def steady(times: Sequence[float]) -> dict[str, float]:
    """Return the percentiles and the throughput of calls in us; nothing where there are none.

    Percentiles are numpy's linear ones; throughput is 1e6 / mean.
    """
    if not times or not sum(times):
        return {}
    p50, p90, p99 = (float(p) for p in np.percentile(times, (50, 90, 99)))
    return {"p50": p50, "p90": p90, "p99": p99, "throughput": 1e6 / float(np.mean(times))}


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise CheckFailed(f"the device sent {value!r} for {what}, which is no measurement")
    return float(value)
