"""Runs into MLflow: an experiment for each model, a run for each of the history's, with the bundle's lineage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import Metric, Param, RunTag

from edgekit.bench.history import Entry, digest
from edgekit.bench.measures import MEASURES
from edgekit.bench.page import described
from edgekit.bench.samples import values_of
from edgekit.bench.trend import visits_of
from edgekit.errors import InputError
from edgekit.store import Bundle

#: What MLflow takes for the name of a metric or a tag, and the longest value of a tag.
_NAME = re.compile(r"[^A-Za-z0-9_.\- /]")
_MAX_VALUE = 5000
_DIGEST = "edgekit.digest"


def log(entries: Sequence[Entry], uri: str, bundles: Sequence[Bundle] = ()) -> int:
    """Log the runs that are not there yet and return how many those were.

    bundles: those whose manifest and provenance are logged with their runs. Raises InputError where MLflow says no.
    """
    known = {b.manifest.id: b for b in bundles}
    unused = known.keys() - {e.run.candidate.bundle_id for e in entries}
    if unused:
        raise InputError(f"no run measured the bundle {known[min(unused)].root}; give bundles that were measured")
    client = mlflow.MlflowClient(tracking_uri=uri)
    try:
        return sum(_log(client, entry, known.get(entry.run.candidate.bundle_id)) for entry in entries)
    except mlflow.exceptions.MlflowException as error:
        said = str(error).splitlines()[0]
        raise InputError(
            f"MLflow at {_public(uri)} said no: {said.replace(uri, _public(uri))}; look at --mlflow"
        ) from None


def _log(client: mlflow.MlflowClient, entry: Entry, bundle: Bundle | None) -> bool:
    """Log a run; False where it is there already."""
    run, own = entry.run, digest(entry.run)
    name = f"edgekit/{run.candidate.name}"
    experiment = client.get_experiment_by_name(name)
    place = experiment.experiment_id if experiment else client.create_experiment(name)
    if client.search_runs([place], f"tags.`{_DIGEST}` = '{own}'", max_results=1):
        return False
    started = (
        int(datetime.fromisoformat(run.started.replace("Z", "+00:00")).timestamp() * 1000) if run.started else None
    )
    made = client.create_run(place, start_time=started, run_name=described(entry)[:250])
    number = made.info.run_id
    lineage = {} if bundle is None else _flat("lineage", bundle.manifest.provenance)
    tags = {"edgekit.verdict": entry.verdict.state, "edgekit.why": entry.verdict.why, **lineage}
    if bundle is not None:
        client.log_text(number, bundle.read("manifest.json").decode(), "manifest.json")
    stamp = started or made.info.start_time
    client.log_batch(
        number,
        [Metric(key, value, stamp, 0) for key, value in metrics(entry).items()],
        [Param(key, value[:_MAX_VALUE]) for key, value in _facts(entry).items() if value],
        [RunTag(key, value[:_MAX_VALUE]) for key, value in tags.items()],
    )
    client.set_tag(number, _DIGEST, own)  # last: what was cut off before is logged again
    client.set_terminated(number, end_time=(stamp or 0) + int(run.seconds * 1000))
    return True


def metrics(entry: Entry) -> dict[str, float]:
    """Return medians of both sides, the ratios that were judged, and what the device can see."""
    run = entry.run
    sides = {"candidate": visits_of(run), "baseline": tuple(p.baseline for p in run.pairs)}
    found = {}
    for side, visits in sides.items():
        for name in MEASURES:
            values = values_of(visits, name)
            if len(values):
                found[f"{side}/{name}"] = float(np.median(values))
    for f in entry.verdict.findings:
        if f.ratio is not None:
            found[f"ratio/{_NAME.sub('_', f.measure)}"] = f.ratio
    return found | {f"detectable/{name}": value for name, value in entry.verdict.detectable.items()}


def _facts(entry: Entry) -> dict[str, str]:
    run, device = entry.run, entry.run.device
    return {
        "bundle": run.candidate.bundle_id,
        "version": run.candidate.version,
        "target": run.candidate.target,
        "build": run.candidate.build,
        "baseline": run.baseline.bundle_id if run.baseline else "",
        "runner": run.runner,
        "device": device.key,
        "runtime": device.runtime,
        "system": device.system,
        "processor": device.processor,
        "commit": run.commit,
    }


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return a nested mapping as names with dots."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}.{_NAME.sub('_', str(key))}"
        found |= _flat(name, value) if isinstance(value, Mapping) else {name: str(value)}
    return found


def _public(uri: str) -> str:
    """Return an address without the name and the password in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", uri)
