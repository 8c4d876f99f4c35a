"""Send many files at once: as many as the link and the server like, found out while sending."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from edgekit.errors import CheckFailed
from edgekit.progress import Progress
from edgekit.publishing.packing import GzipBody
from edgekit.publishing.plan import Local
from edgekit.publishing.retries import Patience, Stopped, persist
from edgekit.publishing.site import Body, Site

FIRST, MOST = 4, 32
_GAIN = 1.1  # more at once must bring so much more, or the link is full


class Gate:
    """How many uploads may run: two more as long as that makes all together faster, half after a failure."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open = threading.Condition()
        self._busy, self.limit = 0, FIRST
        self._since, self._bytes, self._done = clock(), 0, 0
        self._best = 0.0

    def __enter__(self) -> Gate:
        with self._open:
            self._open.wait_for(lambda: self._busy < self.limit)
            self._busy += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._open:
            self._busy -= 1
            self._open.notify_all()

    def succeeded(self, size: int) -> None:
        """Count a file that arrived."""
        with self._open:
            self._bytes, self._done = self._bytes + size + 1000, self._done + 1  # a request costs time too
            if self._done < 2 * self.limit:
                return
            rate = self._bytes / max(self._clock() - self._since, 1e-6)
            if rate > self._best * _GAIN:
                self._best, self.limit = rate, min(MOST, self.limit + 2)
                self._open.notify_all()
            self._begin()

    def failed(self) -> None:
        """Make room: fewer at once, and measure anew."""
        with self._open:
            self.limit, self._best = max(1, self.limit // 2), 0.0
            self._begin()

    def _begin(self) -> None:
        self._since, self._bytes, self._done = self._clock(), 0, 0


@dataclass(frozen=True)
class Sent:
    """What was sent. Where `doubtful`, a try failed or was answered oddly, and the site must be asked what it has."""

    files: int
    bytes: int
    doubtful: bool
    at_once: int  # how many at the end


class _Counted:
    """A body that stops when the work was called off."""

    def __init__(self, body: Body, stop: threading.Event) -> None:
        self._body, self._stop = body, stop

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            if self._stop.is_set():
                raise Stopped
            yield piece


class Uploads:
    """One run of uploads to one version."""

    def __init__(self, site: Site, url: str, patience: Patience, progress: Progress) -> None:
        self._site, self._url, self._patience, self._progress = site, url, patience, progress
        self._gate, self._stop, self._lock = Gate(), threading.Event(), threading.Lock()
        self._done = self._bytes = self._total = 0
        self._doubtful = False

    def send(self, files: Mapping[str, Local]) -> Sent:
        """Send all files, by gzip sha256; the first failure that does not pass ends the others and is raised."""
        self._total = sum(item.packed.size for item in files.values())
        self._progress("uploading", 0, self._total)
        pool = ThreadPoolExecutor(min(MOST, max(1, len(files))))
        try:
            waiting = [pool.submit(self._one, digest, item) for digest, item in files.items()]
            done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
            failed = [e for f in done if (e := f.exception()) is not None and not isinstance(e, Stopped)]
            if failed:
                raise failed[0]
        finally:  # an interrupt arrives here too
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        return Sent(self._done, self._bytes, self._doubtful, self._gate.limit)

    def _one(self, digest: str, item: Local) -> None:
        def attempt() -> None:
            with self._gate:
                body = GzipBody(item.blob)
                if not self._site.upload(self._url, digest, _Counted(body, self._stop)):
                    self._doubtful = True
                self._gate.succeeded(len(body))

        def failed(_why: str) -> None:
            self._doubtful = True
            self._gate.failed()

        try:
            persist(attempt, self._patience, self._stop, failed)
        except OSError as error:
            raise CheckFailed(f"{item.blob.source!s} cannot be read: {error.strerror}; publish again") from None
        with self._lock:
            self._done, self._bytes = self._done + 1, self._bytes + item.packed.size
            self._progress("uploading", self._bytes, self._total)
