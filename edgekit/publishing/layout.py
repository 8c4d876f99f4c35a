"""Where things lie on a site: /NAME/ is the page, /NAME/channel.json what it loads, /NAME/bundles/ID/ the bundles.

A bundle's folder is named by the hash of everything in it, so what lies there never changes. Paths of other models and
of whatever else the site holds are carried forward as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from edgekit.assets import asset
from edgekit.errors import InputError
from edgekit.hosting import published_rules
from edgekit.manifest import TargetEntry
from edgekit.publishing.packing import Blob
from edgekit.store import MANIFEST, Bundle

#: The part of the runtime that reads channel.json, beside the page because it comes before any bundle.
CHANNEL_SCRIPT = "channel.js"
#: Hosting's own limit for a file, after gzip.
MAX_FILE_BYTES = 2_000_000_000
_ID = "[0-9a-f]{64}"
_PRELOAD = re.compile(r'^ *<link rel="(?:modulepreload|preload)"[^\n]*href="bundle/[^\n]*\n', re.MULTILINE)


def bundle_files(bundle: Bundle) -> dict[str, Blob]:
    """Return the files of a bundle by URL path; the manifest is read now, the others when they are sent."""
    root = f"/{bundle.manifest.name}/bundles/{bundle.manifest.id}/"
    files = {root + f.path: Blob(bundle.root / f.path, f.sha256, f.bytes) for f in bundle.manifest.files()}
    return files | {root + MANIFEST: Blob.of(bundle.read(MANIFEST))}


def page_files(name: str) -> dict[str, Blob]:
    """Return the page of a published model by URL path: that of `edgekit serve`, told to ask channel.json."""
    page = asset("templates/web")
    files = {p.relative_to(page).as_posix(): p.read_bytes() for p in sorted(page.rglob("*")) if p.is_file()}
    html = _PRELOAD.sub("", files["index.html"].decode())  # which runtime it will be, channel.json says
    files["index.html"] = html.replace('data-state="loading"', 'data-state="loading" data-channel="./"', 1).encode()
    files[CHANNEL_SCRIPT] = asset(f"wasm/dist/{CHANNEL_SCRIPT}").read_bytes()
    return {f"/{name}/{path}": Blob.of(data) for path, data in files.items()}


def bundle_ids(files: Iterable[str], name: str) -> tuple[str, ...]:
    """Return the ids of the bundles of a model that are whole enough to have a manifest, sorted."""
    pattern = re.compile(f"/{re.escape(name)}/bundles/({_ID})/{re.escape(MANIFEST)}")
    return tuple(sorted(match[1] for path in files if (match := pattern.fullmatch(path))))


def bundle_of(path: str, name: str) -> str | None:
    """Return the id of the bundle that a URL path belongs to, None for a page, channel.json or another model."""
    match = re.match(f"/{re.escape(name)}/bundles/({_ID})/", path)
    return match[1] if match else None


def first_load(bundle: Bundle) -> list[str]:
    """Return the URL paths that a browser fetches for its first prediction; of several engines the largest.

    That is the wasm target, or tfjs where there is no wasm; a bundle that has neither has a manifest to fetch.
    """
    targets = bundle.manifest.targets
    entry = targets.get("wasm") or targets.get("tfjs") or TargetEntry((), "exact")
    largest = max((f for f in entry.files if f.build), key=lambda f: f.bytes, default=None)
    files = [f.path for f in entry.files if f.build is None or f == largest]
    root = f"/{bundle.manifest.name}/"
    later = ("/sw.js",) if any(f.steps for f in bundle.manifest.features) else ("/sw.js", "/series.js")
    page = [p for p in page_files(bundle.manifest.name) if not p.endswith(later)]
    return [*page, f"{root}channel.json", *(f"{root}bundles/{bundle.manifest.id}/{p}" for p in [MANIFEST, *files])]


def site_config(old: Mapping[str, Any], name: str, files: Iterable[str]) -> dict[str, Any]:
    """Return the configuration of a version: what the live one has, and the rules of this model replaced.

    The root of a site that has no page of its own leads to the model.
    """
    mine = f"/{name}/"
    kept = [rule for rule in old.get("headers", []) if not str(rule.get("glob", "")).startswith(mine)]
    rules = [{"glob": rule.glob, "headers": dict(rule.headers)} for rule in published_rules(name)]
    redirects = list(old.get("redirects", []))
    if "/index.html" not in set(files) and not any(r.get("glob") == "/" for r in redirects):
        redirects.append({"glob": "/", "location": mine, "statusCode": 302})
    return {**old, "headers": [*kept, *rules], **({"redirects": redirects} if redirects else {})}


def check_config(old: Mapping[str, Any], name: str) -> None:
    """Refuse a site whose settings would break the addresses of the page and its files."""
    if old.get("trailingSlashBehavior") == "REMOVE":
        raise InputError(
            f"the site removes trailing slashes (trailingSlash: false), and the page needs /{name}/ with one; "
            "change that setting of the site first"
        )


def check_sizes(files: Mapping[str, Blob]) -> None:
    """Refuse a file that hosting would refuse."""
    for path, blob in files.items():
        if blob.size > MAX_FILE_BYTES:
            raise InputError(f"{path} has {blob.size:,} bytes, hosting takes {MAX_FILE_BYTES:,}; use smaller shards")
