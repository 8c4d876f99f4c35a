"""What a runtime says when it is given rows: outputs, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer of one runtime for one build of a target; exactly one of outputs, unfit, not_run, error is given."""

    target: str
    build: str | None
    runtime: str  # with its version, where it ran
    outputs: npt.NDArray[np.float32] | None = None  # [rows, all outputs flattened]
    seconds: float | None = None  # predicting all rows, loading left out; None where the runtime does not tell
    unfit: str = ""  # why no device like this one would choose the build
    not_run: str = ""  # what is missing on this machine
    error: str = ""  # what went wrong in a runtime that is there
