"""Stage: a bundle onto a site. Plan, make a version, look at it on a preview address, release it with one call, look
again. Whatever ends a run, the old release is live or the new one is, whole, and the same command goes on from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgekit.errors import CheckFailed, EdgekitError
from edgekit.progress import Progress, silent
from edgekit.publishing import gate, layout
from edgekit.publishing.apply import FilesLost, Made, make_version, release
from edgekit.publishing.journal import Journal, cache_folder
from edgekit.publishing.notify import News, check_webhook, send
from edgekit.publishing.packing import Blob, PackCache
from edgekit.publishing.plan import Plan
from edgekit.publishing.planning import Wish, plan_canary, plan_publish
from edgekit.publishing.published import Seen, look
from edgekit.publishing.record import encode, rollback_message
from edgekit.publishing.remote_config import RemoteConfig
from edgekit.publishing.retries import Patience
from edgekit.publishing.site import LIVE, Channel, ChannelQuota, Site
from edgekit.store import Bundle

#: The channel on which a version is looked at before it is released, and how many seconds it lives.
CHECK, CHECK_SECONDS = "edgekit-check", 3600


@dataclass(frozen=True)
class Way:
    """How to publish. `expect`: the release that must be live now; "" for whatever is.

    preview: look at the version on an address of its own first. check: look at anything at all.
    expires: how many seconds a preview channel lives, None for ever. cache: where notes between runs are kept.
    """

    expect: str = ""
    preview: bool = True
    check: bool = True
    rollback: bool = False
    expires: int | None = None
    remote: RemoteConfig | None = None  # is told the canary's percentage too
    patience: Patience = field(default_factory=Patience)
    cache: Path | None = None

    def folder(self) -> Path:
        """Return where notes between runs are kept."""
        return self.cache or cache_folder()


@dataclass(frozen=True)
class Outcome:
    """What a publish did. Without a release nothing was to be done, or nothing was meant to be."""

    plan: Plan
    release: str = ""
    version: str = ""
    made: Made | None = None
    url: str = ""
    preview: Seen | None = None
    seen: Seen | None = None
    rolled_back: bool = False
    notes: tuple[str, ...] = ()
    address: str = ""  # the API or the folder

    @property
    def ok(self) -> bool:
        """Nothing that was looked at is wrong."""
        return not (self.seen and self.seen.failed)


def permitted(bundle: Bundle, force: bool, reports: Path | None = None, settings: str = "") -> str:
    """Return which gates `force` overrules, "" where all are green; CheckFailed where one is not.

    `settings` is what `gate.settings_of` gives: with it a green report of check is asked for too.
    """
    refused = gate.refusals(bundle, reports, settings)
    if refused and not force:
        raise CheckFailed(f"not published: {refused[0]} (--force overrules this, and the release says so)")
    return "; ".join(refused)


def plan(site: Site, wish: Wish, way: Way) -> Plan:
    """Return what publishing would do; only reads."""
    made = plan_publish(site, wish, PackCache(way.folder()))
    _expect(made, way)
    return made


def publish(site: Site, wish: Wish, way: Way, progress: Progress = silent) -> Outcome:
    """Publish a bundle on a channel of a site.

    Raises CheckFailed where a gate, a budget, a check or the host says no; InputError for what hosting would refuse.
    """
    gone: set[str] = set()
    packs = PackCache(way.folder())
    while True:
        progress("planning", 0, 0)
        made = plan_publish(site, wish, packs, gone)
        _expect(made, way)
        if made.over_budget and not wish.forced:
            raise CheckFailed(f"not published: {made.over_budget[0]}; make it smaller or raise the budget")
        try:
            return _apply(site, made, way, progress, layout.page_files(made.channels.name))
        except FilesLost as lost:
            older = {layout.bundle_of(path, made.channels.name) for path in lost.paths}
            if not older <= set(made.channels.previous) - gone:
                raise
            gone |= {i for i in older if i}


def plan_change(site: Site, name: str, action: str, way: Way) -> Plan:
    """Return what `change_canary` would do; only reads."""
    made = plan_canary(site, name, action, PackCache(way.folder()))
    _expect(made, way)
    return made


def change_canary(site: Site, name: str, action: str, way: Way, progress: Progress = silent) -> Outcome:
    """Make the canary of a model stable (`promote`), or end it (`abort`)."""
    made = plan_change(site, name, action, way)
    return _apply(site, made, replace(way, preview=False), progress, {})


@contextmanager
def told(webhooks: Sequence[str], what: str) -> Iterator[Callable[[Outcome], list[str]]]:
    """Tell webhooks how the `with` block ends; give a function that tells of an outcome and returns who missed it.

    Raises InputError for a webhook that cannot be, before the block runs.
    """
    for url in webhooks:
        check_webhook(url)

    def tell(outcome: Outcome) -> list[str]:
        kind = "rollback" if outcome.rolled_back else "success" if outcome.ok else "failure"
        wrong = outcome.seen.problems[:1] if outcome.seen and not outcome.ok else ()
        link = f"{outcome.url}{outcome.plan.channels.name}/" if outcome.url else ""
        news = News(kind, what, "; ".join((outcome.plan.summary(), *wrong)), link)
        return [why for url in webhooks if (why := send(url, news))]

    try:
        yield tell
    except EdgekitError as error:
        for url in webhooks:
            send(url, News("failure", what, str(error)))
        raise


def _tell_remote(way: Way, made: Plan) -> None:
    if way.remote is not None and made.channel == LIVE:
        way.remote.set_percent(made.channels.name, made.channels.percent)


def _apply(site: Site, made: Plan, way: Way, progress: Progress, page: Mapping[str, Blob]) -> Outcome:
    address = hashlib.sha256(site.address.encode()).hexdigest()[:8]
    journal = Journal(way.folder(), f"{site.name}-{address}", made.channel)
    if made.is_done and made.channel == LIVE:
        journal.clear()
        return Outcome(made, made.base.release, made.base.version)
    version = make_version(made, site, journal, way.patience, progress)
    known = {path: blob for path, blob in page.items() if made.files.get(path) in made.local}
    if made.channel != LIVE:
        shown = ensure_channel(site, made.channel, way.expires)
        done = site.release(made.channel, version.version, encode(made.record))
        journal.clear()
        with site.public(shown) as url:
            seen = look(url, made.channels, known, progress) if way.check else None
        return Outcome(made, done.id, version.version, version, shown.url, seen=seen, address=site.address)
    preview = None
    if way.preview and way.check:
        preview = _preview(site, made, version, known, progress)
        if preview.failed:
            journal.clear()  # the next run makes the version anew, should this one be broken
            raise CheckFailed(f"not released: on the preview {preview.problems[0]}; the live site is as it was")
    if made.record.action == "abort":  # apps that ask Remote Config need not wait for the release
        _tell_remote(way, made)
    done = release(made, site, version.version)
    journal.clear()
    if made.record.action != "abort":  # the bundle must be there before anybody is sent to it
        _tell_remote(way, made)
    notes = _overtaken(site, made, done.id)
    url = made.base.url or getattr(site.channel(LIVE), "url", "")  # a site has none before its first release
    outcome = Outcome(made, done.id, version.version, version, url, preview)
    outcome = replace(outcome, notes=notes, address=site.address)
    if not way.check:
        return outcome
    with site.public(Channel(LIVE, url, None)) as url:
        outcome = replace(outcome, seen=look(url, made.channels, known, progress))
    return _back(site, outcome) if way.rollback and not outcome.ok else outcome


def ensure_channel(site: Site, name: str, seconds: int | None) -> Channel:
    """Make or keep a channel; CheckFailed that says what to do where the site has too many."""
    try:
        return site.ensure_channel(name, seconds)
    except ChannelQuota as full:
        names = ", ".join(sorted(c.name for c in site.channels() if c.name != LIVE)[:10])
        raise CheckFailed(
            f"the site {site.name} may have no more channels ({full}); delete one of {names} with "
            "edgekit prune --delete-channel NAME, or publish with --no-preview"
        ) from None


def _preview(site: Site, made: Plan, version: Made, page: Mapping[str, Blob], progress: Progress) -> Seen:
    channel = ensure_channel(site, CHECK, CHECK_SECONDS)
    site.release(CHECK, version.version, encode(made.record))
    with site.public(channel) as url:
        return look(url, made.channels, page, progress)


def _expect(made: Plan, way: Way) -> None:
    if way.expect and made.base.release != way.expect:
        raise CheckFailed(
            f"release {made.base.release or 'none'} is live, {way.expect} was expected; nothing was released"
        )


def _overtaken(site: Site, made: Plan, own: str) -> tuple[str, ...]:
    """Look whether somebody released between the last look and the release: the API cannot prevent it."""
    history = [r.id for r in site.releases(LIVE, 2)]
    if history[:1] != [own]:
        return (f"release {history[0] if history else 'none'} came after this one and is live now",)
    if history[1:2] != [made.base.release] and (history[1:] or made.base.release):
        return (f"release {history[1]} came in between and is not part of this one; publish that again",)
    return ()


def _back(site: Site, outcome: Outcome) -> Outcome:
    """Release what was live before; where there was nothing, or another release came since, leave it."""
    base = outcome.plan.base
    live = site.channel(LIVE)
    if not base.version or live is None or live.release is None or live.release.id != outcome.release:
        why = "there was nothing before it" if not base.version else "another release came since"
        return replace(outcome, notes=(*outcome.notes, f"not rolled back: {why}"))
    done = site.release(LIVE, base.version, rollback_message(base.message))
    return replace(outcome, release=done.id, version=base.version, rolled_back=True)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return plain JSON values."""
    made = outcome.made
    return {
        "plan": outcome.plan.to_json(),
        "release": outcome.release,
        "version": outcome.version,
        "url": outcome.url,
        "uploaded": {"files": made.files_sent, "bytes": made.bytes_sent, "resumed": made.resumed} if made else None,
        "preview": outcome.preview,
        "seen": outcome.seen,
        "rolled_back": outcome.rolled_back,
        "notes": list(outcome.notes),
        "ok": outcome.ok,
    }
