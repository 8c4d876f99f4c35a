"""A Firebase Hosting that runs here: the whole state machine of its API, what the public gets, and faults on demand.

It speaks what the firebase CLI speaks (tests/test_firebase_cli.py deploys to it) and what the discovery document
describes (tests/test_hosting_contract.py). It cannot show what Google's server enforces beyond that.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Fault = str  # reset | truncate | 429 | 500 | 503 | stall | lost


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    body: Any
    size: int
    headers: dict[str, str]

    @property
    def is_public(self) -> bool:
        return self.path.startswith("/public/")

    @property
    def is_upload(self) -> bool:
        return self.path.startswith("/upload/")


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message


@dataclass
class FakeHosting:
    """One project with its sites. `faults` maps the number of an API request to what goes wrong with it."""

    site: str = "my-site"
    spelled: str = "sites"  # how names are spelled in answers: "projects/123/sites" is the other way
    page_size: int = 1000
    max_channels: int = 50
    needs_token: str = ""
    stall: float = 1.5
    tamper: Callable[[str, bytes], bytes] | None = None  # what the public gets instead
    headers: dict[str, str | None] = field(default_factory=dict)  # that the public gets instead
    blobs: dict[str, bytes] = field(default_factory=dict)  # gzip sha256 -> decoded
    keep_blobs: bool = True
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    faults: dict[int, Fault] = field(default_factory=dict)
    before: Callable[[Request], None] | None = None  # called with every API request, before it is done
    url: str = ""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.count = 0
        self.clock = 0
        self.channels["live"] = {"releases": []}

    def api_requests(self) -> list[Request]:
        return [r for r in self.requests if not r.is_public]

    def uploads(self) -> list[Request]:
        return [r for r in self.requests if r.is_upload]

    def live(self) -> dict[str, bytes]:
        """Return what the public gets on live: URL path -> bytes."""
        return self.files_of(self.shown("live"))

    def shown(self, channel: str) -> str:
        releases = self.channels[channel]["releases"]
        return releases[0]["version"] if releases else ""

    def files_of(self, version: str) -> dict[str, bytes]:
        if not version:
            return {}
        return {path: self.blobs[digest] for path, digest in self.versions[version]["files"].items()}

    def time(self) -> str:
        self.clock += 1
        return f"2026-01-01T{self.clock // 3600:02d}:{self.clock // 60 % 60:02d}:{self.clock % 60:02d}Z"

    # The API, one method for each route. Each returns the reply.

    def answer(self, request: Request) -> dict[str, Any]:
        path = re.sub(r"^/(v1beta1|v1)/projects/[^/]+/(?=sites/)", r"/\1/", request.path)
        for method, pattern, act in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                return act(self, request, *[unquote(g) for g in match.groups()])
        raise Refusal(404, "NOT_FOUND", f"no route for {request.method} {path}")

    def check_site(self, site: str) -> None:
        if site != self.site:
            raise Refusal(404, "NOT_FOUND", f"Requested entity was not found: {site}")

    def name(self, kind: str, identity: str) -> str:
        return f"{self.spelled}/{self.site}/{kind}/{identity}"

    def get_site(self, request: Request, site: str) -> dict[str, Any]:
        self.check_site(site)
        return {"name": f"{self.spelled}/{site}", "defaultUrl": f"{self.url}/public/live", "type": "DEFAULT_SITE"}

    def create_version(self, request: Request, site: str) -> dict[str, Any]:
        self.check_site(site)
        identity = f"v{len(self.versions) + 1}"
        body = request.body
        assert set(body) <= {"status", "labels", "config"}
        assert body.get("status", "CREATED") == "CREATED"
        self.versions[identity] = {
            "status": "CREATED", "labels": body.get("labels", {}), "files": {}, "config": {}, "time": self.time(),
        }  # fmt: skip
        return self.version_json(identity)

    def version_json(self, identity: str) -> dict[str, Any]:
        found = self.versions[identity]
        plain = {"name": self.name("versions", identity), "status": found["status"], "config": found["config"]}
        size = sum(len(self.blobs.get(d, b"")) for d in found["files"].values())
        counts = {"fileCount": str(len(found["files"])), "versionBytes": str(size)}
        return plain | {"labels": found["labels"], "createTime": found["time"]} | counts

    def find(self, identity: str, status: str = "") -> dict[str, Any]:
        found = self.versions.get(identity)
        if found is None or found["status"] == "DELETED":
            raise Refusal(404, "NOT_FOUND", "Requested entity was not found.")
        if status and found["status"] != status:
            raise Refusal(400, "FAILED_PRECONDITION", f"Version is {found['status']}, not {status}.")
        return found

    def get_version(self, request: Request, site: str, identity: str) -> dict[str, Any]:
        self.find(identity)
        return self.version_json(identity)

    def list_versions(self, request: Request, site: str) -> dict[str, Any]:
        self.check_site(site)
        return self.paged(request, "versions", [self.version_json(v) for v in reversed(self.versions)], 100)

    def populate(self, request: Request, site: str, identity: str) -> dict[str, Any]:
        found = self.find(identity, "CREATED")
        files = request.body["files"]
        assert len(files) <= 1000
        for path, digest in files.items():
            assert path.startswith("/")
            assert re.fullmatch("[0-9a-f]{64}", digest)
            found["files"][path] = digest
        missing = sorted({d for d in files.values() if d not in self.blobs})
        plain: dict[str, Any] = {"uploadUrl": f"{self.url}/upload/sites/{site}/versions/{identity}/files"}
        return plain | ({"uploadRequiredHashes": missing} if missing else {})

    def upload(self, request: Request, site: str, identity: str, digest: str) -> dict[str, Any]:
        self.find(identity, "CREATED")
        if hashlib.sha256(request.body).hexdigest() != digest:
            raise Refusal(400, "INVALID_ARGUMENT", "content hash doesn't match content")
        self.blobs[digest] = gzip.decompress(request.body) if self.keep_blobs else b""
        return {}

    def patch_version(self, request: Request, site: str, identity: str) -> dict[str, Any]:
        found = self.find(identity, "CREATED")
        assert request.query["updateMask"] == ["status,config"]
        assert set(request.body) == {"status", "config"}
        assert request.body["status"] == "FINALIZED"
        if lacking := [p for p, d in found["files"].items() if d not in self.blobs]:
            raise Refusal(400, "FAILED_PRECONDITION", f"{len(lacking)} files were not uploaded")
        found |= {"status": "FINALIZED", "config": request.body["config"]}
        return self.version_json(identity)

    def list_files(self, request: Request, site: str, identity: str) -> dict[str, Any]:
        found = self.find(identity)
        files = [{"path": p, "hash": d, "status": "ACTIVE"} for p, d in sorted(found["files"].items())]
        return self.paged(request, "files", files, self.page_size)

    def delete_version(self, request: Request, site: str, identity: str) -> dict[str, Any]:
        found = self.find(identity)
        if any(self.shown(c) == identity for c in self.channels):
            raise Refusal(400, "FAILED_PRECONDITION", "Version is released.")
        found["status"] = "DELETED"
        return {}

    def channel_json(self, name: str) -> dict[str, Any]:
        found = self.channels[name]
        plain = {"name": self.name("channels", name), "url": f"{self.url}/public/{name}"}
        if found["releases"]:
            plain["release"] = self.release_json(name, found["releases"][0])
        return plain | ({"expireTime": found["expires"]} if "expires" in found else {})

    def get_channel(self, request: Request, site: str, name: str) -> dict[str, Any]:
        self.check_site(site)
        if name not in self.channels:
            raise Refusal(404, "NOT_FOUND", "Requested entity was not found.")
        return self.channel_json(name)

    def put_channel(self, request: Request, site: str, name: str = "") -> dict[str, Any]:
        name = name or request.query["channelId"][0]
        if name not in self.channels:
            if len(self.channels) > self.max_channels:
                raise Refusal(429, "RESOURCE_EXHAUSTED", f"Couldn't create channel: channel quota reached for {site}")
            self.channels[name] = {"releases": []}
        if ttl := request.body.get("ttl"):
            assert re.fullmatch(r"\d+s", ttl)
            self.channels[name]["expires"] = f"in {ttl}"
        return self.channel_json(name)

    def list_channels(self, request: Request, site: str) -> dict[str, Any]:
        return self.paged(request, "channels", [self.channel_json(c) for c in sorted(self.channels)], 100)

    def delete_channel(self, request: Request, site: str, name: str) -> dict[str, Any]:
        if name == "live" or name not in self.channels:
            raise Refusal(404, "NOT_FOUND", "Requested entity was not found.")
        del self.channels[name]
        return {}

    def release_json(self, channel: str, release: dict[str, Any]) -> dict[str, Any]:
        name = self.name(f"channels/{channel}/releases", release["id"])
        plain = {"name": name, "version": self.version_json(release["version"]), "type": release["type"]}
        return plain | {"message": release["message"], "releaseTime": release["time"]}

    def create_release(self, request: Request, site: str, channel: str = "live") -> dict[str, Any]:
        self.check_site(site)
        if channel not in self.channels:
            raise Refusal(404, "NOT_FOUND", "Requested entity was not found.")
        identity = request.query["versionName"][0].rpartition("/")[2]
        self.find(identity, "FINALIZED")
        message = request.body.get("message", "")
        assert len(message) <= 512
        made = {"id": str(1000 + self.clock), "version": identity, "message": message, "time": self.time()}
        made["type"] = "ROLLBACK" if any(r["version"] == identity for r in self.channels[channel]["releases"]) else "DEPLOY"  # fmt: skip
        self.channels[channel]["releases"].insert(0, made)
        return self.release_json(channel, made)

    def list_releases(self, request: Request, site: str, channel: str = "live") -> dict[str, Any]:
        releases = [self.release_json(channel, r) for r in self.channels[channel]["releases"]]
        return self.paged(request, "releases", releases, 100)

    def paged(self, request: Request, key: str, rows: list[Any], most: int) -> dict[str, Any]:
        size = min(int(request.query.get("pageSize", ["25"])[0]), most)
        start = int(request.query.get("pageToken", ["0"])[0])
        page = {key: rows[start : start + size]} if rows else {}
        return page | ({"nextPageToken": str(start + size)} if start + size < len(rows) else {})

    # What the CLI asks of other services.

    def allowed(self, request: Request, *_: str) -> dict[str, Any]:
        return {"permissions": request.body.get("permissions", [])}

    def enabled(self, request: Request, *_: str) -> dict[str, Any]:
        return {"state": "ENABLED"}

    def project(self, request: Request, project: str) -> dict[str, Any]:
        return {"projectId": project, "projectNumber": "123", "resources": {"hostingSite": self.site}}


SITE = r"/v1beta1/sites/([^/]+)"
ROUTES: list[tuple[str, str, Any]] = [
    ("POST", r"/v1/projects/([^/]+):testIamPermissions", FakeHosting.allowed),
    ("GET", r"/v1/projects/([^/]+)/services/([^/]+)", FakeHosting.enabled),
    ("GET", r"/v1beta1/projects/([^/]+)", FakeHosting.project),
    ("GET", SITE, FakeHosting.get_site),
    ("POST", f"{SITE}/versions", FakeHosting.create_version),
    ("GET", f"{SITE}/versions", FakeHosting.list_versions),
    ("GET", f"{SITE}/versions/([^/:]+)", FakeHosting.get_version),
    ("PATCH", f"{SITE}/versions/([^/:]+)", FakeHosting.patch_version),
    ("DELETE", f"{SITE}/versions/([^/:]+)", FakeHosting.delete_version),
    ("POST", f"{SITE}/versions/([^/:]+):populateFiles", FakeHosting.populate),
    ("GET", f"{SITE}/versions/([^/:]+)/files", FakeHosting.list_files),
    ("POST", r"/upload/sites/([^/]+)/versions/([^/]+)/files/([0-9a-f]{64})", FakeHosting.upload),
    ("GET", f"{SITE}/channels/([^/]+)", FakeHosting.get_channel),
    ("PATCH", f"{SITE}/channels/([^/]+)", FakeHosting.put_channel),
    ("POST", f"{SITE}/channels", FakeHosting.put_channel),
    ("GET", f"{SITE}/channels", FakeHosting.list_channels),
    ("DELETE", f"{SITE}/channels/([^/]+)", FakeHosting.delete_channel),
    ("POST", f"{SITE}/channels/([^/]+)/releases", FakeHosting.create_release),
    ("GET", f"{SITE}/channels/([^/]+)/releases", FakeHosting.list_releases),
    ("POST", f"{SITE}/releases", FakeHosting.create_release),
    ("GET", f"{SITE}/releases", FakeHosting.list_releases),
]
