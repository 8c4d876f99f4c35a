"""The plan of a release as a value: what is there now, what shall be there, and what that costs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.publishing.channel_file import Channels
from edgekit.publishing.packing import Blob, Packed
from edgekit.publishing.record import Record


@dataclass(frozen=True)
class Snapshot:
    """What a channel shows: its release ("" for none yet), version, files (URL path -> gzip sha256), configuration.

    `message` is that of the release, `url` where the public reads the channel.
    """

    release: str = ""
    version: str = ""
    message: str = ""
    url: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Local:
    """A file that is here: the blob and what gzip makes of it."""

    blob: Blob
    packed: Packed


@dataclass(frozen=True)
class Budget:
    """What may not be exceeded, in bytes after gzip; None for no limit."""

    first_load: int | None = None
    bundle: int | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that `apply` needs, and everything that a person wants to know before."""

    site: str
    channel: str
    channels: Channels
    record: Record
    base: Snapshot
    files: Mapping[str, str]  # of the new version, URL path -> gzip sha256
    local: Mapping[str, Local]  # by gzip sha256: what can be sent from here
    config: Mapping[str, Any]
    first_load_bytes: int = 0
    bundle_bytes: int = 0
    over_budget: tuple[str, ...] = ()

    @property
    def added(self) -> list[str]:
        """URL paths that the base does not have."""
        return sorted(self.files.keys() - self.base.files.keys())

    @property
    def removed(self) -> list[str]:
        """URL paths that only the base has."""
        return sorted(self.base.files.keys() - self.files.keys())

    @property
    def changed(self) -> list[str]:
        """URL paths with other bytes than in the base."""
        return sorted(p for p, digest in self.files.items() if self.base.files.get(p, digest) != digest)

    @property
    def uploads(self) -> dict[str, Local]:
        """What the base has under no path, by gzip sha256; the site may have it from another version."""
        there = set(self.base.files.values())
        return {d: self.local[d] for d in dict.fromkeys(self.files.values()) if d not in there and d in self.local}

    @property
    def upload_bytes(self) -> int:
        """Bytes after gzip of all uploads."""
        return sum(item.packed.size for item in self.uploads.values())

    @property
    def is_done(self) -> bool:
        """The base is what the plan would make."""
        return self.files == self.base.files and self.config == self.base.config and bool(self.base.version)

    @property
    def digest(self) -> str:
        """A hash of what the version will hold and of what it is made on: the same plan can be taken up again."""
        content = [self.site, self.channel, self.base.release, sorted(self.files.items()), self.config]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def config_changes(self) -> list[str]:
        """Say in words which settings differ from the base."""
        return list(_differences(self.base.config, self.config))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, without the files that stay as they are."""
        return {
            "site": self.site,
            "channel": self.channel,
            "name": self.channels.name,
            "action": self.record.action,
            "base_release": self.base.release,
            "stable": self.channels.stable,
            "canary": {"id": self.channels.canary, "percent": self.channels.percent} if self.channels.canary else None,
            "previous": list(self.channels.previous),
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "files": len(self.files),
            "uploads": len(self.uploads),
            "upload_bytes": self.upload_bytes,
            "first_load_bytes": self.first_load_bytes,
            "bundle_bytes": self.bundle_bytes,
            "config_changes": self.config_changes(),
            "over_budget": list(self.over_budget),
            "nothing_to_do": self.is_done,
        }

    def summary(self) -> str:
        """Return one line for people."""
        parts = [(len(self.added), "added"), (len(self.changed), "changed"), (len(self.removed), "removed")]
        files = ", ".join(f"{count} {what}" for count, what in parts if count) or "no file changes"
        return f"{files}; {len(self.uploads)} to upload, {self.upload_bytes:,} bytes"


def over_budget(first_load: int, bundle: int, budget: Budget) -> tuple[str, ...]:
    """Say which budgets do not hold."""
    found = (("first load", first_load, budget.first_load), ("bundle", bundle, budget.bundle))
    return tuple(
        f"the {what} has {size:,} bytes after gzip, the budget is {limit:,}"
        for what, size, limit in found
        if limit is not None and size > limit
    )


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if not isinstance(before or [], list) or not isinstance(after or [], list):
            yield f"{key}: {_short(before)} -> {_short(after)}"
            continue
        gone = [rule for rule in before or [] if rule not in (after or [])]
        come = [rule for rule in after or [] if rule not in (before or [])]
        yield from (f"{key}: - {_short(rule)}" for rule in gone)
        yield from (f"{key}: + {_short(rule)}" for rule in come)
        if not gone and not come:
            yield f"{key}: in another order"


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 160 else f"{text[:157]}..."
