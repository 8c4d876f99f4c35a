"""Stages after a publish: list releases, promote a preview, roll back, prune."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgekit.errors import CheckFailed, InputError
from edgekit.progress import Progress, silent
from edgekit.publishing import record
from edgekit.publishing.published import Seen, look
from edgekit.publishing.record import Record
from edgekit.publishing.site import FINALIZED, LIVE, TOOL, Channel, Release, Site

_HISTORY = 100


@dataclass(frozen=True)
class Row:
    """A release with what its record says; `is_live` for the one that the public gets."""

    release: str
    version: str
    time: str
    kind: str
    is_live: bool
    record: Record | None


@dataclass(frozen=True)
class Moved:
    """An old or a preview's version is live now. `seen` is what came of looking at it."""

    release: str
    version: str
    before: str  # the version that was live
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    seen: Seen | None = None
    rolled_back: bool = False  # what was seen was wrong, and `before` is live again

    @property
    def ok(self) -> bool:
        """Nothing that was looked at is wrong."""
        return not (self.seen and self.seen.failed)


@dataclass(frozen=True)
class Pruned:
    """Which versions and channels were deleted, or would be; `kept` counts the versions that stay."""

    versions: tuple[str, ...]
    channels: tuple[str, ...]
    kept: int
    bytes: int


def releases(site: Site, channel: str = LIVE, limit: int = 20) -> list[Row]:
    """Return the newest releases of a channel, newest first; those of other tools have no record."""
    found = site.releases(channel, limit)
    return [
        Row(r.id, r.version.id if r.version else "", r.time, r.kind, i == 0, record.decode(r.message))
        for i, r in enumerate(found)
    ]


def promote(
    site: Site, source: str, force: bool = False, check: bool = True, progress: Progress = silent, back: bool = False
) -> Moved:
    """Release to live the very version that a preview channel shows.

    back: bring the version before it back where what is live then is seen to be wrong, unless somebody released since.
    Raises CheckFailed where live moved since that version was made: what was released meanwhile would be lost.
    """
    shown = site.channel(source)
    if shown is None or shown.release is None or shown.release.version is None:
        raise InputError(f"the site {site.name} shows nothing on the channel {source}; publish with --channel {source}")
    made, live = record.decode(shown.release.message), site.channel(LIVE)
    now = live.release.id if live and live.release else ""
    if live and live.release and live.release.version and live.release.version.id == shown.release.version.id:
        raise InputError(f"the version {shown.release.version.id} of {source} is live already")
    if not force and (made is None or made.base != now):
        on = f"was made on release {made.base or 'none'}" if made else "is not from edgekit"
        raise CheckFailed(
            f"the version of {source} {on}, and {now or 'none'} is live now; publish it again to keep both, "
            "or --force to replace what is live"
        )
    message = record.encode(replace(made, action="promote", base=now)) if made else f"edgekit promote {source}"
    moved = _move(site, shown.release, message, check, progress)
    return _brought_back(site, moved, live) if back and not moved.ok else moved


def _brought_back(site: Site, moved: Moved, before: Channel | None) -> Moved:
    now = site.channel(LIVE)
    if not moved.before or now is None or now.release is None or now.release.id != moved.release:
        return moved
    message = before.release.message if before and before.release else ""
    done = site.release(LIVE, moved.before, record.rollback_message(message))
    return replace(moved, release=done.id, version=moved.before, before=moved.version, rolled_back=True)


def rollback(site: Site, to: str = "", steps: int = 1, check: bool = True, progress: Progress = silent) -> Moved:
    """Release a version that was live before: the one of the release or version `to`, or `steps` versions back.

    Going back again goes further back. Nothing is uploaded. The whole site goes back, all its models.
    """
    history = site.releases(LIVE, _HISTORY)
    if not history or history[0].version is None:
        raise InputError(f"the site {site.name} shows nothing; there is nothing to go back from")
    target = _named(history, to) if to else _older(history, steps)
    if target.version is None or target.version.status != FINALIZED:
        raise CheckFailed(f"the version of release {target.id} is not there any more; choose another one with --to")
    if target.version.id == history[0].version.id:
        raise InputError(f"the version {target.version.id} is live already")
    return _move(site, target, record.rollback_message(target.message), check, progress)


def prune(
    site: Site, keep: int, *, all_tools: bool = False, channels: tuple[str, ...] = (), dry_run: bool = False
) -> Pruned:
    """Delete old versions: those that no channel shows and that are not among the last `keep` that were live.

    Versions under way stay, those of other tools too unless `all_tools`. `channels` are deleted first.
    """
    if keep < 1:
        raise InputError(f"--keep is {keep}; the version that is live is one of them, so use 1 or more")
    known = site.channels()
    missing = sorted(set(channels) - {c.name for c in known})
    if missing or LIVE in channels:
        raise InputError(f"there is no channel {missing[0]} to delete" if missing else "the channel live stays")
    if not dry_run:
        for name in channels:
            site.delete_channel(name)
    used = {c.release.version.id for c in known if c.name not in channels and c.release and c.release.version}
    recent = list(dict.fromkeys(r.version.id for r in site.releases(LIVE, _HISTORY) if r.version))[:keep]
    versions = site.versions()
    old = [
        v
        for v in versions
        if v.status == FINALIZED
        and v.id not in used
        and v.id not in recent
        and (all_tools or v.labels.items() >= TOOL.items())
    ]
    if not dry_run:
        for version in old:
            site.delete(version.id)
    size = sum(v.bytes for v in old)
    return Pruned(tuple(v.id for v in old), channels, len(versions) - len(old), size)


def to_json(row: Row) -> dict[str, Any]:
    """Return plain JSON values of a release."""
    found = row.record
    plain: dict[str, Any] = {
        "release": row.release,
        "version": row.version,
        "time": row.time,
        "type": row.kind,
        "live": row.is_live,
    }
    if found:
        canary = {"id": found.canary, "percent": found.percent} if found.canary else None
        plain |= {
            "action": found.action,
            "name": found.name,
            "model_version": found.version,
            "bundle": found.stable,
            "canary": canary,
            "source_sha256": found.source,
            "metrics": {k: {"float": a, "int8": b} for k, (a, b) in (found.metrics or {}).items()},
            "forced": found.forced,
        }
    return plain


def _move(site: Site, target: Release, message: str, check: bool, progress: Progress) -> Moved:
    assert target.version is not None
    live = site.channel(LIVE)
    before = live.release.version if live and live.release else None
    old = site.files(before.id) if before else {}
    new = site.files(target.version.id)
    done = site.release(LIVE, target.version.id, message)
    seen, made = None, record.decode(message)
    if check and made and made.stable and live:
        with site.public(Channel(LIVE, live.url, None)) as url:
            seen = look(url, record.channels_from(made, new), {}, progress)
    changed = tuple(sorted(p for p in new if old.get(p, new[p]) != new[p]))
    added, removed = tuple(sorted(new.keys() - old.keys())), tuple(sorted(old.keys() - new.keys()))
    return Moved(done.id, target.version.id, before.id if before else "", added, removed, changed, seen)


def _named(history: list[Release], to: str) -> Release:
    wanted = to.rpartition("/")[2]
    for release in history:
        if wanted in (release.id, release.version.id if release.version else None):
            return release
    raise InputError(f"there is no release or version {to} among the last {len(history)}; see: edgekit releases")


def _older(history: list[Release], steps: int) -> Release:
    """Return the release that first showed the version `steps` versions before the one that is live."""
    if steps < 1:
        raise InputError(f"--steps is {steps}; use 1 or more")
    seen: dict[str, Release] = {}  # version -> the oldest release of it; newest version first
    for release in history:
        if release.version:
            seen[release.version.id] = release
    assert history[0].version is not None
    since = history.index(seen[history[0].version.id])
    older = [r for r in seen.values() if history.index(r) > since and r.version and r.version.status == FINALIZED]
    older.sort(key=history.index)
    if len(older) < steps:
        raise CheckFailed(f"there are {len(older)} older versions to go back to, {steps} were asked for")
    return older[steps - 1]
