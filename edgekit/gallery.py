"""Stage: one page of all models that a local site shows, released on that site under /gallery/.

The page is written whole, so that nothing moves when scripts come: names, sizes and errors are in it, taken from the
channel.json and the manifest of each model. Only the time of a prediction is measured in the visitor's browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from edgekit.assets import asset
from edgekit.errors import InputError
from edgekit.hosting import published_rules
from edgekit.manifest import FileEntry, Manifest, decode
from edgekit.publishing import channel_file
from edgekit.publishing.local_site import LocalSite, is_local_site
from edgekit.publishing.packing import Blob, GzipBody, pack
from edgekit.publishing.site import LIVE, TOOL

try:
    import brotli
except ImportError:
    brotli = None

NAME = "gallery"
ROOT = f"/{NAME}/"
MAX_ABOUT = 240


@dataclass(frozen=True)
class Shown:
    """A model of the site: its stable bundle, and what its card says that it is for."""

    manifest: Manifest
    about: str
    model_bytes: int  # the plan and the weights, or the tflite file where there is no wasm
    visit_bytes: int  # what a browser fetches for a first prediction, beside the page
    visit_packed: int | None  # the same in brotli; None where the package brotli is missing


@dataclass(frozen=True)
class Gallery:
    """A released gallery; `release` is "" where it is live already as it is."""

    folder: str
    models: tuple[str, ...]
    release: str


def gallery(folder: Path) -> Gallery:
    """Write the gallery of all models that the channel live of a local site shows, and release it there.

    Raises InputError where the folder is no local site, or shows no model.
    """
    if not is_local_site(folder):
        raise InputError(f"{folder} is not a local site; make one with: edgekit publish BUNDLE --site local")
    site = LocalSite(folder)
    live = site.channel(LIVE)
    version = live.release.version if live and live.release else None
    files = site.files(version.id) if version else {}
    shown = models_of(site, files)
    names = tuple(s.manifest.name for s in shown)
    if not shown:
        raise InputError(f"{folder} shows no model; publish one with: edgekit publish BUNDLE --site local")
    blobs = {path: Blob.of(data) for path, data in pages(shown).items()}
    packed = {path: pack(blob).digest for path, blob in blobs.items()}
    wanted = {path: digest for path, digest in files.items() if not path.startswith(ROOT)} | packed
    if wanted == files:
        return Gallery(site.address, names, "")
    made = site.create(TOOL)
    uploads = site.populate(made, wanted)
    for path, digest in packed.items():
        if digest in uploads.hashes:
            site.upload(uploads.url, digest, GzipBody(blobs[path]))
    site.finalize(made, _config(version.config if version else {}))
    release = site.release(LIVE, made, f"edgekit gallery of {len(names)} models")
    return Gallery(site.address, names, release.id)


def models_of(site: LocalSite, files: Mapping[str, str]) -> list[Shown]:
    """Return the models that a version of the site holds, by name."""
    found = []
    for path in sorted(files):
        match = re.fullmatch(r"/([^/]+)/channel\.json", path)
        if not match:
            continue
        if match[1] == NAME:
            raise InputError(f"a model is called {NAME}, which is the gallery's own address; give it another name")

        def read(name: str, root: str = f"/{match[1]}/") -> bytes:
            return site.blob(files[root + name]).read_bytes()

        state = channel_file.decode(read(channel_file.NAME))
        manifest = decode(read(f"bundles/{state.stable}/manifest.json"))
        card = read(f"bundles/{state.stable}/{manifest.card.path}").decode() if manifest.card else ""
        entries = _first_visit(manifest)
        data = [read(f"bundles/{state.stable}/{entry.path}") for entry in entries]
        packed = None if brotli is None else sum(len(brotli.compress(part)) for part in data)
        about = re.search(r"^- Intended for: (.*)$", card, re.MULTILINE)
        found.append(
            Shown(
                manifest,
                about[1] if about and not about[1].startswith("Not stated") else "",
                sum(e.bytes for e in entries if e.role in ("plan", "shard", "model", "weights")),
                sum(e.bytes for e in entries),
                packed,
            )
        )
    return found


def pages(shown: list[Shown]) -> dict[str, bytes]:
    """Return the files of the gallery by URL path."""
    folder, page = asset("templates/gallery"), asset("templates/web")
    model = Template((folder / "model.html").read_text(encoding="utf-8"))
    cards = "".join(model.substitute({k: escape(v) for k, v in _words(s).items()}) for s in shown)
    count = f"{len(shown)} model{'' if len(shown) == 1 else 's'}"
    index = Template((folder / "index.html").read_text(encoding="utf-8"))
    html = index.substitute(models=cards.rstrip("\n"), count=count)
    css = (page / "page.css").read_bytes() + (folder / "gallery.css").read_bytes()
    files = {"index.html": html.encode(), "gallery.css": css, "icon.svg": (page / "icon.svg").read_bytes()}
    files |= {name: (folder / name).read_bytes() for name in ("gallery.js", "sw.js")}
    return {ROOT + path: data for path, data in files.items()}


def _first_visit(manifest: Manifest) -> list[FileEntry]:
    """Return the files of the wasm target, of its builds the largest for one thread; else of the first target."""
    target = manifest.targets.get("wasm") or next(iter(manifest.targets.values()))
    builds = [f for f in target.files if f.build and not f.build.endswith("-threads")]
    largest = max(builds, key=lambda f: f.bytes, default=None)
    workers = ("worker.js", "tfjs.js")  # fetched only by pages that ask for them
    return [f for f in target.files if (f.build is None or f == largest) and not f.path.endswith(workers)]


def _words(shown: Shown) -> dict[str, str]:
    manifest = shown.manifest
    q, results = manifest.quantization, manifest.results
    only = results[0] if len(results) == 1 else None
    unit = f" {only.own_unit}" if only and only.own_unit else ""
    units = ", ".join(f"{r.name} ({r.unit})" if r.unit else r.name for r in results[:3])
    known = all(isinstance(q.get(key), float) for key in ("float_value", "quantized_value"))
    steps = {f.steps for f in manifest.features if f.steps}
    window = f", windows of {max(steps)} steps" if steps else ""
    exact = {name for name, target in manifest.targets.items() if target.parity == "exact"}
    packed = "" if shown.visit_packed is None else f", {_size(shown.visit_packed)} in brotli"
    title = manifest.name.replace("_", " ")
    about = shown.about if len(shown.about) <= MAX_ABOUT else shown.about[: MAX_ABOUT - 1] + "\u2026"
    metric = str(q.get("metric", "metric"))
    return {
        "name": manifest.name,
        "title": title[:1].upper() + title[1:],
        "id": manifest.id,
        "version": manifest.version,
        "about": about,
        "predicts": units or f"{len(results)} numbers",
        "inputs": f"{len(manifest.features) or 'unnamed'} features{window}",
        "model": _size(shown.model_bytes),
        "visit": _size(shown.visit_bytes) + packed,
        "metric": f"{metric.upper() if len(metric) <= 4 else metric}, int8 / float",
        "error": f"{q['quantized_value']:.4g} / {q['float_value']:.4g}{unit}" if known else "not recorded",
        "exactness": "same bits as int8 TFLite" if "wasm" in exact else "within its bound",
        "card": manifest.card.path if manifest.card else "manifest.json",
    }


def _size(size: int) -> str:
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.2f} MB"


def _config(old: Mapping[str, object]) -> dict[str, object]:
    """Return the site's settings with the gallery's headers, and its root leading to the gallery."""
    plain = json.loads(json.dumps(old))
    headers = [rule for rule in plain.get("headers", []) if not str(rule.get("glob", "")).startswith(ROOT)]
    headers += [{"glob": rule.glob, "headers": dict(rule.headers)} for rule in published_rules(NAME)]
    redirects = [r for r in plain.get("redirects", []) if r.get("glob") != "/"]
    redirects.append({"glob": "/", "location": ROOT, "statusCode": 302})
    return {**plain, "headers": headers, "redirects": redirects}
