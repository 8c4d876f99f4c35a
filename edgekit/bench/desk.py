"""Where the loop of a session lays work and a phone takes it: one device, one piece of work at a time."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from edgekit.bench.remote_protocol import About, Join, Next, Result, Work
from edgekit.errors import CheckFailed, InputError, NotAvailable, UnfitBuild
from edgekit.plain import plain

#: Seconds that a phone's question for work is held before it hears that there is none yet.
POLL = 8.0
#: Attempts at one piece of work before the connection is given up.
MAX_ATTEMPTS = 8
_CLEAN_CHECKS = 0.25
_BROKEN = "the connection broke off while it ran"
DONE, STOPPED = "done", "stopped"


class Denied(Exception):
    """A request that is not answered: an HTTP status and one sentence."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Seconds: for the token to be used, and without a word of the phone."""

    expires: float = 600.0
    patience: float = 180.0


@dataclass
class _Task:
    """The work on the desk. Every attempt has addresses of its own, so that nothing of another one can be cached."""

    number: int
    work: Work
    accept: Callable[[Result], Any]
    attempt: int = 0
    asked: set[str] = field(default_factory=set)
    broken: str = ""
    outcome: Any = None
    error: Exception | None = None
    is_over: bool = False


class Desk:
    """Shared by the loop, which calls `do`, and the threads of the server, which speak for the phone."""

    def __init__(self, token: str, limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Wait for the one device that knows `token`."""
        self._token = _digest(token)
        self._key = b""  # of the secret that the device chose; "" until one has joined
        self._limits = limits or Limits()
        self._clock = clock
        self._begun = self._seen = clock()
        self._changed = threading.Condition()
        self._about: About | None = None
        self._tab = 0
        self._number = 0
        self._task: _Task | None = None
        self._progress: Mapping[str, Any] = {}
        self._end: Mapping[str, Any] | None = None
        self._was_told = False

    # What the phone does.

    def join(self, message: Join, cookie: str) -> tuple[str, dict[str, Any]]:
        """Bind the first device that has the token, or know it again; return its secret and the answer.

        Raises Denied for every other device, and once the token is too old.
        """
        with self._changed:
            if self._key:
                key = next((k for k in (cookie, message.key) if self._knows(k)), "")
                if not key:
                    raise Denied(HTTPStatus.FORBIDDEN, "another device has this session; start bench serve again")
            else:
                if not hmac.compare_digest(_digest(message.token), self._token):
                    raise Denied(HTTPStatus.FORBIDDEN, "this is not the token of this session; scan the code again")
                if self._clock() - self._begun > self._limits.expires:
                    raise Denied(HTTPStatus.GONE, "the token is too old; start bench serve again")
                if not message.key:
                    raise Denied(HTTPStatus.BAD_REQUEST, "a device joins with a key")
                key, self._key = message.key, _digest(message.key)
            self._about = self._about or message.device
            self._seen = self._clock()
            self._tab += 1
            self._changed.notify_all()
            return key, {"tab": self._tab, "resumed": self._tab > 1}

    def requires(self, cookie: str) -> None:
        """Let the device of this session in, and nobody else."""
        if not self._key or not self._knows(cookie):
            raise Denied(HTTPStatus.FORBIDDEN, "this is for the device of the session")
        self._seen = self._clock()

    def ask(self, message: Next) -> dict[str, Any]:
        """Give out the work that is there, waiting some seconds for it; each time as a new attempt."""
        until = self._clock() + POLL
        with self._changed:
            self._requires_tab(message.tab)
            while not self._end and (self._task is None or self._task.is_over):
                if (left := until - self._clock()) <= 0:
                    return {"state": "wait", "progress": self._progress}
                self._changed.wait(min(left, _CLEAN_CHECKS))
                self._requires_tab(message.tab)
            if self._end:
                return dict(self._end)
            assert self._task is not None
            return self._give_out(self._task)

    def was_told(self) -> None:
        """Note that the end has been sent to the phone."""
        with self._changed:
            self._was_told = self._end is not None
            self._changed.notify_all()

    def answer(self, result: Result) -> dict[str, Any]:
        """Take a result. One that was taken before is not counted again; InputError for one that cannot be believed."""
        with self._changed:
            self._requires_tab(result.tab)
            task = self._task
            if result.work > self._number or result.work < 1:
                raise Denied(HTTPStatus.CONFLICT, "there is no such work")
            if task is None or result.work < task.number or task.is_over:
                return {"counted": False, "why": "it was counted before"}
            if result.attempt != task.attempt:
                return {"counted": False, "why": "a later attempt is under way"}
            if task.broken and not result.unfit:
                return {"counted": False, "why": task.broken}
            if result.failed:
                kind = UnfitBuild if result.unfit else CheckFailed
                task.error = kind(f"the phone could not run it: {result.failed[:300]}")
            else:
                self._accept(task, result)
            task.is_over = True
            self._changed.notify_all()
            return {"counted": True}

    def under_way(self, number: int, attempt: int) -> Work:
        """Return the work of an attempt; Denied unless it is the one under way."""
        with self._changed:
            task = self._task
            if task is None or task.is_over or (number, attempt) != (task.number, task.attempt):
                raise Denied(HTTPStatus.NOT_FOUND, "that attempt is over")
            return task.work

    def asked(self, number: int, attempt: int, path: str) -> None:
        """Note that a file is asked for. Twice in one attempt is a connection that broke, and a try that follows."""
        with self._changed:
            if self._task and (number, attempt) == (self._task.number, self._task.attempt):
                if path in self._task.asked:
                    self._task.broken = _BROKEN
                self._task.asked.add(path)

    def broke(self, number: int, attempt: int) -> None:
        """Note that an answer could not be sent whole: what that attempt measured is not counted."""
        with self._changed:
            if self._task and (number, attempt) == (self._task.number, self._task.attempt):
                self._task.broken = _BROKEN

    @property
    def limit(self) -> int:
        """Bytes that the next result may have."""
        task = self._task
        return task.work.limit if task else 0

    # What the loop does.

    def device(self) -> About:
        """Wait for a device to join. Raises NotAvailable when the token has expired."""
        with self._changed:
            while self._about is None:
                if self._clock() - self._begun > self._limits.expires:
                    raise NotAvailable(
                        f"no device opened the page within {self._limits.expires:g} s; start again and scan the code"
                    )
                self._changed.wait(_CLEAN_CHECKS)
            return self._about

    def do(self, work: Work, accept: Callable[[Result], Any]) -> Any:
        """Have the phone do a piece of work; `accept` makes what is returned of a result, or raises InputError.

        Raises NotAvailable when nothing is heard of the phone, CheckFailed when it says that the work failed.
        """
        with self._changed:
            self._number += 1
            task = self._task = _Task(self._number, work, accept)
            self._seen = max(self._seen, self._clock())
            self._changed.notify_all()
            while not task.is_over:
                if self._clock() - self._seen > self._limits.patience:
                    raise NotAvailable(
                        f"the phone was not heard of for {self._limits.patience:g} s; "
                        "keep its screen on and the page in front"
                    )
                if task.attempt > MAX_ATTEMPTS:
                    raise NotAvailable(f"the connection broke in {MAX_ATTEMPTS} attempts; move the phone closer")
                self._changed.wait(_CLEAN_CHECKS)
            if task.error:
                raise task.error
            return task.outcome

    def tell(self, what: str, done: int, total: int) -> None:
        """Pass progress on to the phone: a `Progress`."""
        with self._changed:
            self._progress = {"what": what, "done": done, "total": total}

    def finish(self, end: Mapping[str, Any], seconds: float) -> bool:
        """Tell the phone how it ended, and wait until it has heard; whether it has."""
        with self._changed:
            self._end = plain(end)
            self._changed.notify_all()
            if self._about is None:
                return False
            return self._changed.wait_for(lambda: self._was_told, seconds)

    def _accept(self, task: _Task, result: Result) -> None:
        try:
            task.outcome = task.accept(result)
        except InputError as error:  # asking for it once more would bring the same
            task.error = CheckFailed(f"the phone sent what cannot be: {error}")
            task.is_over = True
            self._changed.notify_all()
            raise

    def _give_out(self, task: _Task) -> dict[str, Any]:
        task.attempt += 1
        task.asked, task.broken = set(), ""
        self._changed.notify_all()
        place = f"v/{task.number}-{task.attempt}/"
        asked = {name: getattr(task.work, name) for name in ("kind", "target", "build", "threads")}
        numbers = {"work": task.number, "attempt": task.attempt}
        return {"state": "work", **numbers, **asked, "place": place, "progress": self._progress}

    def _knows(self, key: str) -> bool:
        return hmac.compare_digest(_digest(key), self._key)

    def _requires_tab(self, tab: int) -> None:
        if tab != self._tab:
            raise Denied(HTTPStatus.CONFLICT, "the session goes on in another tab")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
