"""Where `bench serve` listens, and the address that a phone opens."""

from __future__ import annotations

import ipaddress
import secrets
import socket

from edgekit.errors import InputError

LOOPBACK = "127.0.0.1"
_ELSEWHERE = ("192.0.2.1", 9)  # an address for documentation (RFC 5737): a route to it is looked up, nothing is sent


def new_token() -> str:
    """Return a secret of 128 bits, safe in an address."""
    return secrets.token_urlsafe(16)


def lan_address() -> str:
    """Return this machine's address on the network that its default route leads to. Raises InputError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            found = str(probe.getsockname()[0])
        except OSError:
            found = ""
    if not found or ipaddress.ip_address(found).is_loopback or ipaddress.ip_address(found).is_unspecified:
        raise InputError("this machine has no address on a network; give the one that the phone reaches with --host")
    return found


def page_address(host: str, port: int, token: str) -> str:
    """Return what the phone opens; the token stands behind #, which browsers do not send."""
    try:
        is_any = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        is_any = False
    name = lan_address() if is_any else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/#{token}"


def is_secure(host: str) -> bool:
    """Tell whether browsers trust plain http at this address: threads, a fine clock, Wake Lock."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
