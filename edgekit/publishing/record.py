"""What a release says of itself, in its message: which bundle, made from what, how good, and whether it was forced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgekit.manifest import Manifest
from edgekit.publishing.channel_file import Channels, resolve
from edgekit.publishing.layout import bundle_ids

#: What the API takes, in characters; it may count bytes, so everything is ASCII.
MAX_MESSAGE = 512
_PREVIOUS = 12  # digits of a previous bundle's id: enough to find it among the bundles that are there


@dataclass(frozen=True)
class Record:
    """The account of one release. `metrics` maps a metric to the float model's and the int8 model's value."""

    action: str  # publish, canary, promote, abort, rollback
    name: str
    version: str
    stable: str | None
    canary: str | None = None
    percent: float = 0.0
    previous: tuple[str, ...] = ()
    source: str = ""  # sha256 of the model that the bundle was made from
    metrics: Mapping[str, tuple[float, float]] | None = None
    base: str = ""  # the release of the live channel that it was made on
    forced: str = ""  # why a gate was overruled


def record_of(action: str, manifest: Manifest, channels: Channels, base: str, forced: str = "") -> Record:
    """Return the record of publishing a bundle."""
    quantization = manifest.quantization
    metrics = None
    if {"metric", "float_value", "quantized_value"} <= quantization.keys():
        metrics = {quantization["metric"]: (quantization["float_value"], quantization["quantized_value"])}
    source = manifest.provenance.get("source", {})
    made = Record(
        action,
        manifest.name,
        manifest.version,
        None,
        source=str(source.get("sha256", "")) if isinstance(source, Mapping) else "",
        metrics=metrics,
        base=base,
        forced=forced,
    )
    return with_channels(made, action, channels)


def with_channels(record: Record, action: str, channels: Channels) -> Record:
    """Return the record of the same bundle's next release."""
    return replace(
        record,
        action=action,
        name=channels.name,
        stable=channels.stable,
        canary=channels.canary,
        percent=channels.percent,
        previous=channels.previous,
    )


def encode(record: Record) -> str:
    """Return the message of a release; where it would be too long, metrics and details are left out."""
    plain: dict[str, Any] = {
        "action": record.action,
        "name": record.name,
        "version": record.version,
        "stable": record.stable,
        "canary": [record.canary, record.percent] if record.canary else None,
        "previous": [i[:_PREVIOUS] for i in record.previous],
        "base": record.base,
        "forced": record.forced,
        "source": record.source,
        "metrics": {k: [float(f"{v:.6g}") for v in pair] for k, pair in (record.metrics or {}).items()},
    }
    for shorter in ({}, {"metrics": None}, {"source": record.source[:16]}, {"forced": record.forced[:20]}):
        plain |= shorter
        text = "edgekit " + json.dumps({k: v for k, v in plain.items() if v}, separators=(",", ":"))
        if len(text) <= MAX_MESSAGE:
            break
    return text[:MAX_MESSAGE]


def rollback_message(old: str) -> str:
    """Return the message of a release that brings back the one with the message `old`."""
    record = decode(old)
    return encode(replace(record, action="rollback")) if record else "edgekit rollback"


def decode(message: str) -> Record | None:
    """Read a message; None where it is not from edgekit, or cut off."""
    if not message.startswith("edgekit {"):
        return None
    try:
        plain = json.loads(message.removeprefix("edgekit "))
        canary = plain.get("canary") or [None, 0.0]
        return Record(
            str(plain["action"]),
            str(plain["name"]),
            str(plain.get("version", "")),
            plain.get("stable"),
            canary[0],
            float(canary[1]),
            tuple(map(str, plain.get("previous", []))),
            str(plain.get("source", "")),
            {str(k): (float(a), float(b)) for k, (a, b) in plain.get("metrics", {}).items()} or None,
            str(plain.get("base", "")),
            str(plain.get("forced", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None


def channels_of(
    records: Sequence[Record], name: str, there: Sequence[str], is_it: Callable[[Channels], bool]
) -> Channels:
    """Return what is published of a model.

    Args:
        records: of the releases of a channel, newest first; those of other models are passed over.
        name: the model.
        there: ids of its bundles in the version that the channel shows. What a record names and is not there is gone.
        is_it: tells whether these channels are what the version's channel.json says; a roll-back of another model may
            have brought an older one back. Where none is, the newest record that fits is taken.
    """
    fitting = []
    for record in records:
        if record.name == name and record.stable in there:
            canary = record.canary if record.canary in there else None
            others = [i for i in there if i not in (record.stable, canary)]
            percent = record.percent if canary else 0.0
            found = Channels(name, record.stable, canary, percent, resolve(record.previous, others))
            if is_it(found):
                return found
            fitting.append(found)
    return fitting[0] if fitting else Channels(name, previous=tuple(there))


def channels_from(record: Record, files: Iterable[str]) -> Channels:
    """Return what a record says is published, where a version holds these URL paths."""
    there = bundle_ids(files, record.name)
    others = [i for i in there if i not in (record.stable, record.canary)]
    return Channels(record.name, record.stable, record.canary, record.percent, resolve(record.previous, others))
