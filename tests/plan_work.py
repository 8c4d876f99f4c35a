"""A lowered graph and its rows as what tests/js/open_plan.mjs reads: base64 and numbers."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from edgekit import plan as plans
from edgekit.graph import Graph
from edgekit.lowering import Lowered, lower

OPEN_PLAN = Path(__file__).parent / "js" / "open_plan.mjs"


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def work_of(graph: Graph, rows: np.ndarray) -> dict[str, object]:
    """Return all that a model needs beside the engine."""
    lowered = lower(graph)
    assert isinstance(lowered, Lowered)
    plan = lowered.plan
    return {
        "plan": text(plans.encode(plan)),
        "weights": text(b"".join(data for _, data in lowered.chunks)),
        "rows": text(np.ascontiguousarray(rows, "<f4").tobytes()),
        "inputs": [list(p) for p in plan.inputs],
        "outputs": [list(p) for p in plan.outputs],
        "arena": plan.arena_bytes,
        "steps": len(plan.steps),
    }
