"""The last stage of `edgekit run`: a bundle onto its site, once. What was released is asked of the site itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.config import Config
from edgekit.errors import CheckFailed
from edgekit.publish import permitted, publish
from edgekit.publishing import record
from edgekit.publishing.channel_file import parse_percent
from edgekit.publishing.gate import settings_of
from edgekit.publishing.planning import Wish
from edgekit.publishing.record import Record
from edgekit.publishing.site import LIVE, Site
from edgekit.run_stages import Job, bundle_of

#: Releases of the live channel that are looked through.
HISTORY = 100


def share_of(config: Config) -> float | None:
    """Return for how many of a hundred installs the bundle is, None for all."""
    return parse_percent(config.run.canary) if config.run.canary else None


def nothing_to_publish(job: Job) -> str:
    """Say why there is nothing to publish, "" where there is a site."""
    return "" if job.site is not None else "[run] names no site"


def was_released(site: Site, channel: str, bundle: str, share: float | None) -> str:
    """Say which release gave this bundle to visitors, "" where none did and it may be released.

    On live also one that is not shown any more: what was rolled back or replaced is not released again by itself. What
    a preview channel shows counts while live is what that was made on; later it could not be promoted.
    """
    live = site.channel(LIVE)
    now = live.release.id if live and live.release else ""
    for index, release in enumerate(site.releases(LIVE, HISTORY)):
        made = record.decode(release.message)
        if made is None or not _gives(made, bundle, share):
            continue
        if index == 0:
            return f"release {release.id} shows it"
        text = f"release {release.id} gave it to visitors already"
        return f"{text}, and {now} came after it; --force publish releases it once more"
    shown = site.channel(channel) if channel != LIVE else None
    made = record.decode(shown.release.message) if shown and shown.release else None
    if shown and shown.release and made and made.base == now and _gives(made, bundle, share):
        return f"release {shown.release.id} shows it on {channel}"
    return ""


def _gives(made: Record, bundle: str, share: float | None) -> bool:
    if share is not None and made.canary == bundle:
        return made.percent == share
    return made.stable == bundle


def released_before(job: Job) -> str:
    """Say which release gave the bundle of the run to visitors, "" where none did."""
    assert job.site is not None
    return was_released(job.site(), job.config.run.channel, bundle_of(job).manifest.id, share_of(job.config))


def publish_bundle(job: Job) -> Mapping[str, Any]:
    """Publish the bundle of the run, its gates' reports green; return what came of it."""
    assert job.site is not None
    bundle, run = bundle_of(job), job.config.run
    permitted(bundle, False, None, settings_of(job.config))
    outcome = publish(job.site(), Wish(bundle, run.channel, share_of(job.config)), job.way, job.progress)
    if not outcome.ok:
        wrong = outcome.seen.problems[0] if outcome.seen and outcome.seen.problems else "it does not answer as it must"
        back = "the release before it is live again" if outcome.rolled_back else "see: edgekit rollback"
        raise CheckFailed(f"release {outcome.release} is wrong: {wrong}; {back}")
    seen = {"files": outcome.seen.files, "golden": outcome.seen.golden} if outcome.seen else {}
    result = {
        "release": outcome.release,
        "version": outcome.version,
        "url": outcome.url,
        "channel": run.channel,
        **seen,
    }
    return {"bundle": bundle.manifest.id, **result, "notes": list(outcome.notes)}
