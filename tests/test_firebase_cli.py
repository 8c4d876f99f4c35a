"""The firebase CLI as a judge: its deploy gives the same site, costs no less, and its emulator sends our headers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import firebase_cli
from demo_page import variant
from fake_hosting import FakeHosting
from fake_server import running

from edgekit.hosting import headers_for, settings_of
from edgekit.publish import Way, publish
from edgekit.publishing.credentials import Owner
from edgekit.publishing.firebase_json import write_folder
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.planning import Wish, tree
from edgekit.publishing.published import header_problem
from edgekit.store import Bundle


def state(fake: FakeHosting) -> tuple[dict[str, bytes], Any]:
    """Return what is live: the decoded files, and the configuration with its rules in a comparable form."""
    config = fake.versions[fake.shown("live")]["config"]
    return fake.live(), {k: v for k, v in config.items() if v not in (None, [], {})}


def test_the_cli_deploys_the_same_site(bundle: Bundle, tmp_path: Path) -> None:
    """What differs is the gzip: the two come from different programs, so decoded bytes are compared."""
    firebase_cli.find()
    write_folder(tmp_path / "site", *tree(Wish(bundle)))
    with running(FakeHosting()) as theirs, running(FakeHosting()) as ours:
        firebase_cli.deploy(tmp_path / "site", theirs.url, tmp_path)
        publish(HostingApi(ours.site, Owner(), ours.url), Wish(bundle), Way(check=False, cache=tmp_path / "cache"))
        assert state(ours) == state(theirs)


def test_an_update_of_one_layer_costs_no_more(bundle: Bundle, tmp_path: Path) -> None:
    """Uploads are fewer or as many, bytes too. Requests: what the CLI does not ask for is looking first and last."""
    firebase_cli.find()
    new = variant(bundle, tmp_path / "new")
    with running(FakeHosting()) as theirs, running(FakeHosting()) as ours:
        for name, version in (("one", bundle), ("two", new)):
            write_folder(tmp_path / name, *tree(Wish(version)))
            before = len(theirs.api_requests())
            firebase_cli.deploy(tmp_path / name, theirs.url, tmp_path)
            their = theirs.api_requests()[before:]
            before = len(ours.api_requests())
            way = Way(check=False, cache=tmp_path / "cache")
            publish(HostingApi(ours.site, Owner(), ours.url), Wish(version), way)
            our = ours.api_requests()[before:]
        sent = [[r for r in requests if r.is_upload] for requests in (their, our)]
        counts = {
            "requests": [len(their), len(our)],
            "uploads": [len(s) for s in sent],
            "bytes": [sum(r.size for r in s) for s in sent],
        }
        print(json.dumps(counts))
        assert counts["uploads"][1] <= counts["uploads"][0]
        # Two ways to write gzip differ by some bytes a file; nothing is sent that did not change.
        assert counts["bytes"][1] <= 1.01 * counts["bytes"][0] + 32 * counts["uploads"][1]
        assert counts["requests"][1] <= counts["requests"][0] + 1
        # The old bundle's open pages: the CLI took their files away, here they still are.
        old = f"/{bundle.manifest.name}/bundles/{bundle.manifest.id}/manifest.json"
        assert (old in theirs.live(), old in ours.live()) == (False, True)


@contextmanager
def emulator(folder: Path, home: Path) -> Iterator[int]:
    """Run the Hosting emulator on a folder while the block lasts; give its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plain = json.loads((folder / "firebase.json").read_text())
    ports = {"hosting": {"host": "127.0.0.1", "port": port}, "ui": {"enabled": False}, "hub": {"port": port + 1}}
    (folder / "firebase.json").write_text(json.dumps({**plain, "emulators": {**ports, "logging": {"port": port + 2}}}))
    command = [str(firebase_cli.find()), "emulators:start", "--only", "hosting", "--project", "demo-x"]
    log = folder / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=firebase_cli.environment(home), stdout=out, stderr=out, start_new_session=True
        )
    try:
        for _ in range(300):
            if "All emulators ready" in log.read_text():
                break
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.1)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_emulator_sends_our_headers(bundle: Bundle, tmp_path: Path) -> None:
    """Every file of the site, with the firebase.json that we write."""
    firebase_cli.find()
    files, config = tree(Wish(bundle))
    write_folder(tmp_path / "site", files, config)
    rules = settings_of(config).rules
    root = f"/{bundle.manifest.name}/"
    wrong, seen = [], 0
    with emulator(tmp_path / "site", tmp_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for path in [root, *files]:
            if path.endswith("/index.html"):
                continue  # the emulator sends it at its folder only
            connection.request("GET", path)
            reply = connection.getresponse()
            reply.read()
            headers = {k.lower(): v for k, v in reply.getheaders()}
            problem = (
                f"status {reply.status}" if reply.status != 200 else header_problem(headers, headers_for(path, rules))
            )
            wrong += [f"{path}: {problem}"] if problem else []
            seen += 1
        connection.request("GET", "/")
        reply = connection.getresponse()
        reply.read()
        assert (reply.status, reply.getheader("Location")) == (302, root)
    assert seen == len(files)
    assert wrong == []
