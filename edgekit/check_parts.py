"""What `edgekit check` looks at, one function a part: pure judgements of what was measured. Check values, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.audit import slice_budget
from edgekit.config import Config, metric_of
from edgekit.config_daily import GateConfig, parse_size
from edgekit.data import Dataset
from edgekit.manifest import Manifest
from edgekit.metrics import compare
from edgekit.slices import UNKNOWN as SLICE_UNKNOWN
from edgekit.slices import WORSE as SLICE_WORSE
from edgekit.slices import Judged, audit
from edgekit.verify import FAIL, NOT_RUN, PASS
from edgekit.verify import Report as Verified

CANNOT_TELL = "cannot tell"
OTHER_ROWS = "these are other rows than those of the record, and there is no float model; give --model"
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Check:
    """One part of the gate: pass, fail, "not run" or "cannot tell", and why. A part that is not required stops nobody
    where it was not run or cannot tell."""

    name: str
    status: str
    detail: str
    required: bool = True
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answered:
    """The evaluation rows, the bundle's own answers, and the float model's where it is at hand."""

    data: Dataset
    outputs: Values
    floats: Values | None


def verify_check(report: Verified) -> Check:
    """Sum up a report of verify."""
    states = [c.status for c in report.checks]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    if FAIL in counts:
        first = next(c for c in report.checks if c.status == FAIL)
        where = " ".join(filter(None, (first.target, first.build, "in", first.runtime)))
        return Check("verify", FAIL, f"{said}; {where}: {first.detail}", figures=counts)
    return Check("verify", PASS if PASS in counts else NOT_RUN, said or "there is nothing to run", figures=counts)


def accuracy_check(manifest: Manifest, config: Config, answered: Answered | str) -> Check:
    """Hold what the manifest records to the budget, and what the bundle answers now; a text says why it did not."""
    recorded = manifest.quantization
    budget = config.budgets.max_drop
    if not {"metric", "drop", "quantized_value", "float_value"} <= recorded.keys():
        return Check("accuracy", NOT_RUN, "the manifest records no accuracy; export the bundle again")
    figures = {"budget": budget, "metric": recorded["metric"], "recorded_drop": recorded["drop"]}
    said = f"{recorded['metric']} lost {recorded['drop']:.2%} as recorded, the budget is {budget:.2%}"
    if recorded["drop"] > budget:
        return Check("accuracy", FAIL, said, figures=figures)
    if isinstance(answered, str):
        return Check("accuracy", NOT_RUN, f"{said}; not measured again: {answered}", figures=figures)
    return _accuracy_again(manifest, config, answered, Check("accuracy", PASS, said, figures=figures))


def _accuracy_again(manifest: Manifest, config: Config, answered: Answered, check: Check) -> Check:
    """Measure on the rows: against the float model, or, without it, that the record's own rows still give its value."""
    rows, metric, recorded = answered.data.rows, metric_of(config), manifest.quantization
    labels = answered.data.labels
    if answered.floats is not None:
        again = compare(metric, labels, answered.floats, answered.outputs)
        more = {"drop": again.drop, "upper": again.upper, "rows": rows, "value": again.quantized_value}
        status = FAIL if again.drop > config.budgets.max_drop else PASS
        return _with(check, status, f"{again.drop:.2%} again on {rows} rows", more)
    if not _same_rows(manifest, answered):
        return _with(check, NOT_RUN, f"not measured again: {OTHER_ROWS}", {})
    value = compare(metric, labels, answered.outputs, answered.outputs).float_value
    if metric != recorded["metric"] or abs(value - recorded["quantized_value"]) > 1e-6 * abs(value):
        text = f"but {metric} is {value:.6g} on the {rows} rows of the record, which says"
        return _with(check, FAIL, f"{text} {recorded['quantized_value']:.6g}", {"value": value})
    return _with(check, PASS, f"the same {metric} again on {rows} rows", {"value": value, "rows": rows})


def _same_rows(manifest: Manifest, answered: Answered) -> bool:
    evaluation = manifest.provenance.get("evaluation", {})
    return (evaluation.get("sha256"), evaluation.get("rows")) == (answered.data.sha256, answered.data.rows)


def _with(check: Check, status: str, more: str, figures: Mapping[str, Any]) -> Check:
    return replace(check, status=status, detail=f"{check.detail}; {more}", figures={**check.figures, **figures})


def slices_check(manifest: Manifest, config: Config, answered: Answered | str) -> Check:
    """Hold the slices that the manifest records, and those of the rows now, to their budget."""
    recorded = manifest.quantization.get("slices")
    budget = slice_budget(config)
    if not isinstance(recorded, Mapping):
        return Check("slices", NOT_RUN, "the manifest records no slices; export the bundle again")
    said = f"{recorded.get('judged', 0)} slices as recorded, the budget of each is {budget:.2%}"
    bad = [w for w in recorded.get("worst", ()) if w.get("low") is not None and w["low"] > budget]
    if bad:
        text = f"the slice {bad[0]['name']} lost at least {bad[0]['low']:.2%} as recorded, the budget is {budget:.2%}"
        return Check("slices", FAIL, text)
    return _slices_again(manifest, config, answered, Check("slices", PASS, said, figures={"budget": budget}))


def _slices_again(manifest: Manifest, config: Config, answered: Answered | str, check: Check) -> Check:
    if isinstance(answered, str):
        return _with(check, NOT_RUN, f"not measured again: {answered}", {})
    if answered.floats is None:
        if _same_rows(manifest, answered):  # and the check of accuracy holds the bundle to what it answered then
            return _with(check, PASS, f"on these {answered.data.rows} rows", {})
        return _with(check, NOT_RUN, f"not measured again: {OTHER_ROWS}", {})
    budget = slice_budget(config)
    found = audit(Judged(answered.data, answered.floats, answered.outputs), config, budget, config.data.seed)
    worse = [s for s in found if s.state == SLICE_WORSE]
    open_ = sum(s.state == SLICE_UNKNOWN for s in found)
    figures = {"judged": len(found), "worse": [s.name for s in worse], "cannot_tell": open_}
    if worse:
        return _with(check, FAIL, f"the slice {worse[0].name} loses at least {worse[0].low:.2%} now", figures)
    few = f", {open_} have too few rows to be sure" if open_ else ""
    return _with(check, PASS, f"none of {len(found)} is worse again{few}", figures)


@dataclass(frozen=True)
class FirstVisit:
    """What a browser fetches before its first prediction: bytes after gzip, and requests."""

    bytes: int
    requests: int


def budgets_check(gate: GateConfig, visit: FirstVisit, before: FirstVisit | None) -> Check:
    """Hold a first visit to the absolute budgets of [gate]."""
    limit = parse_size(gate.max_first_load) if gate.max_first_load else None
    said = f"a first visit is {visit.bytes:,} bytes after gzip in {visit.requests} requests"
    figures: dict[str, Any] = {"bytes": visit.bytes, "requests": visit.requests}
    if before is not None:
        said += f", the published bundle's {before.bytes:,} in {before.requests}"
        figures |= {"published_bytes": before.bytes, "published_requests": before.requests}
    over = []
    if limit is not None and visit.bytes > limit:
        over.append(f"the budget is {limit:,} bytes")
    if gate.max_requests and visit.requests > gate.max_requests:
        over.append(f"the budget is {gate.max_requests} requests")
    if over:
        return Check("budgets", FAIL, f"{said}; {' and '.join(over)}", figures=figures)
    if limit is None and not gate.max_requests:
        return Check("budgets", NOT_RUN, f"{said}; [gate] has no budget for it", required=False, figures=figures)
    return Check("budgets", PASS, said, figures=figures)


def with_optional(checks: Sequence[Check], gate: GateConfig) -> tuple[Check, ...]:
    """Let the parts that `[gate] optional` names stop nobody where they were not run or cannot tell."""
    return tuple(replace(c, required=c.required and c.name.partition(" ")[0] not in gate.optional) for c in checks)
