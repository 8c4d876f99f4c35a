"""What is measured of a visit: one row a measure, with its unit and how two bundles are compared by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: How a change is judged. paired: by the ratios of pairs, with a bound; exact: any growth beyond the budget counts, no
#: statistics; shown: reported, never judged against another bundle.
PAIRED, EXACT, SHOWN = "paired", "exact", "shown"


@dataclass(frozen=True)
class Measure:
    """One number of a visit; less is better for all that is judged."""

    name: str
    unit: str
    judged: str
    meaning: str


_ALL = (
    Measure("cold", "ms", PAIRED, "from the start (navigation, process) to the first answer"),
    Measure("load", "ms", PAIRED, "from asking for the model to a model that is ready, network included"),
    Measure("network", "ms", SHOWN, "the part of `load` during which at least one request was under way"),
    Measure("compute", "ms", PAIRED, "`load` without `network`: checking, compiling, unpacking"),
    Measure("first", "us", PAIRED, "the first prediction of a model that is ready"),
    Measure("p50", "us", PAIRED, "median of the steady predictions, a call"),
    Measure("p90", "us", PAIRED, "90th percentile of the steady predictions"),
    Measure("p99", "us", SHOWN, "99th percentile of the steady predictions"),
    Measure("throughput", "rows/s", SHOWN, "predictions a second, one after the other"),
    Measure("bytes", "B", EXACT, "bytes on the wire, compressed, headers not counted"),
    Measure("requests", "", EXACT, "requests that the visit made"),
    Measure("memory", "B", PAIRED, "JS heap and wasm memory, or the process's peak resident set"),
    Measure("energy", "mJ", SHOWN, "energy of all processors for a steady prediction, where the device tells"),
    Measure("temperature", "C", SHOWN, "of the hottest sensor at the end of a visit, where the device tells"),
    Measure("lcp", "ms", SHOWN, "Largest Contentful Paint of the page"),
    Measure("inp", "ms", SHOWN, "Interaction to Next Paint of the page"),
    Measure("cls", "", SHOWN, "Cumulative Layout Shift of the page"),
)
MEASURES: Mapping[str, Measure] = {m.name: m for m in _ALL}
