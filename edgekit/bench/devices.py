"""Stage: one comparison on several devices, one after the other; what could not be run is named, the others count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgekit.bench.accuracy import Truth, truth_of
from edgekit.bench.records import INTERRUPTED, Run
from edgekit.bench.runner import Runner
from edgekit.bench.session import Plan, measure
from edgekit.bench.verdict import Verdict, exit_code, judge
from edgekit.config import Config
from edgekit.data import Dataset
from edgekit.errors import CheckFailed, InputError, NotAvailable
from edgekit.progress import Progress, silent
from edgekit.store import Bundle


@dataclass(frozen=True)
class Measured:
    """What came of one runner; exactly one of run (with its verdict), not_run and failed is given."""

    runner: str
    run: Run | None = None
    verdict: Verdict | None = None
    not_run: str = ""  # what is missing
    failed: str = ""  # what went wrong on a device that is there

    @property
    def exit_code(self) -> int:
        """0 no regression, 1 a regression or a failure, 3 cannot tell or not run."""
        if self.verdict is not None:
            return exit_code(self.verdict)
        return CheckFailed.exit_code if self.failed else NotAvailable.exit_code


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is measured: a candidate, beside a baseline or alone; data: evaluation rows, for accuracy."""

    candidate: Bundle
    baseline: Bundle | None = None
    data: Dataset | None = None
    config: Config = field(default_factory=Config)  # what it says of the rows: task, metric, slices


def on_devices(
    runners: Sequence[Runner], comparison: Comparison, plan: Plan, progress: Progress = silent
) -> tuple[Measured, ...]:
    """Measure with each runner and judge. After Ctrl-C the runners that did not begin are not run.

    Raises InputError where bundles or runners are asked for what they do not have; nothing is measured further then.
    """
    if comparison.data is not None:
        plan = replace(plan, rows=comparison.data.inputs)
    found: list[Measured] = []
    for runner in runners:
        if found and found[-1].run and found[-1].run.ended == INTERRUPTED:
            found.append(Measured(runner.name, not_run="interrupted before it began"))
            continue
        try:
            run = measure(runner, comparison.candidate, comparison.baseline, plan, progress)
            found.append(Measured(runner.name, run, judge(run, plan.policy, _truth(comparison, run))))
        except NotAvailable as error:
            found.append(Measured(runner.name, not_run=str(error)))
        except CheckFailed as error:
            found.append(Measured(runner.name, failed=str(error)))
    return tuple(found)


def _truth(comparison: Comparison, run: Run) -> Truth | None:
    if comparison.data is None:
        return None
    before = np.array(run.baseline_answers.outputs, np.float32) if run.baseline_answers else None
    return truth_of(comparison.data, comparison.config, before)


def exit_code_of(measured: Sequence[Measured]) -> int:
    """Return 1 where one found a regression or failed, else 3 where one cannot tell or was not run, else 0."""
    codes = {m.exit_code for m in measured}
    return next((code for code in (CheckFailed.exit_code, NotAvailable.exit_code) if code in codes), 0)


def check_alike(candidate: Bundle, baseline: Bundle) -> None:
    """Refuse two bundles that do not answer the same question, with an InputError."""
    for what in ("inputs", "outputs"):
        new, old = getattr(candidate.manifest, what), getattr(baseline.manifest, what)
        if [s.shape for s in new] != [s.shape for s in old]:
            raise InputError(
                f"{candidate.root} and {baseline.root} have different {what}, so they cannot be compared; "
                "give two versions of one model"
            )
