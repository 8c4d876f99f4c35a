"""Options that name a site, shared by the commands that publish, and how sizes and times are written."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from edgekit.cli.options import PATH
from edgekit.config_daily import parse_size
from edgekit.errors import InputError
from edgekit.publishing.credentials import find_credential
from edgekit.publishing.endpoint import check_endpoint, is_local
from edgekit.publishing.hosting_api import ENDPOINT, HostingApi
from edgekit.publishing.local_site import LocalSite
from edgekit.publishing.published import Seen
from edgekit.publishing.remote_config import ENDPOINT as REMOTE_ENDPOINT
from edgekit.publishing.remote_config import RemoteConfig
from edgekit.publishing.retries import Patience
from edgekit.publishing.site import Site

F = TypeVar("F", bound=Callable[..., Any])

LOCAL = "local"
#: The firebase CLI reads the same variable.
ENDPOINT_VARIABLE = "FIREBASE_HOSTING_API_URL"
REMOTE_VARIABLE = "FIREBASE_REMOTE_CONFIG_URL"
STALL_VARIABLE = "EDGEKIT_STALL_SECONDS"

_OPTIONS = (
    click.option("--site", "site_name", required=True, metavar="SITE", help="The site's name; local for a folder."),
    click.option(
        "--folder", type=PATH, default="hosting", show_default=True, help="Where the site local lies.", metavar="DIR"
    ),
    click.option(
        "--credentials", type=PATH, metavar="FILE", help="A service account's key or a workload identity file."
    ),
    click.option(
        "--endpoint", metavar="URL", help=f"Another API, for tests; else ${ENDPOINT_VARIABLE}, else Google's."
    ),
)


def site_options(command: F) -> F:
    """Add --site, --folder, --credentials and --endpoint, which `open_site` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def any_site_options(command: F) -> F:
    """Add the same options where a site need not be named: `site_name` is "" then."""
    named = click.option("--site", "site_name", default="", metavar="SITE", help="The site; else [run] site.")
    lies = click.option("--folder", type=PATH, metavar="DIR", help="Where the site local lies; else [run] folder.")
    for option in reversed((named, lies, *_OPTIONS[2:])):
        command = option(command)
    return command


def open_site(name: str, folder: Path, credentials: Path | None, endpoint: str | None) -> Site:
    """Return the site that the options name; nothing is asked of it yet."""
    if name == LOCAL:
        return LocalSite(folder)
    url = check_endpoint(endpoint or os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT)
    return HostingApi(name, find_credential(credentials, is_local(url)), url, patience())


def open_remote(wanted: bool, site_name: str, project: str | None, credentials: Path | None) -> RemoteConfig | None:
    """Return the Remote Config of the site's project where it is wanted; InputError where the project is not known."""
    if not wanted:
        return None
    if site_name == LOCAL:
        raise InputError("the site local has no project, so there is no Remote Config; leave out --remote-config")
    url = check_endpoint(os.environ.get(REMOTE_VARIABLE) or REMOTE_ENDPOINT)
    credential = find_credential(credentials, is_local(url))
    known = project or os.environ.get("GOOGLE_CLOUD_PROJECT") or credential.project
    if not known:
        raise InputError("Remote Config belongs to a project; name it with --project")
    return RemoteConfig(known, credential, url, patience())


def patience() -> Patience:
    """Return how long to wait; $EDGEKIT_STALL_SECONDS changes when a silent connection is given up."""
    text = os.environ.get(STALL_VARIABLE, "")
    try:
        return Patience(stall=float(text)) if text else Patience()
    except ValueError:
        raise InputError(f"${STALL_VARIABLE} is {text!r}; write a number of seconds") from None


def parse_bytes(text: str | None) -> int | None:
    """Read "200kB", "1.5 MB" or "4096"."""
    return None if text is None else parse_size(text)


def parse_life(text: str | None) -> int | None:
    """Read "7d", "12h" or "30m" as seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,5})([dhm])", text.strip())
    if match is None:
        raise InputError(f"{text!r} is no time; write it as 7d, 12h or 30m")
    return int(match[1]) * {"d": 86400, "h": 3600, "m": 60}[match[2]]


def say_seen(what: str, seen: Seen | None) -> None:
    """Print what came of looking at something that was published."""
    if seen is None:
        return
    click.echo(f"{what} {seen.url}: files {seen.files} ({seen.count}), golden rows in a browser {seen.golden}")
    say_all(seen.problems)


def say_all(lines: Sequence[str], most: int = 20) -> None:
    """Print lines, indented, and how many more there are."""
    for line in lines[:most]:
        click.echo(f"  {line}")
    if len(lines) > most:
        click.echo(f"  ... and {len(lines) - most} more")
