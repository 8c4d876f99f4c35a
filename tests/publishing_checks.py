"""What the tests of publishing look at: a client of the fake Hosting, and whether what is live is whole."""

from __future__ import annotations

import json
from typing import Any

from fake_hosting import FakeHosting

from edgekit.publishing import channel_file
from edgekit.publishing.credentials import Owner
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.retries import Patience
from edgekit.store import MANIFEST

NAME = "made"
QUICK = Patience(tries=5, first=0.005, longest=0.01, stall=10)


def site(fake: FakeHosting, patience: Patience = QUICK) -> HostingApi:
    return HostingApi(fake.site, Owner(), fake.url, patience)


def channels(fake: FakeHosting) -> channel_file.Channels:
    return channel_file.decode(fake.live()[f"/{NAME}/channel.json"])


def assert_whole(fake: FakeHosting, shown: channel_file.Channels) -> None:
    """Every bundle that channel.json names is there, and each file is what the bundle's manifest says."""
    live = fake.live()
    for bundle in shown.bundles():
        root = f"/{NAME}/bundles/{bundle}/"
        manifest = json.loads(live[root + MANIFEST])
        assert manifest["id"] == bundle
        for target in manifest["targets"].values():
            for file in target["files"]:
                assert len(live[root + file["path"]]) == file["bytes"]
    assert f"/{NAME}/index.html" in live


def foreign(fake: FakeHosting, files: dict[str, bytes], config: dict[str, Any]) -> None:
    """Release a version that another tool made."""
    fake.blobs |= {f"{i:064x}": data for i, data in enumerate(files.values())}
    digests = {path: f"{i:064x}" for i, path in enumerate(files)}
    fake.versions["vx"] = {"status": "FINALIZED", "labels": {}, "files": digests, "config": config, "time": "0"}
    fake.channels["live"]["releases"].insert(
        0, {"id": f"x{len(fake.requests)}", "version": "vx", "message": "by hand", "type": "DEPLOY", "time": "0"}
    )
