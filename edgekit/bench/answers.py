"""What a seat answers, held to what its bundle promises."""

from __future__ import annotations

import numpy as np

from edgekit import verify
from edgekit.bench.records import Answers
from edgekit.bench.runner import Rows, Seat
from edgekit.runtimes.answer import Answer
from edgekit.store import Bundle


def answers(seat: Seat, bundle: Bundle, rows: Rows | None = None) -> Answers:
    """Predict the golden rows, and the evaluation rows where they are given, float32 [rows, inputs flattened]."""
    golden, target = verify.read_golden(bundle), seat.subject.target
    entry = bundle.manifest.targets[target]
    outputs = seat.predict(golden.inputs)
    check = verify.judge(Answer(target, seat.subject.build or None, "", outputs), entry, golden)
    wrong = 0
    if check.status != verify.PASS:
        wrong = (
            len(golden)
            if outputs.shape != golden.float.shape
            else check.differing
            or _beyond(outputs, golden.quantized if entry.parity == "near" else golden.float, entry.bound or 0.0)
        )
    told = () if rows is None else tuple(tuple(map(float, row)) for row in seat.predict(rows))
    return Answers(len(golden), wrong, check.detail, told)


def _beyond(outputs: Rows, reference: Rows, bound: float) -> int:
    """Return how many rows are not within the bound; a number that is none never is."""
    within = np.abs(outputs.astype(np.float64) - reference.astype(np.float64)) <= bound
    return int((~within.all(axis=1)).sum())
