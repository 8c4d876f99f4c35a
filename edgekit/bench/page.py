"""The page of `edgekit bench report`: verdicts, distributions, budgets and trends; it needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from edgekit.bench.charts import strips, trend
from edgekit.bench.history import Entry
from edgekit.bench.measures import MEASURES, PAIRED
from edgekit.bench.policy import BETTER, SAME, UNKNOWN, WORSE, Finding
from edgekit.bench.samples import values_of
from edgekit.bench.trend import Series, latest, series, visits_of
from edgekit.report_parts import UNKNOWN as NO_VALUE
from edgekit.report_parts import cell, fill, number, table, template

#: The class of templates/report/report.css for each state.
CLASSES = {WORSE: "fail", UNKNOWN: "not-run", SAME: "pass", BETTER: "pass"}
BUDGET = " budget"


def page(entries: Sequence[Entry]) -> str:
    """Return the whole page; equal entries give equal bytes. Entries stand oldest first, at least one."""
    last = latest(entries)
    counts = Counter(e.verdict.state for e in last)
    worst = next(state for state in (WORSE, UNKNOWN, BETTER, SAME) if counts[state])
    names = ", ".join(sorted({e.run.candidate.name for e in last}))
    found = series(entries)
    return fill(
        "bench.html",
        title=escape(names),
        style=template("report.css"),
        state=CLASSES[worst],
        verdict=escape(", ".join(f"{counts[s]} {s}" for s in (WORSE, UNKNOWN, BETTER, SAME) if counts[s])),
        what=escape(f"{names}: {len(entries)} runs on {len({e.run.device.key for e in entries})} devices"),
        verdicts="\n".join(map(_verdict, last)),
        distributions="\n".join(map(_distributions, last)),
        budgets=_budgets(last),
        trend="\n".join(_trends(found)),
        runs=_runs(entries),
    )


def described(entry: Entry) -> str:
    """Return where a run was made, and of what, in words."""
    run = entry.run
    new, old = run.candidate, run.baseline
    against = f" against {old.version} {old.bundle_id[:12]}" if old else ", alone"
    place = f"{run.runner} on {run.device.runtime}, {run.device.system}"
    return f"{new.name} {new.version} {new.bundle_id[:12]}{against}; {place}"


def _verdict(entry: Entry) -> str:
    head = ("Measure", "Verdict", "Baseline", "Candidate", "Ratio", "Bounds", "Device sees", "What happened")
    findings = [f for f in entry.verdict.findings if not f.measure.endswith(BUDGET)]
    rows = [[cell(f.measure, "th"), state_cell(f.state), *_numbers(f, entry), _said(f.why)] for f in findings]
    said = f'<p class="{CLASSES[entry.verdict.state]}">{escape(entry.verdict.why)}</p>'
    title = f"Run {entry.id}: {described(entry)}"
    return f"<h3>{escape(title)}</h3>\n{said}\n{_device(entry)}\n" + (
        table(f"Findings of run {entry.id}", head, rows) if rows else ""
    )


def _said(text: str) -> str:
    return f'<td class="said">{escape(text)}</td>'


def state_cell(state: str) -> str:
    """Return a cell with a state in its colour."""
    return f'<td class="{CLASSES[state]}">{escape(state)}</td>'


def _numbers(f: Finding, entry: Entry) -> list[str]:
    unit = f" {f.unit}" if f.unit and f.unit != "rows" else ""
    sides = [NO_VALUE if v is None else f"{v:,.5g}{unit}" for v in (f.baseline, f.candidate)]
    ratio = NO_VALUE if f.ratio is None else f"{f.ratio:.3f}"
    ends = [NO_VALUE if v is None else f"{v:.3f}" for v in (f.low, f.high)]
    bounds = NO_VALUE if f.low is None and f.high is None else f"{ends[0]} to {ends[1]}"
    seen = entry.verdict.detectable.get(f.measure)
    cells = (*sides, ratio, bounds, NO_VALUE if seen is None else f"{seen:.1%}")
    return [f'<td class="number">{escape(text)}</td>' for text in cells]


def _device(entry: Entry) -> str:
    device, run = entry.run.device, entry.run
    facts = [device.processor, f"{device.processors} processors" if device.processors else "", *device.features]
    facts += [f"{k} {v}" for k, v in {**device.conditions, **device.hints}.items()]
    pairs = (
        f"{len(run.pairs)} pairs, {len(run.self_test)} of the self-test" if run.pairs else f"{len(run.visits)} visits"
    )
    text = ", ".join(filter(None, [f"device {device.key}", *facts, pairs, f"{run.seconds:.0f} s", run.started]))
    return f"<p>{escape(text)}</p>"


def _distributions(entry: Entry) -> str:
    run = entry.run
    charts = []
    for measure in (m for m in MEASURES.values() if m.judged == PAIRED):
        sides = {"candidate": values_of(visits_of(run), measure.name)}
        if run.baseline is not None:
            sides = {"baseline": values_of([p.baseline for p in run.pairs], measure.name), **sides}
        sides = {name: values for name, values in sides.items() if len(values)}
        if sides:
            title = f"{measure.name}, {measure.unit}: {measure.meaning}"
            chart = strips(f"strips-{entry.id}-{measure.name}", title, measure.unit, sides)
            charts.append(f"<figure class='wide'>{chart}<figcaption>{escape(title)}</figcaption></figure>")
    title = f"Run {entry.id}: {described(entry)}"
    return f'<h3>{escape(title)}</h3>\n<div class="plots">\n{"".join(charts) or "<p>no times</p>"}\n</div>'


def _budgets(entries: Sequence[Entry]) -> str:
    head = ("Budget", "Verdict", "Limit", "Seen", "Visits", "Run")
    rows = [
        [
            cell(f.measure.removesuffix(BUDGET), "th"),
            state_cell(f.state),
            *_limits(f),
            cell(f.pairs),
            cell(described(e)),
        ]
        for e in entries
        for f in e.verdict.findings
        if f.measure.endswith(BUDGET)
    ]
    return table("Absolute budgets at the 75th percentile", head, rows) if rows else "<p>not run: no page told them</p>"


def _limits(f: Finding) -> list[str]:
    texts = (NO_VALUE if v is None else f"{number(v)} {f.unit}".rstrip() for v in (f.baseline, f.candidate))
    return [f'<td class="number">{escape(text)}</td>' for text in texts]


def _trends(found: Sequence[Series]) -> list[str]:
    parts: list[str] = []
    for place in dict.fromkeys((s.name, s.place, s.device) for s in found):
        mine = [s for s in found if (s.name, s.place, s.device) == place]
        figures = [_figure(f"trend-{len(parts)}-{i}", s) for i, s in enumerate(mine)]
        title = f"{place[0]}: {place[1]}, device {place[2]}"
        parts.append(f'<h3>{escape(title)}</h3>\n<div class="plots">\n{"".join(figures)}\n</div>')
    return parts


def _figure(key: str, s: Series) -> str:
    name = f"{s.measure.name}, {s.measure.unit}".rstrip(", ")
    said = [f"{name}: {len(s.points)} runs"]
    for change in s.changes:
        p = s.points[change.at]
        where = " ".join(filter(None, (p.version, p.bundle[:12], f"commit {p.commit[:12]}" if p.commit else "")))
        said.append(f"{change.factor:.2f} times as much from run {p.run} on ({where})")
    return f"<figure class='wide'>{trend(key, s)}<figcaption>{escape('; '.join(said))}</figcaption></figure>"


def _runs(entries: Sequence[Entry]) -> str:
    head = ("Run", "Started", "Verdict", "Model", "Bundle", "Baseline", "Commit", "Runner", "Device", "Pairs", "p50")
    rows = []
    for e in reversed(entries):
        run = e.run
        p50 = values_of(visits_of(run), "p50")
        texts = (run.candidate.bundle_id[:12], run.baseline.bundle_id[:12] if run.baseline else "", run.commit[:12])
        middle = f"{sorted(p50)[len(p50) // 2]:.4g} us" if len(p50) else ""
        model = f"{run.candidate.name} {run.candidate.version}"
        cells = [cell(str(e.id), "th"), cell(run.started), state_cell(e.verdict.state), cell(model), *map(cell, texts)]
        rows.append([*cells, cell(run.runner), cell(run.device.key), cell(len(run.pairs)), cell(middle)])
    return table("All runs, the newest first", head, rows)
