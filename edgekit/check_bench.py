"""What `edgekit check` asks of the published bundle's side: accuracy on the same rows, and time on the same device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekit.bench.accuracy import accuracy_findings, truth_of
from edgekit.bench.devices import Comparison, Measured, check_alike, on_devices
from edgekit.bench.history import History
from edgekit.bench.policy import UNKNOWN, WORSE, Finding, Policy
from edgekit.bench.records import Answers, Device, Run, Subject
from edgekit.bench.runner import Runner
from edgekit.bench.runners import make_runner
from edgekit.bench.runners.spec import Conditions
from edgekit.bench.session import Plan
from edgekit.check_parts import CANNOT_TELL, Check
from edgekit.config import Config
from edgekit.config_daily import GateConfig, in_a_page
from edgekit.data import Dataset
from edgekit.errors import InputError
from edgekit.progress import Progress
from edgekit.store import Bundle
from edgekit.verify import FAIL, NOT_RUN, PASS

Values = npt.NDArray[np.float32]
#: Why there is no baseline where nothing was ever published; any other reason leaves a check open.
FIRST = "nothing is published yet, so there is nothing to compare with: a first release"
_BUDGET = " budget"


def policy_of(gate: GateConfig) -> Policy:
    """Return what counts as a regression."""
    return Policy(effect=gate.min_effect, max_drop=gate.max_drop, max_slice_drop=gate.max_slice_drop)


def published_check(
    bundles: tuple[Bundle, Bundle], data: Dataset, answers: tuple[Values, Values], config: Config, gate: GateConfig
) -> Check:
    """Hold the answers of a bundle on the evaluation rows to those of the published one: (new, published) each."""
    try:
        check_alike(*bundles)
    except InputError as error:
        return Check("published", NOT_RUN, str(error))
    new, old = (tuple(tuple(map(float, row)) for row in side) for side in answers)
    subjects = [Subject(b.manifest.id, b.manifest.name, b.manifest.version, "tflite") for b in bundles]
    run = Run(
        Device("", ""),
        "tflite",
        subjects[0],
        subjects[1],
        candidate_answers=Answers(0, 0, outputs=new),
        baseline_answers=Answers(0, 0, outputs=old),
    )
    found = accuracy_findings(run, truth_of(data, config, answers[1]), policy_of(gate))
    return _summed("published", found, "")


def bench_checks(
    candidate: Bundle, baseline: Bundle | str, config: Config, history: Path | None, progress: Progress
) -> list[Check]:
    """Measure a bundle with each runner that `[gate] bench` names, beside the published one; judge time, bytes and
    memory, and Core Web Vitals where they are asked for."""
    gate = config.gate or GateConfig()
    if not gate.bench:
        return [Check("bench", NOT_RUN, "[gate] bench names no runner", required=False)]
    if isinstance(baseline, str) and not gate.web_vitals:
        return [Check("bench", NOT_RUN, baseline, required=baseline != FIRST)]
    beside = baseline if isinstance(baseline, Bundle) else None
    checks: list[Check] = []
    runners: list[Runner] = []
    for text in gate.bench:
        runner = make_runner(text, _conditions(gate, text), [candidate])
        try:
            make_runner(text, None, [beside] if beside else [])
            runners.append(runner)
        except InputError as error:
            checks.append(Check(f"bench {text}", NOT_RUN, f"the published bundle: {error}"))
    plan = Plan(minutes=gate.bench_minutes, policy=policy_of(gate))
    for measured in on_devices(runners, Comparison(candidate, beside, None, config), plan, progress):
        if history is not None and measured.run and measured.verdict:
            History(history).add(measured.run, measured.verdict)
        checks += _checks(measured, baseline, gate)
    return checks


def _conditions(gate: GateConfig, runner: str) -> Conditions | None:
    if not in_a_page(runner):
        return None
    return Conditions(cpu_throttle=gate.cpu_throttle, network=gate.network, vitals=gate.web_vitals)


def _checks(measured: Measured, baseline: Bundle | str, gate: GateConfig) -> Iterator[Check]:
    name = f"bench {measured.runner}"
    if measured.verdict is None:
        yield Check(name, FAIL if measured.failed else NOT_RUN, measured.failed or measured.not_run)
        return
    found = measured.verdict.findings
    budgets = [f for f in found if f.measure.endswith(_BUDGET)]
    others = [f for f in found if not f.measure.endswith(_BUDGET)]
    if isinstance(baseline, str):
        failed = any(f.state == WORSE for f in others)
        why = next((f.why for f in others if f.state == WORSE), baseline)
        yield Check(name, FAIL if failed else NOT_RUN, why, required=failed or baseline != FIRST)
    else:
        why = measured.verdict.why if measured.verdict.state == UNKNOWN else ""
        yield _summed(name, others, why)
    if gate.web_vitals and in_a_page(measured.runner):
        where = f"vitals {measured.runner}"
        none = Check(where, NOT_RUN, "the page told no Core Web Vitals")
        yield _summed(where, budgets, "") if budgets else none


def _summed(name: str, found: Sequence[Finding], unsure: str) -> Check:
    """Sum up findings: fail where one is worse, "cannot tell" where one is open or `unsure` says why."""
    worse = [f.why for f in found if f.state == WORSE]
    open_ = [f.why for f in found if f.state == UNKNOWN]
    figures = {f.measure: f.ratio for f in found if f.ratio is not None}
    if worse:
        return Check(name, FAIL, "; ".join(worse[:3]), figures=figures)
    if unsure or open_:
        return Check(name, CANNOT_TELL, unsure or "; ".join(open_[:3]), figures=figures)
    if not found:
        return Check(name, NOT_RUN, "nothing was measured that can be judged")
    return Check(name, PASS, "; ".join(f.why for f in found[:3]), figures=figures)
