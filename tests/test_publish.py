"""Publishing to a fake Hosting: what is released, what it costs, and what any interruption leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fabricated import make_bundle
from fake_hosting import FakeHosting, running

from edgekit.publish import Way, publish
from edgekit.publishing.credentials import Owner
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.planning import Wish
from edgekit.publishing.retries import Patience
from edgekit.store import Bundle

NAME = "made"
QUICK = Patience(tries=4, first=0.01, longest=0.02, stall=0.5)


@pytest.fixture
def fake() -> Iterator[FakeHosting]:
    with running(FakeHosting()) as server:
        yield server


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return Way(check=False, patience=QUICK, cache=tmp_path / "cache")


def site(fake: FakeHosting) -> HostingApi:
    return HostingApi(fake.site, Owner(), fake.url, QUICK)


def bundle_of(folder: Path, text: str = "one") -> Bundle:
    return make_bundle(folder / text, files={"extra": text.encode() * 100}, name=NAME)


def test_it(fake, way, tmp_path):
    b = bundle_of(tmp_path)
    out = publish(site(fake), Wish(b), way)
    print(out)
    for r in fake.requests:
        print(r.method, r.path, r.query, r.size)
    out = publish(site(fake), Wish(bundle_of(tmp_path, "two")), way)
    n = len(fake.requests)
    for r in fake.requests[n - 20 :]:
        print(r.method, r.path, r.query, r.size)
    print(sorted(fake.live()))
    print(fake.channels["live"]["releases"][0]["message"])
    assert 0
