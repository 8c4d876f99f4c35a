"""Look at what was published, as the public gets it: every file's bytes and headers, then golden rows in a browser."""

from __future__ import annotations

import base64
import hashlib
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from edgekit import golden
from edgekit.errors import CheckFailed, InputError, NotAvailable
from edgekit.hosting import headers_for, published_rules
from edgekit.manifest import Manifest
from edgekit.manifest import decode as decode_manifest
from edgekit.progress import Progress
from edgekit.publishing.channel_file import Channels, encode
from edgekit.publishing.packing import Blob
from edgekit.publishing.retries import Passing, Patience, persist
from edgekit.runtimes import chromium
from edgekit.runtimes.answer import Answer
from edgekit.runtimes.chromium import PlaywrightError  # type: ignore[attr-defined]
from edgekit.store import MANIFEST
from edgekit.verify import FAIL, NOT_RUN, PASS, judge

_AT_ONCE = 8
_MOST_PROBLEMS = 20
_SMALL = 64 << 20
#: Hosts name the same type differently, and none of these differences matters to a browser.
_TYPES = {"application/javascript": "text/javascript"}
_UNKNOWN = ("application/octet-stream", "text/plain", "application/manifest+json")
#: A content network needs a moment; every check is made again a few times before it counts.
PATIENCE = Patience(tries=5, first=0.5, longest=4.0, stall=30.0)


@dataclass(frozen=True)
class Seen:
    """What came of looking: pass, fail or "not run", for the files and for the golden rows."""

    url: str
    files: str = NOT_RUN
    golden: str = NOT_RUN
    count: int = 0  # of files that were fetched
    problems: tuple[str, ...] = ()  # what failed, or why nothing was run

    @property
    def failed(self) -> bool:
        """Something was seen to be wrong."""
        return FAIL in (self.files, self.golden)


class Unreachable(Exception):
    """There is no way to the server from here."""


class Fetcher:
    """GETs from one origin, a connection for each thread. Certificates are checked; redirects are not followed."""

    def __init__(self, url: str, patience: Patience) -> None:
        self._parts = urlsplit(url)
        self._folder = self._parts.path.rstrip("/")
        self._patience, self._local, self._stop = patience, threading.local(), threading.Event()

    def get(self, path: str, limit: int) -> tuple[str, int, dict[str, str], bytes]:
        """Return sha256, size, headers (names in small letters) and the first bytes of what the public gets."""
        connection = self._connection()
        try:
            connection.request(
                "GET", self._folder + quote(path), headers={"Accept-Encoding": "gzip", "User-Agent": "edgekit"}
            )
            reply = connection.getresponse()
            headers = {k.lower(): v for k, v in reply.getheaders()}
            if reply.status != 200:
                raise Passing(f"{path}: the server answers {reply.status}")
            unpack = zlib.decompressobj(31) if headers.get("content-encoding") == "gzip" else None
            digest, size, kept = hashlib.sha256(), 0, bytearray()
            while piece := reply.read(1 << 16):
                data = unpack.decompress(piece) if unpack else piece
                digest.update(data)
                size += len(data)
                if size <= limit:
                    kept += data
            return digest.hexdigest(), size, headers, bytes(kept)
        except (OSError, HTTPException, zlib.error) as error:
            self._drop()
            raise Passing(f"{path}: the connection broke ({type(error).__name__})") from None
        except Passing:
            self._drop()
            raise

    def check(self, path: str, expected: Blob | None, rules: Mapping[str, str], limit: int = 0) -> bytes:
        """Return the bytes of a file that is what it must be; CheckFailed where it is not, after several looks."""

        def look() -> bytes:
            digest, size, headers, data = self.get(path, limit)
            if expected is not None and (digest, size) != (expected.sha256, expected.size):
                raise Passing(f"{path}: other bytes than were published ({size:,}, sha256 {digest[:16]})")
            if wrong := header_problem(headers, rules):
                raise Passing(f"{path}: {wrong}")
            return data

        last: list[str] = []
        try:
            return persist(look, self._patience, self._stop, last.append)
        except CheckFailed:
            raise CheckFailed(last[-1]) from None

    def reach(self) -> None:
        """Raise Unreachable where no connection can be had."""
        try:
            self._connection().connect()
        except OSError as error:
            raise Unreachable(f"{self._parts.hostname} cannot be reached from here ({type(error).__name__})") from None
        finally:
            self._drop()

    def _connection(self) -> HTTPConnection:
        found: HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
            found = kind(str(self._parts.hostname), self._parts.port, timeout=self._patience.stall)
            self._local.connection = found
        return found

    def _drop(self) -> None:
        with suppress(Exception):
            self._local.connection.close()
        self._local.connection = None


def look(
    url: str, channels: Channels, page: Mapping[str, Blob], progress: Progress, patience: Patience = PATIENCE
) -> Seen:
    """Fetch everything that a model's visitors may get now, and predict the golden rows from there.

    Args:
        url: where the public reads the channel; "" where that is not known.
        channels: what was published. A bundle's files are held to its manifest, and the manifest to its id.
        page: the files of the page that are known here, by URL path.
        progress: told of the files.
        patience: how often something is looked at before it counts as wrong.
    """
    if not url:
        return Seen(url, problems=("the host does not say where the public reads it",))
    fetcher = Fetcher(url, patience)
    try:
        fetcher.reach()
        manifests, count, problems = _files(fetcher, channels, page, progress)
    except Unreachable as error:
        return Seen(url, problems=(str(error),))
    if problems:
        return Seen(url, FAIL, NOT_RUN, count, tuple(problems[:_MOST_PROBLEMS]))
    status, said = _golden(url, manifests, fetcher, progress)
    return Seen(url, PASS, status, count, said)


def header_problem(headers: Mapping[str, str], expected: Mapping[str, str]) -> str:
    """Say which header is not what it must be; names of `headers` are in small letters."""
    for name, wanted in expected.items():
        found = headers.get(name.lower(), "")
        if name == "Content-Type":
            if not _same_type(found, wanted):
                return f"the header {name} is {found or 'missing'!r}, it must be {wanted!r}"
        elif found != wanted:
            return f"the header {name} is {found or 'missing'!r}, it must be {wanted!r}"
    return ""


def _same_type(found: str, wanted: str) -> bool:
    names = [_TYPES.get(n, n) for n in (v.partition(";")[0].strip() for v in (found, wanted))]
    return names[0] == names[1] or names[1] in _UNKNOWN  # hosts have types of their own for endings few know


def _files(
    fetcher: Fetcher, channels: Channels, page: Mapping[str, Blob], progress: Progress
) -> tuple[dict[str, Manifest], int, list[str]]:
    root, rules = f"/{channels.name}/", published_rules(channels.name)
    todo: dict[str, Blob | None] = {**page, f"{root}channel.json": Blob.of(encode(channels))}
    manifests, problems = {}, []
    for bundle in (i for i in (channels.stable, channels.canary) if i):
        path = f"{root}bundles/{bundle}/{MANIFEST}"
        try:
            manifests[bundle] = decode_manifest(fetcher.check(path, None, headers_for(path, rules), _SMALL))
            if manifests[bundle].id != bundle:
                raise CheckFailed(f"{path}: it is the manifest of {manifests[bundle].id[:16]}")
        except (CheckFailed, InputError) as error:
            problems.append(str(error))
            continue
        files = manifests[bundle].files()
        todo |= {f"{root}bundles/{bundle}/{f.path}": Blob(b"", f.sha256, f.bytes) for f in files}
    total, done = len(todo), 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:

        def one(path: str) -> str:
            if len(problems) >= _MOST_PROBLEMS:
                return ""
            try:
                fetcher.check(path, todo[path], headers_for(path, rules))
            except CheckFailed as error:
                return str(error)
            return ""

        for problem in pool.map(one, todo):
            problems += [problem] if problem else []
            done += 1
            progress("fetching back", done, total)
    return manifests, total + len(manifests), problems


def _golden(
    url: str, manifests: Mapping[str, Manifest], fetcher: Fetcher, progress: Progress
) -> tuple[str, tuple[str, ...]]:
    """Predict the golden rows of each bundle in Chromium; return pass, fail or "not run", and what was wrong."""
    progress("golden rows in a browser", 0, 0)
    # Playwright wants a thread of its own: in a notebook this one has an event loop already.
    with ThreadPoolExecutor(1) as thread:
        try:
            problems = thread.submit(lambda: list(_in_browser(url, manifests, fetcher))).result()
        except NotAvailable as error:
            return NOT_RUN, (str(error),)
    return (FAIL, tuple(problems)) if problems else (PASS, ())


def _in_browser(url: str, manifests: Mapping[str, Manifest], fetcher: Fetcher) -> Iterator[str]:
    with chromium.Browser() as browser:
        for bundle, manifest in manifests.items():
            folder = f"{url}{manifest.name}/bundles/{bundle}/"
            path = f"/{manifest.name}/bundles/{bundle}/{manifest.golden.path}"
            rows = golden.decode(fetcher.check(path, None, {}, golden.MAX_BYTES))
            for target in (t for t in ("wasm", "tfjs") if t in manifest.targets):
                try:
                    outputs, runtime = _predict(browser, url, folder, target, rows.inputs)
                except CheckFailed as error:
                    yield f"{target} of {bundle[:16]} does not predict from {url}: {error}"
                    continue
                check = judge(Answer(target, None, runtime, outputs), manifest.targets[target], rows)
                if check.status != PASS:
                    yield f"{target} of {bundle[:16]} from {url}: {check.detail}"


#: Runs in the published page itself, under its own policy.
_SCRIPT = """({ folder, target, rows, width }) => {
  const done = (result) => { globalThis.edgekitSeen = result; document.documentElement.dataset.seen = 'yes'; };
  delete document.documentElement.dataset.seen;
  (async () => {
    const { load } = await import(`${folder}runtime/edgekit.js`);
    const model = await load(folder, { target, cache: false });
    const bytes = Uint8Array.from(atob(rows), (c) => c.charCodeAt(0));
    const inputs = new Float32Array(bytes.buffer);
    const outputs = [];
    for (let i = 0; i < inputs.length; i += width) {
      const answer = await model.predictArray(inputs.subarray(i, i + width));
      outputs.push(btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(answer).buffer))));
    }
    model.dispose();
    done({ outputs });
  })().catch((error) => done({ error: String(error?.message ?? error) }));
}"""


def _predict(
    browser: chromium.Browser, url: str, folder: str, target: str, rows: golden.Rows
) -> tuple[golden.Rows, str]:
    """Open the page, wait until it predicts, then ask the bundle for float32 [rows, outputs]."""
    page = folder.partition("bundles/")[0]
    with browser.page(url) as tab:
        try:
            tab.page.goto(page)
            tab.page.wait_for_selector("html[data-state=ready]", state="attached")
            packed = base64.b64encode(np.ascontiguousarray(rows, "<f4").tobytes()).decode()
            work: dict[str, Any] = {"folder": folder, "target": target, "rows": packed, "width": rows.shape[1]}
            tab.page.evaluate(_SCRIPT, work)
            tab.page.wait_for_selector("html[data-seen=yes]", state="attached")
            result = tab.page.evaluate("() => globalThis.edgekitSeen")
        except PlaywrightError as error:
            why = str(error).strip().splitlines()[0][:200]
            raise CheckFailed(f"{why} ({tab.complaint()})" if tab.complaints else why) from None
        if "error" in result:
            raise CheckFailed(result["error"])
        if tab.complaints:
            raise CheckFailed(f"the page complained: {tab.complaint()}")
        return _table(result["outputs"]), browser.name


def _table(answers: Sequence[str]) -> golden.Rows:
    raw = [base64.b64decode(answer) for answer in answers]
    if len({len(r) for r in raw}) != 1:
        raise CheckFailed("the rows have answers of different lengths")
    return np.frombuffer(b"".join(raw), "<f4").reshape(len(raw), -1)
