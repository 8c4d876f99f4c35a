"""What a hosting site is: versions made of files, channels that show one version, and the releases that say which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgekit.errors import CheckFailed, InputError

LIVE = "live"
CREATED, FINALIZED = "CREATED", "FINALIZED"
#: The label of every version that edgekit makes; the firebase CLI has its own value for the same key.
TOOL = {"deployment-tool": "edgekit"}


#: What a channel may be called: a part of a domain, and of a file name.
CHANNEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


class VersionLost(CheckFailed):
    """The version cannot be worked on any more: it was abandoned, deleted, or is in another state than expected."""


class ChannelQuota(CheckFailed):
    """The site has as many channels as it may have."""


def check_channel(name: str) -> str:
    """Return the name of a channel; InputError for one that cannot be."""
    if not CHANNEL.match(name):
        raise InputError(f"{name!r} is not the name of a channel; it has small letters, digits and - only")
    return name


@dataclass(frozen=True)
class Version:
    """A set of files and their configuration. States: CREATED, FINALIZED, ABANDONED, DELETED, EXPIRED, CLONING."""

    id: str
    status: str
    config: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""  # as the server says it, RFC 3339
    bytes: int = 0


@dataclass(frozen=True)
class Release:
    """That a channel shows a version from some moment on; `version` is None where the site was switched off."""

    id: str
    version: Version | None
    message: str = ""
    kind: str = "DEPLOY"
    time: str = ""


@dataclass(frozen=True)
class Channel:
    """An address that shows one version."""

    name: str
    url: str  # where the public reads it, with a slash at its end; "" where the site does not say
    release: Release | None
    expires: str = ""


@dataclass(frozen=True)
class Wanted:
    """What a version still lacks: sha256 of gzip bytes, and where to send them."""

    hashes: frozenset[str]
    url: str


class Body(Protocol):
    """Gzip bytes on their way to a site; may be read once."""

    def __len__(self) -> int:
        """How many bytes come."""
        ...

    def __iter__(self) -> Iterator[bytes]:
        """Give them, in pieces."""
        ...


class Site(Protocol):
    """What publishing asks of a host. Every method may raise CheckFailed, and NotAvailable for a credential.

    Methods that change something may be called again after a failure whose outcome is not known.
    """

    name: str
    address: str  # which API, or which folder

    def channel(self, name: str) -> Channel | None:
        """Return a channel with its newest release, None where there is no such channel."""
        ...

    def files(self, version: str) -> dict[str, str]:
        """Return URL path -> sha256 of gzip bytes of a finalized version."""
        ...

    def version(self, version: str) -> Version:
        """Return a version; VersionLost where there is none."""
        ...

    def create(self, labels: Mapping[str, str]) -> str:
        """Make an empty version in the state CREATED, return its id."""
        ...

    def populate(self, version: str, files: Mapping[str, str]) -> Wanted:
        """Say which files the version holds, return what has to be uploaded; VersionLost where it is not CREATED."""
        ...

    def upload(self, url: str, digest: str, body: Body) -> bool:
        """Send the gzip bytes of one file, in one try: raises retries.Passing where another one may succeed.

        False where the site's answer leaves open whether it has the file. VersionLost as in `populate`.
        """
        ...

    def finalize(self, version: str, config: Mapping[str, Any]) -> None:
        """Close the version; VersionLost where it lacks files or is not CREATED."""
        ...

    def release(self, channel: str, version: str, message: str) -> Release:
        """Show a finalized version on a channel, all at once."""
        ...

    def releases(self, channel: str, limit: int) -> list[Release]:
        """Return the releases of a channel, newest first."""
        ...

    def versions(self) -> list[Version]:
        """Return all versions that are not deleted, newest first."""
        ...

    def delete(self, version: str) -> None:
        """Delete a version that no channel shows; one that is gone already is no error."""
        ...

    def ensure_channel(self, name: str, ttl: int | None) -> Channel:
        """Make or keep a channel; `ttl` is how many seconds it lives from now, None for ever.

        ChannelQuota where the site may have no more.
        """
        ...

    def channels(self) -> list[Channel]:
        """Return all channels."""
        ...

    def delete_channel(self, name: str) -> None:
        """Delete a channel other than live; one that is gone already is no error."""
        ...

    def public(self, channel: Channel) -> AbstractContextManager[str]:
        """Give the address at which the public reads a channel, "" where it is not known, for a `with` block."""
        ...
