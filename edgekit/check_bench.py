"""The gate's benchmarks."""

from __future__ import annotations

from edgekit.check_parts import Check
from edgekit.config import Config
from edgekit.data import Dataset
from edgekit.progress import Progress
from edgekit.store import Bundle
from edgekit.verify import NOT_RUN


def bench_checks(
    bundle: Bundle, baseline: Bundle | str, rows: Dataset | None, config: Config, progress: Progress
) -> list[Check]:
    """Measure."""
    return [Check("bench", NOT_RUN, "[gate] bench names no runner", required=False)]
