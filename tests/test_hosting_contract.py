"""Every request and every field that publishing uses exists in Google's own description of the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_bundle
from fake_hosting import FakeHosting, Request
from fake_server import running

from edgekit import releases
from edgekit.publish import Way, change_canary, publish
from edgekit.publishing import api_values, hosting_api
from edgekit.publishing.credentials import Owner
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.planning import Wish
from edgekit.publishing.retries import Patience

documents = pytest.importorskip(
    "googleapiclient.discovery_cache", reason="not run: google-api-python-client is missing"
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    file = Path(documents.__file__).parent / "documents" / "firebasehosting.v1beta1.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))


def methods(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods(inner)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> FakeHosting:
    """Everything that publishing does, and the requests that it made."""
    folder = tmp_path_factory.mktemp("contract")
    patience = Patience(tries=3, first=0.01, longest=0.01, stall=5)
    way = Way(check=False, patience=patience, cache=folder / "cache", expires=3600)
    one, two = (make_bundle(folder / t, files={"x": t.encode()}, name="made") for t in ("one", "two"))
    with running(FakeHosting(page_size=2)) as fake:
        site = HostingApi(fake.site, Owner(), fake.url, patience)
        fake.faults = {1: "lost"}  # of creating a version: it is found again by its labels
        publish(site, Wish(one), way)
        publish(site, Wish(two, canary=10.0), way)
        change_canary(site, "made", "promote", way)
        publish(site, Wish(one, channel="preview"), way)
        releases.promote(site, "preview", check=False)
        releases.rollback(site, check=False)
        site.version("v1")
        releases.prune(site, 1, channels=("preview",))
        return fake


def test_every_request_is_described(everything: FakeHosting, document: dict[str, Any]) -> None:
    used = set()
    for request in everything.api_requests():
        if request.is_upload:  # the upload host is not in the document
            continue
        method = described(request, document)
        assert method is not None, f"{request.method} {request.path}"
        used.add(method["id"])
        assert set(request.query) <= set(method["parameters"]), f"{method['id']} {set(request.query)}"
        if request.body:
            check(request.body, {"$ref": method["request"]["$ref"]}, document, method["id"])
    assert len(used) == 13, sorted(used)


def test_every_answer_is_described(everything: FakeHosting, document: dict[str, Any]) -> None:
    """The fake says nothing that the API does not; what is read from an answer is one of these fields."""
    said = 0
    for request in everything.api_requests():
        if request.is_upload or request.method in ("DELETE", "PATCH", "POST"):
            continue
        method = described(request, document)
        assert method is not None
        try:
            answer = everything.answer(request)
        except Exception:
            continue
        check(answer, {"$ref": method["response"]["$ref"]}, document, method["id"])
        said += 1
    assert said > 10
    names = {name for schema in document["schemas"].values() for name in schema.get("properties", {})}
    source = "".join(Path(str(m.__file__)).read_text(encoding="utf-8") for m in (hosting_api, api_values))
    read = set(re.findall(r'(?:plain|reply|created|f|found|shown|newest\[0\])(?:\[|\.get\()"(\w+)"', source))
    assert read >= {"uploadRequiredHashes", "uploadUrl", "nextPageToken", "expireTime", "releaseTime", "versionBytes"}
    assert read - names <= {"error", "status", "message"}


def described(request: Request, document: dict[str, Any]) -> Mapping[str, Any] | None:
    for method in methods(document):
        literal = re.sub(r"[{]\w+[}]", "[^/:]+", method["flatPath"])
        if method["httpMethod"] == request.method and re.fullmatch(f"/{literal}", request.path):
            return dict(method)
    return None


def check(value: Any, schema: Mapping[str, Any], document: dict[str, Any], where: str) -> None:
    """Hold a JSON value to a schema of the discovery document: known fields only, of the right type."""
    if "$ref" in schema:
        schema = document["schemas"][schema["$ref"]]
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        assert isinstance(value, dict), where
        for name, inner in value.items():
            assert name in schema["properties"], f"{where}: {name} is not a field of {schema.get('id')}"
            check(inner, schema["properties"][name], document, f"{where}.{name}")
    elif kind == "object":
        more = schema.get("additionalProperties")
        for name, inner in value.items():
            assert more, f"{where}: {name}"
            check(inner, more, document, f"{where}.{name}")
    elif kind == "array":
        for inner in value:
            check(inner, schema["items"], document, where)
    else:
        types = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}
        assert isinstance(value, types[str(kind)]), f"{where} is {value!r}, not {kind}"
        assert value in schema.get("enum", [value]), f"{where} is {value!r}"
