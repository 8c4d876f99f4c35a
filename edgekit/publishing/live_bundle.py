"""The bundle that is live on a site, fetched as the public gets it: what a new one is held to."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgekit.errors import CheckFailed, NotAvailable
from edgekit.manifest import Manifest, decode
from edgekit.progress import Progress, silent
from edgekit.publishing.packing import Blob, PackCache
from edgekit.publishing.planning import current
from edgekit.publishing.published import PATIENCE, Fetcher, Unreachable
from edgekit.publishing.site import LIVE, Channel, Site
from edgekit.store import MANIFEST, MAX_MANIFEST_BYTES, Bundle, open_bundle, write_bundle


def baseline_id(site: Site, own: Manifest, packs: PackCache) -> str:
    """Return the id of the bundle of a model that most visitors get now, "" before the first release.

    Where that is the bundle itself, the one before it is meant: a release does not change what it was held to.
    """
    shown = current(site, own.name, packs).channels
    if shown.stable == own.id:
        return shown.previous[0] if shown.previous else ""
    return shown.stable or ""


def fetch_baseline(
    site: Site, own: Manifest, folder: Path, packs: PackCache, progress: Progress = silent
) -> Bundle | None:
    """Return the bundle that `baseline_id` names, kept in `folder` by its id; None before the first release.

    Raises NotAvailable where the public address cannot be reached, CheckFailed where what it answers is not the bundle.
    """
    wanted = baseline_id(site, own, packs)
    if not wanted:
        return None
    out = folder / wanted
    if (out / MANIFEST).is_file():
        kept = open_bundle(out)
        if kept.manifest.id == wanted:
            return kept
    shutil.rmtree(out, ignore_errors=True)
    shown = site.channel(LIVE)
    with site.public(Channel(LIVE, shown.url if shown else "", None)) as url:
        if not url:
            raise NotAvailable(f"the site {site.name} does not say where the public reads it")
        return _fetch(url, own.name, wanted, out, progress)


def _fetch(url: str, name: str, bundle: str, out: Path, progress: Progress) -> Bundle:
    fetcher = Fetcher(url, PATIENCE)
    try:
        fetcher.reach()
    except Unreachable as error:
        raise NotAvailable(f"the published bundle cannot be fetched: {error}") from None
    root = f"/{name}/bundles/{bundle}/"
    manifest = decode(fetcher.check(root + MANIFEST, None, {}, MAX_MANIFEST_BYTES))
    if manifest.id != bundle:
        raise CheckFailed(f"{root}{MANIFEST} is the manifest of {manifest.id[:16]}; see: edgekit releases")
    files = manifest.files()
    contents = {}
    for done, file in enumerate(files):
        progress("fetching the published bundle", done, len(files))
        contents[file.path] = fetcher.check(root + file.path, Blob(b"", file.sha256, file.bytes), {}, file.bytes)
    return write_bundle(out, manifest, contents)
