"""The API's JSON for versions, releases and channels, read into values; see site.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.publishing.site import Channel, Release, Version


def last(name: str) -> str:
    """Return the last part of a resource's name: the rest comes with a project's id, its number, or neither."""
    return name.rpartition("/")[2]


def version_of(plain: Mapping[str, Any]) -> Version:
    """Read a Version."""
    return Version(
        last(plain["name"]),
        plain.get("status", ""),
        plain.get("config") or {},
        plain.get("labels") or {},
        plain.get("createTime", ""),
        int(plain.get("versionBytes") or 0),
    )


def release_of(plain: Mapping[str, Any]) -> Release:
    """Read a Release; its version is None where the site was switched off."""
    shown = plain.get("version")
    return Release(
        last(plain["name"]),
        version_of(shown) if shown and shown.get("name") else None,
        plain.get("message", ""),
        plain.get("type", ""),
        plain.get("releaseTime", ""),
    )


def channel_of(plain: Mapping[str, Any]) -> Channel:
    """Read a Channel."""
    url, shown = plain.get("url", ""), plain.get("release")
    return Channel(
        last(plain["name"]),
        f"{url.rstrip('/')}/" if url else "",
        release_of(shown) if shown and shown.get("name") else None,
        plain.get("expireTime", ""),
    )
