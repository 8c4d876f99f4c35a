"""A session of `bench serve`: a server, a device that opens its page, the loop, and the verdict on the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgekit.bench.address import LOOPBACK, new_token, page_address
from edgekit.bench.desk import DONE, STOPPED, Desk, Limits
from edgekit.bench.devices import Comparison, Measured, on_devices
from edgekit.bench.measures import MEASURES
from edgekit.bench.phone_server import PhoneServer, Places
from edgekit.bench.records import Run
from edgekit.bench.runners.remote import TARGETS, RemoteRunner
from edgekit.bench.runners.spec import Conditions, Spec, target_of
from edgekit.bench.samples import values_of
from edgekit.bench.session import Plan
from edgekit.bench.verdict import BETTER, SAME, WORSE, Finding, Verdict
from edgekit.errors import EdgekitError
from edgekit.progress import Progress, silent

#: Seconds for the phone to hear how it ended: longer than a held question, and than a short break of the connection.
_TOLD_SECONDS, _STOPPED_SECONDS = 30.0, 3.0
_TITLES = {BETTER: "Better", SAME: "No change that counts", WORSE: "Worse"}
_TONES = {BETTER: "good", SAME: "good", WORSE: "bad"}
_ALONE = ("cold", "load", "network", "compute", "first", "p50", "p90", "p99", "bytes", "requests", "memory")


@dataclass(frozen=True)
class Serving:
    """How a session is offered. port 0 takes any free one."""

    spec: Spec = field(default_factory=lambda: Spec("remote"))
    conditions: Conditions = field(default_factory=Conditions)
    host: str = LOOPBACK
    port: int = 0
    limits: Limits = field(default_factory=Limits)


def serve_session(
    comparison: Comparison,
    plan: Plan,
    announce: Callable[[str], None],
    serving: Serving | None = None,
    progress: Progress = silent,
) -> Measured:
    """Offer a session, measure on the device that takes it, and show the verdict there. Ends by itself.

    announce: gets the address with its token, once, when the server answers; `progress` is told to the phone too.
    """
    serving = serving or Serving()
    candidate, baseline = comparison.candidate, comparison.baseline
    for bundle in [candidate, baseline] if baseline else [candidate]:
        target_of(bundle, serving.spec, TARGETS)  # said before anybody scans a code
    token = new_token()
    desk, places = Desk(token, serving.limits), Places()

    def tell(what: str, done: int, total: int) -> None:
        progress(what, done, total)
        desk.tell(what, done, total)

    with PhoneServer(desk, places, serving.host, serving.port) as server:
        announce(page_address(serving.host, server.port, token))
        runner = RemoteRunner(serving.spec, desk, places, serving.conditions)
        try:
            measured = on_devices([runner], comparison, plan, tell)[0]
        except (EdgekitError, KeyboardInterrupt) as error:
            why = str(error) or "the session was ended on the computer"
            desk.finish({"state": STOPPED, "why": why}, _STOPPED_SECONDS)
            raise
        if measured.run is None or measured.verdict is None:
            desk.finish({"state": STOPPED, "why": measured.not_run or measured.failed}, _STOPPED_SECONDS)
        else:
            desk.finish({"state": DONE, **shown(measured.run, measured.verdict)}, _TOLD_SECONDS)
        return measured


def shown(run: Run, verdict: Verdict) -> dict[str, Any]:
    """Return what the phone shows: a title, a tone (good, bad or ""), why, and a row for each measure."""
    why = verdict.why.removeprefix(f"{verdict.state}: ")
    if run.baseline is None:
        rows = [_median(run, name) for name in _ALONE if len(values_of(run.visits, name))]
        judged = [f for f in verdict.findings if f.state == WORSE]
        title, tone = ("Worse", "bad") if judged else ("Measured", "")
        return {"title": title, "tone": tone, "why": why, "rows": [*map(_row, verdict.findings), *rows]}
    title, tone = _TITLES.get(verdict.state, "Cannot tell"), _TONES.get(verdict.state, "")
    return {"title": title, "tone": tone, "why": why, "rows": [_row(f) for f in verdict.findings]}


def _row(finding: Finding) -> dict[str, str]:
    change = "" if finding.ratio is None else f"{finding.ratio - 1:+.1%}"
    both = [_amount(v, finding.unit) for v in (finding.baseline, finding.candidate) if v is not None]
    tone = _TONES.get(finding.state, "") if finding.state != SAME else ""
    detail = " → ".join(both) if len(both) == 2 else finding.why.removesuffix(f": {finding.state}")
    return {"name": finding.measure, "change": change, "detail": detail, "state": finding.state, "tone": tone}


def _median(run: Run, name: str) -> dict[str, str]:
    values = values_of(run.visits, name)
    middle = _amount(float(sorted(values)[len(values) // 2]), MEASURES[name].unit)
    return {"name": name, "change": middle, "detail": MEASURES[name].meaning, "state": "", "tone": ""}


def _amount(value: float, unit: str) -> str:
    """Write a value for people: 1,234 us is 1.23 ms."""
    for name, larger, factor in (("us", "ms", 1e3), ("ms", "s", 1e3), ("B", "KB", 1e3), ("KB", "MB", 1e3)):
        if unit == name and abs(value) >= factor:
            value, unit = value / factor, larger
    digits = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{digits} {unit}".strip()
