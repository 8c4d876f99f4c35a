"""The page and the JSON of `edgekit quantize --report`: what was tried, where accuracy went, and for whom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from edgekit.config import Config
from edgekit.placement import results_of
from edgekit.plain import plain
from edgekit.quantization.diagnosis import Diagnosis, InputRange, Layer
from edgekit.quantize_model import Made, account, latency_note
from edgekit.report_parts import UNKNOWN, cell, fill, number, table, template, write
from edgekit.report_plots import bars, histogram, scatter
from edgekit.slices import MIN_ROWS

MAX_OUTPUTS = 4
SLICES_NOTE = (
    "Each slice is compared with the float model on the same rows. The bounds hold for all slices at once with 95 % "
    "confidence (paired bootstrap of the rows, largest deviation over slices). A slice is worse only where even its "
    f"lower bound is above the budget of {{budget}}; slices of fewer than {MIN_ROWS} rows are not judged."
)


def write_report(made: Made, config: Config, page: Path) -> Path:
    """Write the page and its .json twin; return the page's path."""
    twin = page.with_suffix(".json")
    audit = made.audit
    content = {**account(made, config), "audit": plain(audit)}
    write(twin, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write(page, report_html(made, config))
    return page


def report_html(made: Made, config: Config) -> str:
    """Return the whole page; equal results give equal bytes."""
    diagnosis = made.audit.diagnosis or Diagnosis((), (), made.quantized.repairs)
    texts = [*diagnosis.causes, *made.quantized.notes, *made.warnings]
    return fill(
        "quantization.html",
        name=escape(config.name or made.model.name),
        style=template("report.css"),
        state="pass" if made.holds else "fail",
        verdict=escape(_verdict(made, config)),
        latency=escape(f"Times are {latency_note()}."),
        recipes=_recipes(made),
        causes=f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts) or '<li>Nothing stands out.</li>'}</ul>",
        answers="\n".join(_answers(made, config)),
        layer_bars="\n".join(_layer_bars(diagnosis.layers)),
        layers=_layers(diagnosis.layers),
        slices_note=escape(SLICES_NOTE.format(budget=f"{made.audit.slice_budget:.2%}")),
        slices=_slices(made),
        behaviour=_behaviour(made),
        inputs="\n".join(_input(i, found) for i, found in enumerate(diagnosis.inputs)) or "<p>not run</p>",
    )


def _verdict(made: Made, config: Config) -> str:
    result = made.quantized.result
    said = f"{made.quantized.recipe}: {result.metric} {number(result.float_value)} to {number(result.quantized_value)}"
    kept = "holds" if made.quantized.holds else "does not hold"
    slices = "" if made.audit.holds else "; a slice is worse than its budget"
    return f"{said}, a drop of {result.drop:+.2%}; the budget of {config.budgets.max_drop:.2%} {kept}{slices}"


def _recipes(made: Made) -> str:
    head = (
        "Recipe",
        "What it is",
        "Bytes",
        "µs, estimated",
        "Float",
        "Int8",
        "Drop",
        "95 % bound",
        "Layers or refusal",
    )
    rows = [
        [
            cell(f"{'taken: ' if r.recipe == made.quantized.recipe else ''}{r.recipe}", "th"),
            *(cell(v) for v in (r.meaning, r.bytes, r.microseconds, r.result.float_value, r.result.quantized_value)),
            *(cell(f"{v:+.2%}") for v in (r.result.drop, r.result.upper)),
            cell(r.refused or ", ".join(r.layers)),
        ]
        for r in made.quantized.rungs
    ]
    return table("What was tried, the cheapest first", head, rows)


def _answers(made: Made, config: Config) -> list[str]:
    quantized = made.quantized
    outputs = results_of(config, quantized.outputs.shape[1])
    found = []
    for i in range(min(quantized.outputs.shape[1], MAX_OUTPUTS)):
        name, unit = (outputs[i].name, outputs[i].own_unit) if i < len(outputs) else (f"output {i}", "")
        floats, ints = (v[:, i].astype(np.float64) for v in (quantized.float_outputs, quantized.outputs))
        found.append(scatter(f"plot-{i}", f"{name} ({unit})" if unit else name, unit, floats, ints))
    found.append(_by_decile(made))
    return found


def _by_decile(made: Made) -> str:
    """Plot the int8 model's difference to float in each tenth of the target."""
    labels = made.rows.evaluation.labels
    truth = (made.quantized.float_outputs if labels is None else labels)[:, 0].astype(np.float64)
    gap = (made.quantized.outputs[:, 0].astype(np.float64) - made.quantized.float_outputs[:, 0]) ** 2
    edges = np.unique(np.quantile(truth, np.linspace(0, 1, 11)))
    place = np.clip(np.searchsorted(edges, truth, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for i in range(max(len(edges) - 1, 0)):
        inside = place == i
        value = float(np.sqrt(gap[inside].mean())) if inside.any() else 0.0
        rows.append((f"{number(float(edges[i]))} to {number(float(edges[i + 1]))}", value, f"{value:.3g}"))
    chart = bars("deciles", "Rms difference to float by tenth of the target", rows)
    return f"<figure>{chart}<figcaption>Rms difference to float by tenth of the target</figcaption></figure>"


def _layer_bars(layers: Sequence[Layer]) -> list[str]:
    measured = [layer for layer in layers if layer.alone is not None]
    charts = []
    if measured:
        rows = [(x.name, float(x.alone or 0), f"{x.alone:.3g}") for x in measured]
        charts.append(("alone", "Error when only this layer is quantized", rows))
    rows = [(x.name, max(x.sqnr, 0.0), f"{x.sqnr:.0f} dB") for x in layers]
    if rows:
        charts.append(("sqnr", "Signal to quantization noise", rows))
    return [
        f"<figure>{bars(f'layers-{key}', title, rows)}<figcaption>{escape(title)}</figcaption></figure>"
        for key, title, rows in charts
    ]


def _layers(layers: Sequence[Layer]) -> str:
    if not layers:
        return "<p>not run: this recipe quantizes no activations</p>"
    head = (
        "Layer",
        "Operator",
        "Type",
        "SQNR, dB",
        "Cosine to float",
        "Range used",
        "Beyond its range",
        "Dead channels",
    )
    rows = [
        [
            cell(x.name, "th"),
            *(cell(v) for v in (x.kind, x.dtype, round(x.sqnr, 1), x.cosine)),
            *(cell(f"{v:.2%}") for v in (x.range_use, x.saturated)),
            cell(f"{x.dead} of {x.channels}"),
            *(cell(UNKNOWN if v is None else v) for v in (x.alone, x.without)),
        ]
        for x in layers
    ]
    return table("Each layer on held-out rows", (*head, "Error, only it quantized", "Error, all but it"), rows)


def _slices(made: Made) -> str:
    head = ("Slice", "Rows", "Float", "Int8", "Drop", "Low", "High", "Verdict")
    rows = []
    for s in made.audit.slices:
        state = {"holds": "pass", "worse": "fail"}.get(s.state, "not-run")
        rows.append(
            [
                cell(s.name, "th"),
                *(cell(v) for v in (s.rows, s.float_value, s.quantized_value)),
                *(cell(None if v is None else f"{v:+.2%}") for v in (s.drop, s.low, s.high)),
                f'<td class="{state}">{escape(s.state)}</td>',
            ]
        )
    return table("Slices, the worst first", head, rows)


def _behaviour(made: Made) -> str:
    if not made.audit.behaviours:
        return "<p>not run: the features have no names</p>"
    head = ("Feature", "Rule", "Rows", "Broken", "By at most", "Verdict")
    rows = [
        [
            cell(b.feature, "th"),
            *(cell(v) for v in (b.rule, b.rows, f"{b.broken:.1%}", b.worst)),
            f'<td class="{"pass" if b.holds else "fail"}">{"holds" if b.holds else "broken"}</td>',
        ]
        for b in made.audit.behaviours
    ]
    return table("One feature changed at a time: how the answers move", head, rows)


def _input(place: int, found: InputRange) -> str:
    title = f"{found.name}: {found.outside} rows outside {number(found.low)} to {number(found.high)}"
    chart = histogram(f"input-{place}", title, found.counts, found.edges, (found.low, found.high))
    return f"<figure>{chart}<figcaption>{escape(title)}</figcaption></figure>"
