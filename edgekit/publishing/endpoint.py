"""Where a credential may go: Google's addresses over https, or a server on this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from edgekit.errors import CheckFailed, InputError


def check_endpoint(url: str) -> str:
    """Return an API's address without a slash at its end; a credential goes over https, or stays on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return url.rstrip("/")
    raise InputError(f"the endpoint {url!r} is neither https nor on this machine; a credential would be readable")


def is_local(url: str) -> bool:
    """Tell whether an address is a server on this machine, such as a test or an emulator."""
    return _is_loopback(urlsplit(url).hostname or "")


def trusted(url: str, endpoint: str) -> str:
    """Return an upload URL that may get the credential: Google's, or of the same machine as the endpoint."""
    given, own = urlsplit(url), urlsplit(endpoint)
    host = given.hostname or ""
    google = given.scheme == "https" and host.endswith(".googleapis.com")
    same = given.scheme == own.scheme and host == own.hostname
    if google or same or (_is_loopback(host) and _is_loopback(own.hostname or "")):
        return url.rstrip("/")
    raise CheckFailed(f"hosting names {given.scheme}://{host} for uploads, which is not its own; nothing is sent")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
