"""The bundle that is live on a site, fetched as the public gets it: what a new one is held to."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgekit.errors import CheckFailed, NotAvailable
from edgekit.manifest import decode
from edgekit.progress import Progress, silent
from edgekit.publishing.packing import Blob, PackCache
from edgekit.publishing.planning import current
from edgekit.publishing.published import PATIENCE, Fetcher, Unreachable
from edgekit.publishing.site import LIVE, Channel, Site
from edgekit.store import MANIFEST, MAX_MANIFEST_BYTES, Bundle, open_bundle, write_bundle


def stable_id(site: Site, name: str, packs: PackCache) -> str:
    """Return the id of the bundle of a model that most visitors get now, "" before the first release."""
    return current(site, name, packs).channels.stable or ""


def fetch_live(site: Site, name: str, folder: Path, packs: PackCache, progress: Progress = silent) -> Bundle | None:
    """Return the live bundle of a model, kept in `folder` by its id; None before the first release.

    Raises NotAvailable where the public address cannot be reached, CheckFailed where what it answers is not the bundle.
    """
    now = current(site, name, packs)
    if now.channels.stable is None:
        return None
    out = folder / now.channels.stable
    if (out / MANIFEST).is_file():
        kept = open_bundle(out)
        if kept.manifest.id == now.channels.stable:
            return kept
    shutil.rmtree(out, ignore_errors=True)
    with site.public(Channel(LIVE, now.base.url, None)) as url:
        if not url:
            raise NotAvailable(f"the site {site.name} does not say where the public reads it")
        return _fetch(url, name, now.channels.stable, out, progress)


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
