"""Firebase Hosting over its REST API, v1beta1: the dozen calls that publishing needs.

https://firebase.google.com/docs/reference/hosting/rest; every field used here is in the discovery document of
google-api-python-client (tests/test_hosting_contract.py).
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, final
from urllib.parse import quote

from edgekit import __version__
from edgekit.errors import CheckFailed, InputError, NotAvailable, missing_extra
from edgekit.publishing.api_values import channel_of, last, release_of, version_of
from edgekit.publishing.endpoint import check_endpoint, trusted
from edgekit.publishing.retries import PASSING, Passing, Patience, persist
from edgekit.publishing.site import (
    LIVE,
    Body,
    Channel,
    ChannelQuota,
    Release,
    Version,
    VersionLost,
    Wanted,
    check_channel,
)

try:
    import requests
except ImportError:
    requests = None  # type: ignore[assignment]

ENDPOINT = "https://firebasehosting.googleapis.com"
API = "v1beta1"
#: The names that the API takes for a site: a part of a domain.
SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_MAX_REPLY = 256 << 20
_SEND_BUFFER = 256 << 10
_HELP = {
    401: "the credential is not accepted; check it, and that the clock of this machine is right",
    403: "the credential may not do this; it needs the role Firebase Hosting Admin on the project of the site",
}


class Credential(Protocol):
    """What signs requests."""

    def headers(self) -> dict[str, str]:
        """Return the headers that carry the credential; NotAvailable where there is no valid one."""
        ...

    def renew(self) -> None:
        """Throw away a token that was not accepted."""
        ...


class ApiError(CheckFailed):
    """The API said no, for good."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.said = status, code, message
        super().__init__(f"hosting answers {status} {code}: {message}".replace("  ", " "))


@final
class HostingApi:
    """A site on Firebase Hosting; see site.Site. Safe to use from several threads."""

    def __init__(self, name: str, credential: Credential, endpoint: str = ENDPOINT, patience: Patience | None = None):
        """Prepare; nothing is sent yet. Raises InputError for a name or an endpoint that cannot be."""
        if requests is None:
            raise missing_extra("publishing to Firebase Hosting", "firebase")
        if not SITE.match(name):
            raise InputError(f"{name!r} is not the name of a site; it has small letters, digits and - only")
        self.name = name
        self.address = check_endpoint(endpoint)
        self.patience = patience or Patience()
        self.stop = threading.Event()
        self._root = f"{self.address}/{API}"
        self._site = f"{self._root}/sites/{name}"
        self._credential = credential
        self._local = threading.local()
        self._names: dict[str, str] = {}  # version id -> its name as the API says it

    def channel(self, name: str) -> Channel | None:
        try:
            plain = self._call("GET", f"{self._site}/channels/{_part(check_channel(name))}", needs="name")
        except ApiError as error:
            if error.status != 404:
                raise
            return self._nothing_live() if name == LIVE else None
        shown = plain.get("release", {}).get("version", {})
        if shown.get("name") and "config" not in shown:  # not every answer has all of a version
            shown |= self._on_version("GET", last(shown["name"]))
        if name == LIVE and self.address == ENDPOINT:
            plain.setdefault("url", f"https://{self.name}.web.app")
        return channel_of(plain)

    def files(self, version: str) -> dict[str, str]:
        url = f"{self._site}/versions/{_part(version)}/files"
        listed = self._list(url, "files", 1000)
        return {f["path"]: f["hash"] for f in listed if f.get("hash") and f.get("status", "ACTIVE") == "ACTIVE"}

    def version(self, version: str) -> Version:
        return version_of(self._on_version("GET", version))

    def create(self, labels: Mapping[str, str]) -> str:
        def made(_why: str) -> str | None:
            """Find the version of a try whose answer was lost: no other one has these labels."""
            found = [v for v in self.versions() if v.status == "CREATED" and v.labels == labels]
            return found[0].id if found else None

        body = {"status": "CREATED", "labels": dict(labels)}
        created = self._call("POST", f"{self._site}/versions", body, recover=made, needs="name")
        if isinstance(created, str):
            return created
        self._names[last(created["name"])] = created["name"]
        return last(created["name"])

    def populate(self, version: str, files: Mapping[str, str]) -> Wanted:
        names, wanted, url = list(files), set[str](), ""
        for start in range(0, len(names), 1000):
            batch = {path: files[path] for path in names[start : start + 1000]}
            reply = self._on_version("POST", version, ":populateFiles", {"files": batch})
            wanted.update(reply.get("uploadRequiredHashes", []))
            url = reply.get("uploadUrl", "") or url
        return Wanted(frozenset(wanted), url)

    def upload(self, url: str, digest: str, body: Body) -> bool:
        try:
            self._try("POST", f"{trusted(url, self.address)}/{digest}", body)
            return True
        except ApiError as error:
            if error.status == 409:  # it is there already, or on its way: a try whose answer was lost
                return False
            raise self._lost(error, "that is uploaded to") from None

    def finalize(self, version: str, config: Mapping[str, Any]) -> None:
        def closed(_why: str) -> dict[str, Any] | None:
            found = self._on_version("GET", version)
            return found if found.get("status") == "FINALIZED" else None

        body = {"status": "FINALIZED", "config": dict(config)}
        self._on_version("PATCH", version, "?updateMask=status,config", body, closed)

    def release(self, channel: str, version: str, message: str) -> Release:
        def made(_why: str) -> dict[str, Any] | None:
            """A try whose answer was lost may have released it."""
            url = f"{self._site}/channels/{_part(channel)}/releases?pageSize=1"
            newest = self._call("GET", url).get("releases", [])
            shows = newest and last(newest[0].get("version", {}).get("name", "")) == version
            return dict(newest[0]) if shows and newest[0].get("message", "") == message else None

        name = quote(self._names.get(version, f"sites/{self.name}/versions/{version}"), safe="")
        url = f"{self._site}/channels/{_part(channel)}/releases?versionName={name}"
        try:
            return release_of(self._call("POST", url, {"message": message}, recover=made, needs="name"))
        except ApiError as error:
            raise self._lost(error, version) from None

    def releases(self, channel: str, limit: int) -> list[Release]:
        url = f"{self._site}/channels/{_part(channel)}/releases"
        found = []
        for plain in self._list(url, "releases", min(100, limit)):
            found.append(release_of(plain))
            if len(found) == limit:
                break
        return found

    def versions(self) -> list[Version]:
        found = [version_of(v) for v in self._list(f"{self._site}/versions", "versions", 100)]
        return sorted((v for v in found if v.status not in ("DELETED", "EXPIRED")), key=lambda v: v.created)[::-1]

    def delete(self, version: str) -> None:
        self._delete(f"{self._site}/versions/{_part(version)}")

    def ensure_channel(self, name: str, ttl: int | None) -> Channel:
        life = {"ttl": f"{ttl}s"} if ttl else {}
        url = f"{self._site}/channels/{_part(check_channel(name))}?updateMask=ttl"
        try:
            try:
                return channel_of(self._call("PATCH", url, life, quota=True, needs="name"))
            except ApiError as error:
                if error.status != 404:
                    raise
            url = f"{self._site}/channels?channelId={_part(name)}"
            return channel_of(self._call("POST", url, life, quota=True, needs="name"))
        except ApiError as error:
            if error.status == 429:
                raise ChannelQuota(error.said) from None
            raise

    def channels(self) -> list[Channel]:
        return [channel_of(c) for c in self._list(f"{self._site}/channels", "channels", 100)]

    def delete_channel(self, name: str) -> None:
        self._delete(f"{self._site}/channels/{_part(name)}")

    @contextmanager
    def public(self, channel: Channel) -> Iterator[str]:
        yield channel.url

    def _delete(self, url: str) -> None:
        try:
            self._call("DELETE", url)
        except ApiError as error:
            if error.status != 404:
                raise

    def _on_version(
        self,
        method: str,
        version: str,
        more: str = "",
        body: Mapping[str, Any] | None = None,
        recover: Callable[[str], Any] | None = None,
    ) -> dict[str, Any]:
        try:
            return dict(self._call(method, f"{self._site}/versions/{_part(version)}{more}", body, recover=recover))
        except ApiError as error:
            raise self._lost(error, version) from None

    def _lost(self, error: ApiError, version: str) -> CheckFailed:
        if error.status == 404 or error.code == "FAILED_PRECONDITION":
            return VersionLost(f"the version {version} cannot be used: {error.said}")
        return error

    def _nothing_live(self) -> Channel:
        """Return the live channel of a site that never had a release; InputError where there is no such site."""
        try:
            self._call("GET", f"{self._site}/versions?pageSize=1")
        except ApiError as error:
            if error.status != 404:
                raise
            said = f"there is no site {self.name} that this credential may see; check --site ({error.said})"
            raise InputError(said) from None
        return Channel(LIVE, "", None)

    def _list(self, url: str, key: str, size: int) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            more = f"&pageToken={quote(token, safe='')}" if token else ""
            reply = self._call("GET", f"{url}?pageSize={size}{more}")
            yield from reply.get(key, [])
            previous, token = token, reply.get("nextPageToken", "")
            if not token or token == previous:
                return

    def _call(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        recover: Callable[[str], Any] | None = None,
        quota: bool = False,
        needs: str = "",
    ) -> Any:
        """Make a call until it is answered, with the field that it `needs`.

        `quota`: a 429 may mean that there is no room, and waiting is in vain.
        """

        def attempt() -> Any:
            try:
                plain = self._try(method, url, body)
                if needs and not isinstance(plain.get(needs), str):
                    raise Passing(f"the answer to {method} has no {needs}")
                return plain
            except Passing as error:
                if quota and "429" in error.why and "quota" in error.why.lower():
                    raise ApiError(429, "RESOURCE_EXHAUSTED", error.why) from None
                raise

        return persist(attempt, self.patience, self.stop, recover)

    def _try(self, method: str, url: str, body: Mapping[str, Any] | Body | None) -> Any:
        """Send one request and read the reply; a token that is not accepted is renewed once."""
        try:
            return self._send(method, url, body)
        except ApiError as error:
            if error.status == 401:
                self._credential.renew()
                try:
                    return self._send(method, url, body)
                except ApiError as again:
                    error = again
            if error.status in _HELP:
                raise NotAvailable(f"{_HELP[error.status]} ({error})") from None
            raise error from None

    def _send(self, method: str, url: str, body: Mapping[str, Any] | Body | None) -> Any:
        headers = {**self._credential.headers(), "User-Agent": f"edgekit/{__version__}"}
        content: dict[str, Any] = {"json": body} if isinstance(body, Mapping) else {}
        if body is not None and not isinstance(body, Mapping):
            content, headers = {"data": body}, {**headers, "Content-Type": "application/octet-stream"}
        try:
            with self._session().request(
                method,
                url,
                headers=headers,
                timeout=(self.patience.stall, self.patience.stall),
                allow_redirects=False,
                stream=True,
                **content,
            ) as reply:
                return _read(reply, is_json="data" not in content)
        except requests.RequestException as error:
            # What is left of a connection that broke in the middle must not be used again.
            self._local.session = None
            raise Passing(_why(error)) from None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.auth = _leave  # else a .netrc would replace the credential
            for scheme in ("https://", "http://"):
                session.mount(scheme, _adapter())
        return session


def _adapter() -> requests.adapters.HTTPAdapter:
    """Return an adapter whose sockets buffer little: what the kernel holds looks sent, and a stall is seen late."""
    adapter = requests.adapters.HTTPAdapter()
    buffer = (socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    adapter.init_poolmanager(1, 1, socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), buffer])
    return adapter


def _leave(request: Any) -> Any:
    return request


def _read(reply: requests.Response, is_json: bool) -> Any:
    """Return the JSON of a reply, {} where none is expected; raises Passing or ApiError."""
    data = bytearray()
    for piece in reply.iter_content(1 << 16):
        data += piece
        if len(data) > _MAX_REPLY:
            raise CheckFailed(f"hosting answers with more than {_MAX_REPLY:,} bytes; giving up")
    try:
        plain = json.loads(bytes(data)) if data.strip() else {}
    except ValueError:
        plain = None
    if reply.status_code < 300:
        if not is_json or isinstance(plain, dict):
            return plain if is_json else {}
        raise Passing(f"the answer to {reply.request.method} is not JSON")
    error = plain.get("error", {}) if isinstance(plain, dict) else {}
    error = error if isinstance(error, dict) else {"message": error}
    code, said = str(error.get("status", "")), " ".join(str(error.get("message", reply.reason)).split())[:300]
    if reply.status_code in PASSING:
        raise Passing(f"{reply.status_code} {code} {said}".strip(), _wait(reply.headers.get("Retry-After", "")))
    raise ApiError(reply.status_code, code, said)


def _wait(header: str) -> float:
    """Return the seconds of a Retry-After header; a date is not trusted, since clocks differ."""
    return float(header) if re.fullmatch(r"\d{1,6}", header) else 0.0


def _why(error: Exception) -> str:
    name = type(error).__name__
    words = {"ReadTimeout": "no byte came in time", "ConnectTimeout": "no connection in time"}
    return words.get(name, f"the connection broke ({name})")


def _part(name: str) -> str:
    return quote(name, safe="")
