"""What a phone and the server of `bench serve` say to each other: the messages, and what of them is believed. Pure.

A phone sends JSON only: /api/join once, then /api/next and /api/result in turn. Work is numbered; the server gives a
number out again, as another attempt, until it has the result. A result that comes twice counts once.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from edgekit.bench import visits
from edgekit.bench.measures import MEASURES
from edgekit.bench.records import Device, Visit
from edgekit.errors import InputError
from edgekit.plain import read

T = TypeVar("T")
Rows = npt.NDArray[np.float32]

VISIT, ANSWERS = "visit", "answers"
#: Of a message without answers; see `limit`.
MAX_BYTES = 256 << 10
#: More than any value in its unit: a day in us, ten terabytes.
MAX_VALUE = 1e13
NEEDED = ("cold", "load")
_MAX_TEXT, _MAX_ITEMS = 300, 32
_KEY = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class About:
    """What a browser says it is; `describeDevice` of templates/bench/measure.js makes it."""

    agent: str
    system: str = ""
    processors: int = 0
    features: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Join:
    """The first message. key: 64 hex digits that the phone chose; they are its secret from then on."""

    device: About
    token: str = ""
    key: str = ""


@dataclass(frozen=True)
class Next:
    """Asks for work; tab is the number that joining gave."""

    tab: int


@dataclass(frozen=True)
class Result:
    """What came of an attempt: a visit's values and calls; or outputs, float32 as base64; or `failed`."""

    tab: int
    work: int
    attempt: int
    id: str = ""
    target: str = ""
    build: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    calls: tuple[float, ...] = ()
    outputs: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)
    failed: str = ""
    unfit: bool = False


@dataclass(frozen=True)
class Work:
    """What the phone is to do: a visit, or the answers to as many rows as `shape` says, [rows, outputs]."""

    kind: str
    bundle_id: str
    target: str
    build: str = ""
    threads: int = 0  # 0: as many as the runtime takes by itself
    shape: tuple[int, int] = (0, 0)

    @property
    def limit(self) -> int:
        """Bytes that its result may have."""
        return MAX_BYTES + (self.shape[0] * self.shape[1] * 4 + 2) // 3 * 4


def parse(cls: type[T], raw: bytes, where: str) -> T:
    """Read a message; `where` begins the sentence of the InputError: "the result"."""
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_int=_whole)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise InputError(f"{where} is not JSON with finite numbers") from None
    message = read(cls, found, where)
    if isinstance(message, Join):
        _check_about(message.device, where)
        if message.key and not _KEY.match(message.key):
            raise InputError(f"{where}: key must be 64 hex digits")
    if isinstance(message, Result):
        check_texts(message.hints, f"{where}: hints")
    return message


def visit_of(result: Result, work: Work) -> Visit:
    """Return what a result says of a visit. Raises InputError where it says anything impossible."""
    _check_subject(result, work)
    if result.outputs:
        raise InputError("the result: a visit has no outputs")
    for name in NEEDED:
        if name not in result.values:
            raise InputError(f"the result: values lacks {name!r}")
    for name, value in result.values.items():
        if name not in MEASURES:
            raise InputError(f"the result: values: unknown measure {name[:40]!r}")
        _check_number(value, f"values.{name}")
    if not 1 <= len(result.calls) <= visits.MAX_CALLS:
        raise InputError(f"the result: calls must be 1 to {visits.MAX_CALLS} numbers, not {len(result.calls)}")
    for i, value in enumerate(result.calls):
        _check_number(value, f"calls[{i}]")
    return visits.visit_of(result.values, result.calls)


def answers_of(result: Result, work: Work) -> Rows:
    """Return the outputs of a result, float32 [rows, outputs]; NaN and infinity are answers too. Raises InputError."""
    _check_subject(result, work)
    if result.values or result.calls:
        raise InputError("the result: answers have no values and no calls")
    try:
        raw = base64.b64decode(result.outputs, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("the result: outputs must be base64") from None
    rows, outputs = work.shape
    if len(raw) != rows * outputs * 4:
        raise InputError(
            f"the result: outputs must be {rows} rows of {outputs} float32 ({rows * outputs * 4} bytes), "
            f"not {len(raw)} bytes"
        )
    return np.frombuffer(raw, "<f4").reshape(work.shape).astype(np.float32)


def device_of(about: About, conditions: Mapping[str, str]) -> Device:
    """Return the fingerprint of a phone by what its browser says of itself."""
    runtime, system = browser_of(about.agent)
    return Device(
        runtime,
        about.system or system,
        processors=about.processors,
        features=tuple(sorted(set(about.features))),
        conditions=dict(conditions),
        hints=dict(about.hints),
    )


#: The first one that an agent names: the browsers built on others come first.
_BROWSERS = (
    ("SamsungBrowser", "Samsung Internet"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("FxiOS", "Firefox (iOS)"),
    ("CriOS", "Chrome (iOS)"),
    ("Firefox", "Firefox"),
    ("HeadlessChrome", "Chromium"),
    ("Chrome", "Chrome"),
    ("Version", "Safari"),
)


def browser_of(agent: str) -> tuple[str, str]:
    """Return a browser with its version, and its system, of a User-Agent; what is not there is "unknown"."""
    system = re.search(r"\(([^()]*)\)", agent)
    for mark, name in _BROWSERS:
        if version := re.search(rf"\b{mark}/([\w.]+)", agent):
            return f"{name} {version[1]}", system[1] if system else "unknown"
    return "unknown browser", system[1] if system else "unknown"


def _check_subject(result: Result, work: Work) -> None:
    if result.id != work.bundle_id:
        raise InputError(f"the result is of the bundle {result.id[:64]!r}, the work was {work.bundle_id!r}")
    if result.target != work.target:
        raise InputError(f"the result is of the target {result.target[:40]!r}, the work was {work.target!r}")
    if work.build and result.build != work.build:
        raise InputError(f"the result is of the build {(result.build or '')[:40]!r}, the work was {work.build!r}")
    check_texts({"build": result.build or ""}, "the result")


def _check_number(value: float, what: str) -> None:
    if not 0 <= value <= MAX_VALUE:  # false for NaN too
        raise InputError(f"the result: {what} must be a number from 0 to {MAX_VALUE:g}, not {value!r}")


def _check_about(about: About, where: str) -> None:
    check_texts({"agent": about.agent, "system": about.system}, f"{where}: device")
    check_texts({str(i): text for i, text in enumerate(about.features)}, f"{where}: device: features")
    check_texts(about.hints, f"{where}: device: hints")
    if not 0 <= about.processors <= 1024:
        raise InputError(f"{where}: device: processors must be 0 to 1024, not {about.processors}")


def check_texts(texts: Mapping[str, str], where: str) -> None:
    """Refuse what would fill a record or steer a terminal."""
    if len(texts) > _MAX_ITEMS:
        raise InputError(f"{where} has {len(texts)} texts, more than {_MAX_ITEMS}")
    for name, text in texts.items():
        if len(name) > _MAX_TEXT or len(text) > _MAX_TEXT or not (name + text).isprintable():
            raise InputError(f"{where}: {name[:40]!r} must be printable and at most {_MAX_TEXT} characters")


def _whole(text: str) -> Any:
    return int(text) if len(text) < 19 else float(text)  # too many digits would take long


def _no_constant(name: str) -> None:
    raise ValueError(name)
