"""A hosting site in a folder: the same versions, channels and releases, so that publishing works without an account.

blobs/SHA256          a file, under the sha256 of its gzip bytes
versions/ID.json      status, labels, config, files (URL path -> sha256 of gzip bytes)
channels/NAME.json    expiry and releases, newest first
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, final

from edgekit.errors import CheckFailed, InputError
from edgekit.hosting import Settings, settings_of
from edgekit.publishing.site import (
    CREATED,
    FINALIZED,
    LIVE,
    Body,
    Channel,
    Release,
    Version,
    VersionLost,
    Wanted,
    check_channel,
)
from edgekit.server import Server

MARK = "edgekit-hosting.json"
_FORMAT = {"format": "edgekit-hosting/1"}


@final
class LocalSite:
    """A site in a folder; see site.Site. A process killed at any moment leaves the old state or the new one."""

    def __init__(self, folder: Path) -> None:
        """Use a folder that is one already, is empty or does not exist. Raises InputError for any other."""
        if not is_local_site(folder) and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} holds something else; choose an empty folder with --folder")
        self.name = "local"
        self.folder = folder.resolve()
        self.address = str(self.folder)

    def channel(self, name: str) -> Channel | None:
        plain = self._read(self._channel_file(name))
        if plain is None:
            return Channel(LIVE, "", None) if name == LIVE else None
        releases = [self._release(r) for r in plain["releases"][:1]]
        return Channel(name, "", releases[0] if releases else None, plain.get("expires", ""))

    def files(self, version: str) -> dict[str, str]:
        return dict(self._load(version)["files"])

    def version(self, version: str) -> Version:
        return _version(version, self._load(version))

    def create(self, labels: Mapping[str, str]) -> str:
        if not is_local_site(self.folder):
            _write(self.folder / MARK, _FORMAT)
        last = max((int(v.id.partition("-")[0]) for v in self.versions()), default=0)
        version = f"{last + 1:06d}-{secrets.token_hex(4)}"
        self._save(version, {"status": CREATED, "labels": dict(labels), "files": {}, "created": _now(), "config": {}})
        return version

    def populate(self, version: str, files: Mapping[str, str]) -> Wanted:
        plain = self._load(version, CREATED)
        plain["files"] |= files
        self._save(version, plain)
        missing = {d for d in files.values() if not self._blob(d).is_file()}
        return Wanted(frozenset(missing), str(self.folder / "blobs"))

    def upload(self, url: str, digest: str, body: Body) -> bool:
        folder = Path(url)
        folder.mkdir(parents=True, exist_ok=True)
        sha, unpack = hashlib.sha256(), zlib.decompressobj(31)
        handle, part = tempfile.mkstemp(prefix=".part-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in body:
                    sha.update(piece)
                    file.write(unpack.decompress(piece))
                file.flush()
                os.fsync(file.fileno())
            if sha.hexdigest() != digest or not unpack.eof:
                raise CheckFailed(f"the bytes of {digest[:16]} are not those that were announced; publish again")
            Path(part).chmod(0o644)
            os.replace(part, self._blob(digest))
            return True
        finally:
            with suppress(OSError):
                os.unlink(part)

    def finalize(self, version: str, config: Mapping[str, Any]) -> None:
        plain = self._load(version, CREATED)
        if not all(self._blob(digest).is_file() for digest in plain["files"].values()):
            raise VersionLost(f"the version {version} lacks files that were announced")
        self._save(version, {**plain, "status": FINALIZED, "config": dict(config)})

    def release(self, channel: str, version: str, message: str) -> Release:
        self._load(version, FINALIZED)
        plain = self._read(self._channel_file(channel)) or {"releases": [], "next": 1}
        number = plain["next"]
        made = {"id": f"{number:06d}", "version": version, "message": message, "time": _now()}
        made["kind"] = "ROLLBACK" if any(r["version"] == version for r in plain["releases"]) else "DEPLOY"
        _write(self._channel_file(channel), {**plain, "next": number + 1, "releases": [made, *plain["releases"]]})
        return self._release(made)

    def releases(self, channel: str, limit: int) -> list[Release]:
        plain = self._read(self._channel_file(channel)) or {"releases": []}
        return [self._release(r) for r in plain["releases"][:limit]]

    def versions(self) -> list[Version]:
        found = sorted((self.folder / "versions").glob("*.json"), reverse=True)
        return [_version(f.stem, plain) for f in found if (plain := self._read(f)) is not None]

    def delete(self, version: str) -> None:
        if any(c.release and c.release.version and c.release.version.id == version for c in self.channels()):
            raise CheckFailed(f"the version {version} is shown by a channel; nothing was deleted")
        with suppress(FileNotFoundError):
            (self.folder / "versions" / f"{version}.json").unlink()
        used = {d for v in self.versions() for d in self.files(v.id).values()}
        for blob in (self.folder / "blobs").glob("[0-9a-f]*"):
            if blob.name not in used:
                blob.unlink()

    def ensure_channel(self, name: str, ttl: int | None) -> Channel:
        plain = self._read(self._channel_file(name)) or {"releases": [], "next": 1}
        end = datetime.fromtimestamp(time.time() + ttl, timezone.utc).isoformat() if ttl else ""
        _write(self._channel_file(name), {**plain, "expires": end})
        made = self.channel(name)
        assert made is not None
        return made

    def channels(self) -> list[Channel]:
        names = {f.stem for f in (self.folder / "channels").glob("*.json")} | {LIVE}
        return [c for name in sorted(names) if (c := self.channel(name)) is not None]

    def delete_channel(self, name: str) -> None:
        if name == LIVE:
            raise InputError("the channel live cannot be deleted")
        with suppress(FileNotFoundError):
            self._channel_file(name).unlink()

    @contextmanager
    def public(self, channel: Channel) -> Iterator[str]:
        """Serve a channel while the block lasts; give its URL."""
        hosted = Hosted(self, channel.name)
        with Server(hosted, settings=hosted.settings) as server:
            yield server.url

    def blob(self, digest: str) -> Path:
        """Return where a file lies."""
        return self._blob(digest)

    def _blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest

    def _channel_file(self, name: str) -> Path:
        return self.folder / "channels" / f"{check_channel(name)}.json"

    def _release(self, plain: Mapping[str, Any]) -> Release:
        found = self._read(self.folder / "versions" / f"{plain['version']}.json")
        version = _version(plain["version"], found) if found else Version(plain["version"], "DELETED")
        return Release(plain["id"], version, plain["message"], plain["kind"], plain["time"])

    def _load(self, version: str, status: str = "") -> dict[str, Any]:
        plain = self._read(self.folder / "versions" / f"{version}.json")
        if plain is None:
            raise VersionLost(f"there is no version {version}")
        if status and plain["status"] != status:
            raise VersionLost(f"the version {version} is {plain['status']}, not {status}")
        return plain

    def _save(self, version: str, plain: Mapping[str, Any]) -> None:
        _write(self.folder / "versions" / f"{version}.json", plain)

    def _read(self, file: Path) -> dict[str, Any] | None:
        try:
            plain = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise InputError(f"{file} cannot be read ({type(error).__name__}); remove it or the whole folder") from None
        return dict(plain)


@final
class Hosted(Mapping[str, Path]):
    """URL path -> file of what a channel shows at this moment; follows every release."""

    def __init__(self, site: LocalSite, channel: str) -> None:
        """Raises InputError where the channel shows nothing."""
        self._site, self._channel = site, channel
        self._version, self._files, self._settings = "", dict[str, Path](), Settings()
        if not self._now():
            raise InputError(f"the channel {channel} of {site.folder} shows nothing yet; publish to it first")

    def settings(self) -> Settings:
        """Return the headers and redirects of the version that is shown."""
        self._now()
        return self._settings

    def __getitem__(self, path: str) -> Path:
        return self._now()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> dict[str, Path]:
        shown = self._site.channel(self._channel)
        version = shown.release.version if shown and shown.release else None
        if version is not None and version.id != self._version:
            files = {path: self._site.blob(d) for path, d in self._site.files(version.id).items()}
            pages = {path.removesuffix("index.html"): f for path, f in files.items() if path.endswith("/index.html")}
            moved = [(page.rstrip("/"), page, 301) for page in pages if page != "/"]
            shown_settings = settings_of(version.config)
            self._settings = Settings(shown_settings.rules, [*shown_settings.redirects, *moved])
            self._files, self._version = files | pages, version.id
        return self._files


def is_local_site(folder: Path) -> bool:
    """Tell whether a folder is a site that LocalSite made."""
    return (folder / MARK).is_file()


def _version(version: str, plain: Mapping[str, Any]) -> Version:
    return Version(version, plain["status"], plain["config"], plain["labels"], plain["created"])


def _write(file: Path, plain: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with part.open("w", encoding="utf-8") as out:
        json.dump(plain, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
