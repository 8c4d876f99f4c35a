"""Apply a plan: create, populate, upload, finalize; then one call releases it. Every step can be the last of a run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from edgekit.errors import CheckFailed
from edgekit.progress import Progress
from edgekit.publishing.journal import Journal, Note
from edgekit.publishing.plan import Plan
from edgekit.publishing.record import encode
from edgekit.publishing.retries import Patience
from edgekit.publishing.site import CREATED, FINALIZED, TOOL, Release, Site, Version, VersionLost
from edgekit.publishing.transfer import Uploads

_VERSIONS = 3  # how many may be lost before a publish gives up
_ROUNDS = 4  # of uploads to one version


class FilesLost(CheckFailed):
    """The site no longer has files that the live version names and that are not here; `paths` names them."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        super().__init__(
            f"hosting asks for {len(paths)} files that are only on the live site, such as {paths[0]}; "
            "publish from a machine that has them"
        )


@dataclass(frozen=True)
class Made:
    """A finalized version that no channel shows yet."""

    version: str
    files_sent: int = 0
    bytes_sent: int = 0
    resumed: bool = False  # an earlier run had begun it


def make_version(plan: Plan, site: Site, journal: Journal, patience: Patience, progress: Progress) -> Made:
    """Bring a finalized version about, going on with the one of a killed run where there is one.

    Raises CheckFailed where the site says no for good, FilesLost where it lost something.
    """
    found = _taken_up(plan, site, journal)
    if found is not None and found.status == FINALIZED:
        return Made(found.id, resumed=True)
    version, resumed = found.id if found else None, found is not None
    for _ in range(_VERSIONS):
        try:
            if version is None:
                run = {"edgekit-plan": plan.digest[:32], "edgekit-run": secrets.token_hex(8)}
                version = site.create({**TOOL, **run})
                journal.write(Note(plan.digest, version))
            files, size = _fill(plan, site, version, patience, progress)
            progress("finalizing", 0, 0)
            site.finalize(version, plan.config)
            return Made(version, files, size, resumed)
        except VersionLost as lost:
            last, version, resumed = lost, None, False
    raise CheckFailed(f"{_VERSIONS} versions were lost while they were made ({last}); is another tool deleting them?")


def release(plan: Plan, site: Site, version: str) -> Release:
    """Show the version on the plan's channel, unless that channel moved since the plan was made.

    The API has no precondition, so a release in the moment between the two calls would not be noticed here; `publish`
    looks at the history afterwards.
    """
    guard(plan, site)
    return site.release(plan.channel, version, encode(plan.record))


def guard(plan: Plan, site: Site) -> None:
    """Raise CheckFailed where the live channel is not what the plan was made on."""
    shown = site.channel("live")
    now = shown.release.id if shown and shown.release else ""
    if now != plan.base.release:
        raise CheckFailed(
            f"the live channel moved from release {plan.base.release or 'none'} to {now or 'none'} meanwhile; "
            "nothing was released, run the same command again to publish on top of it"
        )


def _taken_up(plan: Plan, site: Site, journal: Journal) -> Version | None:
    """Return the version that an earlier run of the same plan left; delete what a run of another plan left."""
    note = journal.read()
    if note is None:
        return None
    try:
        found = site.version(note.version)
        if note.digest == plan.digest and found.status in (CREATED, FINALIZED):
            return found
        # One that is finalized may be shown by a channel; prune deletes it when it is not.
        if note.digest != plan.digest and found.status == CREATED and found.labels.items() >= TOOL.items():
            site.delete(note.version)
    except VersionLost:
        pass
    journal.clear()
    return None


def _fill(plan: Plan, site: Site, version: str, patience: Patience, progress: Progress) -> tuple[int, int]:
    """Populate and upload until nothing is wanted; return how many files and bytes were sent."""
    files = size = 0
    for _ in range(_ROUNDS):
        progress("asking what is missing", 0, 0)
        wanted = site.populate(version, plan.files)
        if lost := wanted.hashes - plan.local.keys():
            raise FilesLost(sorted(path for path, digest in plan.files.items() if digest in lost))
        if not wanted.hashes:
            return files, size
        order = [d for d in dict.fromkeys(plan.files.values()) if d in wanted.hashes]
        sent = Uploads(site, wanted.url, patience, progress).send({d: plan.local[d] for d in order})
        files, size = files + sent.files, size + sent.bytes
        if not sent.doubtful:
            return files, size
    raise CheckFailed("hosting keeps asking for files that it was sent; run the same command again later")
