"""Accuracy of a candidate against its baseline on the same evaluation rows, overall and by slice. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgekit.bench.policy import Finding, Policy
from edgekit.bench.records import Run


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the evaluation rows.

    labels: float32 [rows, outputs], None where there are none; slices: name -> the rows that belong to it, bool [rows];
    task and metric as in edgekit.toml.
    """

    labels: npt.NDArray[np.float32] | None = None
    slices: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    task: str = "regression"
    metric: str = ""


def accuracy_findings(run: Run, truth: Truth | None, policy: Policy) -> tuple[Finding, ...]:
    """Return the findings on the evaluation rows; none where a side has no answers."""
    return ()
