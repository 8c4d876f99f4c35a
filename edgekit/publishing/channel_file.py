"""channel.json: which bundle is stable, which is canary and for how many of a hundred; read by pages and apps."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgekit.errors import InputError
from edgekit.manifest import SHA256

FORMAT = "edgekit-channel/1"
NAME = "channel.json"


@dataclass(frozen=True)
class Channels:
    """The bundles of one published model, by id. `previous` are still there for open pages, newest first."""

    name: str
    stable: str | None = None
    canary: str | None = None
    percent: float = 0.0
    previous: tuple[str, ...] = ()

    def bundles(self) -> tuple[str, ...]:
        """Return the ids of all bundles that must be there, stable first."""
        return tuple(dict.fromkeys(i for i in (self.stable, self.canary, *self.previous) if i))

    def with_stable(self, bundle: str, keep: int) -> Channels:
        """Make a bundle stable; what was stable or canary becomes previous, of which `keep` are kept."""
        older = dict.fromkeys(i for i in (self.stable, self.canary, *self.previous) if i and i != bundle)
        return replace(self, stable=bundle, canary=None, percent=0.0, previous=tuple(older)[:keep])

    def with_canary(self, bundle: str, percent: float, keep: int) -> Channels:
        """Give a bundle to `percent` of a hundred installs; a canary before it becomes previous."""
        if self.stable is None:
            raise InputError(f"there is no stable bundle of {self.name} yet; publish one without --canary first")
        if self.stable == bundle:
            raise InputError(f"the bundle {bundle[:16]} is stable already; a canary must be another one")
        check_percent(percent)
        older = dict.fromkeys(i for i in (self.canary, *self.previous) if i and i != bundle)
        return replace(self, canary=bundle, percent=float(percent), previous=tuple(older)[:keep])

    def promoted(self, keep: int) -> Channels:
        """Make the canary stable."""
        return self.with_stable(self._canary(), keep)

    def aborted(self, keep: int) -> Channels:
        """Give the stable bundle to all; the canary becomes previous, for pages that run it."""
        older = (self._canary(), *self.previous)
        return replace(self, canary=None, percent=0.0, previous=older[:keep])

    def _canary(self) -> str:
        if self.canary is None:
            raise InputError(f"{self.name} has no canary; publish one with: edgekit publish BUNDLE --canary 10%")
        return self.canary

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; without a stable bundle there is nothing to write."""
        if self.stable is None:
            raise InputError(f"there is no stable bundle of {self.name}; publish one first")
        canary = {**_place(self.canary), "percent": self.percent} if self.canary else None
        previous = [_place(i) for i in self.previous]
        return {
            "format": FORMAT,
            "name": self.name,
            "stable": _place(self.stable),
            "canary": canary,
            "previous": previous,
        }


def encode(channels: Channels) -> bytes:
    """Return the bytes of channel.json."""
    return (json.dumps(channels.to_json(), indent=1, allow_nan=False) + "\n").encode()


def decode(raw: bytes) -> Channels:
    """Read channel.json; what is wrong is an InputError."""
    try:
        plain = json.loads(raw)
        if plain["format"] != FORMAT:
            raise InputError(f"channel.json has the format {plain['format']!r}, this edgekit reads {FORMAT}")
        canary = plain["canary"]
        found = Channels(
            plain["name"],
            plain["stable"]["id"],
            canary["id"] if canary else None,
            float(canary["percent"]) if canary else 0.0,
            tuple(p["id"] for p in plain["previous"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"channel.json cannot be read ({type(error).__name__}); publish again") from None
    if not all(isinstance(i, str) and SHA256.match(i) for i in found.bundles()):
        raise InputError("channel.json names a bundle that is no sha256; publish again")
    return found


def bucket(canary: str, install: str) -> float:
    """Return the place of an install in [0, 100) for a canary: it gets it where this is below the percentage.

    The first 4 bytes, big-endian, of sha256(utf8(canary id + ":" + install id)), divided by 2^32, times 100.
    """
    digest = hashlib.sha256(f"{canary}:{install}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * 100


def parse_percent(text: str) -> float:
    """Read "10%", "10" or "0.5%" as a number of a hundred; raises InputError."""
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f'the percentage {text!r} is not a number; write it as "10%"') from None
    check_percent(percent)
    return percent


def check_percent(percent: float) -> None:
    """Raise InputError for a percentage that is not in (0, 100]."""
    if not (math.isfinite(percent) and 0 < percent <= 100):
        raise InputError(f"{percent:g} % is not above 0 and at most 100; a canary needs some installs")


def resolve(prefixes: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the ids that begin with each prefix, in the order of the prefixes."""
    return tuple(dict.fromkeys(i for p in prefixes for i in known if i.startswith(p)))


def _place(bundle: str) -> dict[str, str]:
    return {"id": bundle, "path": f"bundles/{bundle}/"}
