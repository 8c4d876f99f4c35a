"""Make plans: read what a site shows, say what it shall show. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgekit.errors import InputError
from edgekit.publishing import layout, record
from edgekit.publishing.channel_file import NAME, Channels, encode
from edgekit.publishing.packing import Blob, PackCache
from edgekit.publishing.plan import Budget, Local, Plan, Snapshot, over_budget
from edgekit.publishing.record import Record, channels_of, record_of, with_channels
from edgekit.publishing.site import LIVE, Site
from edgekit.store import Bundle

_HISTORY = 100  # releases that are looked through for what is published of a model


@dataclass(frozen=True)
class Wish:
    """What to publish and how.

    canary: for how many of a hundred installs, None to make the bundle stable. keep: how many older bundles stay.
    forced: which gates were overruled; it goes into the release's record.
    """

    bundle: Bundle
    channel: str = LIVE
    canary: float | None = None
    keep: int = 3
    budget: Budget = field(default_factory=Budget)
    forced: str = ""


@dataclass(frozen=True)
class Current:
    """What the live channel shows of a model; `record` is that of the newest release of the model."""

    base: Snapshot
    channels: Channels
    record: Record | None


def current(site: Site, name: str, packs: PackCache) -> Current:
    """Read the live channel: two requests, and a third where another model was released last."""
    shown = site.channel(LIVE)
    release = shown.release if shown else None
    url = shown.url if shown else ""
    if release is None or release.version is None:
        return Current(Snapshot(release.id if release else "", url=url), Channels(name), None)
    version = release.version
    base = Snapshot(release.id, version.id, release.message, url, site.files(version.id), version.config)
    there = layout.bundle_ids(base.files, name)
    if not there:
        return Current(base, Channels(name), None)

    def is_shown(found: Channels) -> bool:
        return packs.packed(Blob.of(encode(found))).digest == base.files.get(f"/{name}/{NAME}")

    records = [found] if (found := record.decode(release.message)) else []
    channels = channels_of(records, name, there, is_shown)
    if channels.stable is None or not is_shown(channels):
        history = site.releases(LIVE, _HISTORY)
        records = [found for r in history if (found := record.decode(r.message))]
        channels = channels_of(records, name, there, is_shown)
    newest = next((r for r in records if r.name == name and r.stable == channels.stable), None)
    return Current(base, channels, newest)


def plan_publish(site: Site, wish: Wish, packs: PackCache, without: Collection[str] = ()) -> Plan:
    """Plan to publish a bundle on top of what is live.

    `without` are ids of older bundles that are not carried forward. Raises InputError for what hosting would refuse.
    """
    manifest = wish.bundle.manifest
    now = current(site, manifest.name, packs)
    _refuse_strangers(now.base, manifest.name)
    layout.check_config(now.base.config, manifest.name)
    before = _without(now.channels, without)
    if wish.canary is None:
        channels = before.with_stable(manifest.id, wish.keep)
    else:
        channels = before.with_canary(manifest.id, wish.canary, wish.keep)
    if before.stable == manifest.id and wish.canary is None:  # the page may be newer; the others stay as they are
        channels = before
    blobs = layout.bundle_files(wish.bundle)
    layout.check_sizes(blobs)
    if wish.canary is None:
        blobs |= layout.page_files(manifest.name)
    action = "publish" if wish.canary is None else "canary"
    account = record_of(action, manifest, channels, now.base.release, wish.forced)
    made = _plan(site, now.base, channels, account, (wish.channel, blobs, packs))
    sizes = {path: made.local[digest].packed.size for path, digest in made.files.items() if digest in made.local}
    root = f"/{manifest.name}/bundles/{manifest.id}/"
    bundle = sum(size for path, size in sizes.items() if path.startswith(root))
    first = sum(sizes.get(path, 0) for path in layout.first_load(wish.bundle))
    over = over_budget(first, bundle, wish.budget)
    return replace(made, first_load_bytes=first, bundle_bytes=bundle, over_budget=over)


def tree(wish: Wish) -> tuple[dict[str, Blob], dict[str, Any]]:
    """Return the files and the configuration of a site that holds this bundle and nothing else."""
    manifest = wish.bundle.manifest
    state = Channels(manifest.name, manifest.id)
    blobs = layout.bundle_files(wish.bundle) | layout.page_files(manifest.name)
    blobs[f"/{manifest.name}/{NAME}"] = Blob.of(encode(state))
    layout.check_sizes(blobs)
    return blobs, layout.site_config({}, manifest.name, blobs)


def plan_canary(site: Site, name: str, action: str, packs: PackCache, keep: int = 3) -> Plan:
    """Plan to make the canary stable (`promote`) or to end it (`abort`): channel.json is all that changes."""
    now = current(site, name, packs)
    if now.channels.stable is None:
        raise InputError(f"the site {site.name} has no model {name}; check --name")
    channels = now.channels.promoted(keep) if action == "promote" else now.channels.aborted(keep)
    old = now.record or Record(action, name, "", channels.stable)
    return _plan(site, now.base, channels, with_channels(old, action, channels), (LIVE, {}, packs))


def _plan(
    site: Site,
    base: Snapshot,
    channels: Channels,
    account: Record,
    what: tuple[str, Mapping[str, Blob], PackCache],
) -> Plan:
    channel, blobs, packs = what
    root = f"/{channels.name}/"
    blobs = {**blobs, f"{root}{NAME}": Blob.of(encode(channels))}
    local = {path: Local(blob, packs.packed(blob)) for path, blob in blobs.items()}
    packs.save()
    has_page = f"{root}index.html" in blobs
    carried = set(channels.bundles())

    def stays(path: str) -> bool:
        if not path.startswith(root):
            return True
        bundle = layout.bundle_of(path, channels.name)
        return bundle in carried if bundle else not has_page

    files = {path: digest for path, digest in base.files.items() if stays(path)}
    files |= {path: item.packed.digest for path, item in local.items()}
    config: dict[str, Any] = layout.site_config(base.config, channels.name, files)
    account = replace(account, base=base.release)
    by_digest = {item.packed.digest: item for item in local.values()}
    return Plan(site.name, channel, channels, account, base, dict(sorted(files.items())), by_digest, config)


def _without(channels: Channels, gone: Collection[str]) -> Channels:
    return replace(channels, previous=tuple(i for i in channels.previous if i not in gone))


def _refuse_strangers(base: Snapshot, name: str) -> None:
    """Do not take over an address that something else uses."""
    root = f"/{name}/"
    if f"{root}{NAME}" not in base.files and (other := next((p for p in base.files if p.startswith(root)), "")):
        raise InputError(f"the site has {other}, which edgekit did not publish; give the model another name")
