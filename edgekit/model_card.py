"""The model card of a bundle: nine sections, filled from what the export knows; what only the owner knows is asked for.

The sections are those of M. Mitchell et al., Model Cards for Model Reporting (2019), https://arxiv.org/abs/1810.03993.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.config import CardConfig
from edgekit.manifest import Feature, Manifest, TargetEntry
from edgekit.metrics import rmse
from edgekit.transforms import as_factor

PATH = "MODEL_CARD.md"
UNSAID = "Not stated by the owner; say it in `[card]` of edgekit.toml."
_MAX_FEATURES = 12
_PARTS = ("lowest third", "middle third", "highest third")

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Slice:
    """How good the models are on some of the evaluation rows; RMSE against the labels, None where there are none.

    `difference` is the RMS of the int8 model's answers minus the float model's, in the output's units.
    """

    feature: str
    part: str
    rows: int
    float_rmse: float | None
    int8_rmse: float | None
    difference: float


def slices(
    features: Sequence[Feature], inputs: Values, floats: Values, quantized: Values, labels: Values | None
) -> list[Slice]:
    """Cut the evaluation rows by each feature, by its labels or in thirds of its values, and judge each part.

    Args:
        features: at most the first 12 are used.
        inputs: float32 [rows, numbers of all inputs], which the features are the columns of, in their order.
        floats, quantized, labels: float32 [rows, outputs].
    """
    found = []
    for column, feature in enumerate(features[:_MAX_FEATURES]):
        for part, chosen in _parts(feature, inputs[:, column]):
            errors = [None if labels is None else rmse(v[chosen], labels[chosen]) for v in (floats, quantized)]
            count, gap = int(chosen.sum()), rmse(quantized[chosen], floats[chosen])
            found.append(Slice(feature.name, part, count, errors[0], errors[1], gap))
    return found


def model_card(manifest: Manifest, said: CardConfig, parts: Sequence[Slice] = ()) -> str:
    """Return the card as Markdown. Equal manifests give equal texts; there is no date in it."""
    sections = (
        ("Model Details", _details(manifest, said)),
        ("Intended Use", [_said("Intended for", said.intended_use), _said("Not for", said.out_of_scope)]),
        ("Factors", _factors(manifest)),
        ("Metrics", _metrics(manifest)),
        ("Evaluation Data", _data(manifest, "evaluation", "")),
        ("Training Data", _data(manifest, "calibration", said.training_data)),
        ("Quantitative Analyses", _analyses(manifest, parts)),
        ("Ethical Considerations", [said.ethics or UNSAID]),
        ("Caveats and Recommendations", _caveats(manifest, said)),
    )
    text = f"# Model card: {manifest.name} {manifest.version}\n"
    for title, lines in sections:
        text += f"\n## {title}\n\n" + "\n".join(lines).rstrip() + "\n"
    return text


def _parts(feature: Feature, values: Values) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    if feature.kind == "category":
        first = feature.range[0] if len(feature.categories) == feature.range[1] - feature.range[0] + 1 else 0
        for code, label in enumerate(feature.categories):
            if (chosen := values == first + code).any():
                yield label, chosen
        return
    low, high = np.quantile(values, (1 / 3, 2 / 3))
    for part, chosen in zip(_PARTS, (values <= low, (values > low) & (values <= high), values > high), strict=True):
        if chosen.any():
            yield part, chosen


def _details(manifest: Manifest, said: CardConfig) -> list[str]:
    source = _mapping(manifest.provenance.get("source"))
    tools = _mapping(manifest.provenance.get("tools"))
    return [
        f"- Name and version: {manifest.name} {manifest.version}",
        f"- Task: {manifest.task}",
        f"- Made from: {source.get('file', '?')} ({source.get('kind', '?')}), sha256 `{source.get('sha256', '?')}`",
        f"- Recipe: {manifest.quantization.get('recipe', '?')}",
        f"- Targets: {', '.join(manifest.targets)}",
        f"- Made with: {', '.join(f'{name} {version}' for name, version in tools.items()) or '?'}",
        f"- Owner: {said.owner or UNSAID}",
        f"- Licence: {said.license or UNSAID}",
        f"- Contact: {said.contact or UNSAID}",
    ]


def _factors(manifest: Manifest) -> list[str]:
    if not manifest.features:
        return [f"The {len(manifest.inputs)} inputs have no named features."]
    lines = ["What the model reads; it is made for values in these ranges.", "", *_head("feature", "unit", "range")]
    for f in manifest.features:
        values = ", ".join(f.categories) if f.categories else f"{f.range[0]:g} to {f.range[1]:g}"
        lines.append(_row(f.name, f.unit, f"{values}, {f.steps} steps" if f.steps else values))
    if any(f.steps for f in manifest.features):
        lines += [
            "",
            "A feature with steps is a window of time, the newest step last; its parts below are by that step.",
        ]
    return lines


def _metrics(manifest: Manifest) -> list[str]:
    q = manifest.quantization
    if not {"metric", "float_value", "quantized_value"} <= q.keys():
        return ["No metric is recorded."]
    unit = f" {only}" if (only := _own_unit(manifest)) else ""
    lines = [
        *_head("metric", "float model", "int8 model"),
        _row(q["metric"], _n(q["float_value"]), _n(q["quantized_value"])),
    ]
    if "upper" in q:
        lines += ["", f"Relative loss {q['drop']:+.2%}, at most {q['upper']:+.2%} (one-sided 95 % bound)."]
    if "rms_difference" in q:
        lines += [f"RMS difference of the two models' answers: {_n(q['rms_difference'])}{unit}."]
    if "max_drop" in q:
        verdict = "holds" if q.get("holds", True) else "does not hold"
        lines += [f"The budget of {q['max_drop']:.2%} {verdict}."]
    return lines + _undone(manifest)


def _own_unit(manifest: Manifest) -> str:
    return manifest.results[0].own_unit if len(manifest.results) == 1 else ""


def _undone(manifest: Manifest) -> list[str]:
    """Say of each result with a transform what figures are in, what users get, and what an error is for them."""
    lines = []
    for r in manifest.results:
        if not r.transform:
            continue
        text = f"The model answers {r.name} in {r.own_unit}, as all figures here are; "
        text += f"clients give it in {r.unit or 'its own unit'}."
        rms = manifest.quantization.get("rms_difference")
        if len(manifest.results) == 1 and rms is not None and (factor := as_factor(r.transform, float(rms))):
            text += f" There the RMS difference above is a factor of {factor:.5g}."
        lines += ["", text]
    return lines


def _data(manifest: Manifest, key: str, said: str) -> list[str]:
    data = _mapping(manifest.provenance.get(key))
    what = {"evaluation": "Held-out rows that judged the model", "calibration": "Rows that set the int8 ranges"}[key]
    lines = [f"- {what}: {data.get('rows', '?')} of {data.get('file', '?')}, sha256 `{data.get('sha256', '?')}`"]
    if key == "calibration":
        lines.append(f"- What the float model was trained on: {said or UNSAID}")
    return lines


def _analyses(manifest: Manifest, parts: Sequence[Slice]) -> list[str]:
    if not parts:
        return ["No slices: the inputs have no named features, or there are no rows to judge."]
    unit = f" [{only}]" if (only := _own_unit(manifest)) else ""
    head = _head("feature", "part", "rows", f"RMSE float{unit}", f"RMSE int8{unit}", f"int8 - float, RMS{unit}")
    rows = [_row(s.feature, s.part, str(s.rows), _n(s.float_rmse), _n(s.int8_rmse), _n(s.difference)) for s in parts]
    few = ["", "Parts with few rows say little."] if any(s.rows < 30 for s in parts) else []
    return ["Evaluation rows cut by one feature at a time.", "", *head, *rows, *few]


def _promise(target: TargetEntry) -> str:
    if target.parity == "exact":
        return "equal to the int8 model bit for bit"
    return f"within {target.bound:g} of the {'int8' if target.parity == 'near' else 'float'} model"


def _caveats(manifest: Manifest, said: CardConfig) -> list[str]:
    held = [f"- {name}: {_promise(target)}" for name, target in manifest.targets.items()]
    return [
        said.caveats or UNSAID,
        "",
        "- Outside the ranges above the model was neither calibrated nor judged.",
        "- The figures are of the evaluation rows; other populations, sensors or times may differ.",
        *held,
    ]


def _said(title: str, text: str) -> str:
    return f"- {title}: {text or UNSAID}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _n(value: float | None) -> str:
    return "–" if value is None else f"{value:.5g}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _head(*cells: str) -> list[str]:
    return [_row(*cells), "|" + "---|" * len(cells)]
