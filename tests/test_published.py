"""What the public gets, looked at with a browser: the local site, the fake Hosting's public side, and broken ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from demo_page import variant
from fake_hosting import FakeHosting
from fake_server import running

from edgekit import releases
from edgekit.errors import CheckFailed, InputError
from edgekit.manifest import seal
from edgekit.publish import Way, change_canary, publish
from edgekit.publishing import channel_file, published
from edgekit.publishing.channel_file import Channels
from edgekit.publishing.credentials import Owner
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.local_site import Hosted, LocalSite
from edgekit.publishing.planning import Wish
from edgekit.publishing.retries import Patience
from edgekit.publishing.site import Site
from edgekit.runtimes.chromium import Browser, Tab
from edgekit.server import Server
from edgekit.store import Bundle, write_bundle

QUICK = Patience(tries=3, first=0.01, longest=0.02, stall=5)


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    monkeypatch.setattr(published, "PATIENCE", QUICK)
    monkeypatch.setattr(published.look, "__defaults__", (QUICK,))
    return Way(patience=QUICK, cache=tmp_path / "cache", preview=False)


@pytest.fixture
def fake() -> Iterator[FakeHosting]:
    with running(FakeHosting()) as server:
        yield server


@pytest.fixture(scope="module")
def good(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model as another version: a canary that works."""
    contents = {f.path: bundle.read(f.path) for f in bundle.manifest.files()}
    return write_bundle(
        tmp_path_factory.mktemp("good") / "b", seal(replace(bundle.manifest, version="3.0.0")), contents
    )


@pytest.fixture(scope="module")
def bad(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Version 2.0.0 with weights that do not give the golden answers."""
    return variant(bundle, tmp_path_factory.mktemp("bad") / "b")


def shown(tab: Tab, url: str) -> tuple[str, str]:
    """Open a published page and return the version that it runs, and whether that is stable or canary."""
    tab.page.goto(url)
    tab.page.wait_for_selector("html[data-state=ready]")
    version = tab.page.locator("#version")
    return str(version.text_content()).split()[0], str(version.get_attribute("data-choice"))


def test_the_local_site_in_a_browser(
    browser: Browser, bundle: Bundle, good: Bundle, bad: Bundle, way: Way, tmp_path: Path
) -> None:
    """Published, followed through a canary to its end, while a server shows it: each release counts from the next load."""
    site = LocalSite(tmp_path / "hosting")
    done = publish(site, Wish(bundle), replace(way, preview=True))
    assert done.seen and done.preview
    assert (done.preview.files, done.preview.golden, done.seen.files, done.seen.golden) == ("pass",) * 4
    hosted = Hosted(site, "live")
    with Server(hosted, settings=hosted.settings) as server, browser.page(server.url) as tab:
        assert shown(tab, server.url) == ("1.0.0", "stable")  # the root leads to the model
        assert tab.page.url == f"{server.url}{bundle.manifest.name}/"
        assert tab.page.evaluate("() => crossOriginIsolated")
        no_check = replace(way, check=False)
        publish(site, Wish(good, canary=100.0), no_check)
        assert shown(tab, server.url) == ("3.0.0", "canary")
        change_canary(site, bundle.manifest.name, "abort", no_check)
        assert shown(tab, server.url) == ("1.0.0", "stable")
        assert tab.complaint() == ""
        publish(site, Wish(bad, canary=100.0), no_check)
        assert shown(tab, server.url) == ("1.0.0", "stable")
        publish(site, Wish(good, canary=1e-9), no_check)
        assert shown(tab, server.url) == ("1.0.0", "stable")
        change_canary(site, bundle.manifest.name, "promote", no_check)
        assert shown(tab, server.url) == ("3.0.0", "stable")


def test_a_published_page_works_without_a_network(browser: Browser, bundle: Bundle, way: Way, tmp_path: Path) -> None:
    site = LocalSite(tmp_path / "hosting")
    publish(site, Wish(bundle), replace(way, check=False))
    hosted = Hosted(site, "live")
    with Server(hosted, settings=hosted.settings) as server, browser.page(server.url, service_workers="allow") as tab:
        url = f"{server.url}{bundle.manifest.name}/"
        shown(tab, url)
        tab.page.wait_for_selector("#offline:text-is('ready')")
        shown(tab, url)  # by the service worker now
        tab.page.wait_for_selector("#offline:text-is('ready')")
        tab.page.context.set_offline(True)
        assert shown(tab, url) == ("1.0.0", "stable")
        assert tab.complaint() == ""


def test_a_wrong_bundle_is_rolled_back(fake: FakeHosting, bundle: Bundle, bad: Bundle, way: Way) -> None:
    """Its files are whole, but its answers are wrong: only the browser can tell."""
    site = HostingApi(fake.site, Owner(), fake.url, QUICK)
    first = publish(site, Wish(bundle), way)
    assert first.seen and (first.seen.files, first.seen.golden, first.ok) == ("pass", "pass", True)
    done = publish(site, Wish(bad), replace(way, rollback=True))
    assert done.seen is not None
    assert (done.seen.files, done.seen.golden, done.ok, done.rolled_back) == ("pass", "fail", False, True)
    assert done.seen.problems[0].startswith(f"wasm of {bad.manifest.id[:16]} from {fake.url}/public/live/: ")
    assert "are not equal to the int8 model" in done.seen.problems[0]
    assert fake.shown("live") == first.version
    assert [r.record.action for r in releases.releases(site) if r.record] == ["rollback", "publish", "publish"]
    with pytest.raises(CheckFailed, match=r"not released: on the preview wasm of .*; the live site is as it was"):
        publish(site, Wish(bad), replace(way, preview=True))
    assert fake.shown("live") == first.version


def look(fake: FakeHosting, site: Site, bundle: Bundle) -> published.Seen:
    channel = site.channel("live")
    assert channel is not None
    return published.look(channel.url, Channels(bundle.manifest.name, bundle.manifest.id), {}, lambda *_: None, QUICK)


@pytest.mark.parametrize(
    ("path", "headers", "problem"),
    [
        pytest.param("wasm/plan.bin", {}, "other bytes than were published (", id="other bytes"),
        pytest.param("golden.json", {}, "other bytes than were published (", id="other golden rows"),
        pytest.param("", {"Content-Type": "text/plain"}, "the header Content-Type is 'text/plain', it must be", id="type"),
        pytest.param("", {"Cache-Control": "max-age=3600"}, "the header Cache-Control is 'max-age=3600', it must be", id="cache"),
        pytest.param("", {"Cross-Origin-Embedder-Policy": None}, "the header Cross-Origin-Embedder-Policy is 'missing'", id="COEP"),
        pytest.param("", {"Cross-Origin-Opener-Policy": None}, "the header Cross-Origin-Opener-Policy is 'missing'", id="COOP"),
        pytest.param("", {"Cross-Origin-Resource-Policy": None}, "the header Cross-Origin-Resource-Policy is 'missing'", id="CORP"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_seen(
    fake: FakeHosting, bundle: Bundle, way: Way, path: str, headers: dict[str, str | None], problem: str
) -> None:
    site = HostingApi(fake.site, Owner(), fake.url, QUICK)
    publish(site, Wish(bundle), replace(way, check=False))
    fake.headers = headers
    fake.tamper = lambda p, data: data[:-1] + b"?" if path and p.endswith(path) else data
    seen = look(fake, site, bundle)
    assert (seen.files, seen.golden) == ("fail", "not run")
    assert any(problem in text for text in seen.problems), seen.problems
    assert len(seen.problems) <= 20


def test_a_public_side_that_takes_its_time(fake: FakeHosting, bundle: Bundle, way: Way, monkeypatch: Any) -> None:
    """A content network shows the old channel.json for a moment: that is looked at again."""
    monkeypatch.setattr(published, "_golden", lambda *_: ("pass", ()))
    site = HostingApi(fake.site, Owner(), fake.url, QUICK)
    publish(site, Wish(bundle), replace(way, check=False))
    left = [2]

    def late(path: str, data: bytes) -> bytes:
        left[0] -= path.endswith("channel.json")
        return b"old" if path.endswith("channel.json") and left[0] >= 0 else data

    fake.tamper = late
    assert (look(fake, site, bundle).files, left[0]) == ("pass", -1)


def test_no_way_to_the_public_side_is_not_run() -> None:
    seen = published.look("http://127.0.0.1:9/", Channels("m", "0" * 64), {}, lambda *_: None, QUICK)
    assert (seen.files, seen.golden, seen.failed) == ("not run", "not run", False)
    assert seen.problems == ("127.0.0.1 cannot be reached from here (ConnectionRefusedError)",)


class TestLocalSite:
    def test_a_folder_that_holds_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("mine")
        with pytest.raises(InputError) as caught:
            LocalSite(tmp_path)
        assert str(caught.value) == f"{tmp_path} holds something else; choose an empty folder with --folder"

    def test_nothing_shown_yet(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"the channel live of .* shows nothing yet; publish to it first"):
            Hosted(LocalSite(tmp_path), "live")

    def test_pruning_frees_the_files(self, bundle: Bundle, good: Bundle, way: Way, tmp_path: Path) -> None:
        site, quiet = LocalSite(tmp_path / "h"), replace(way, check=False)
        for text in (bundle, good):
            publish(site, Wish(text, keep=0), quiet)
        before = len(list((site.folder / "blobs").iterdir()))
        assert len(releases.prune(site, 1).versions) == 1
        assert len(list((site.folder / "blobs").iterdir())) == before - 2  # the old manifest.json and channel.json
        plain = channel_file.decode(Hosted(site, "live")[f"/{bundle.manifest.name}/channel.json"].read_bytes())
        assert plain.bundles() == (good.manifest.id,)

    def test_uploads_are_checked(self, tmp_path: Path) -> None:
        class Body(list[bytes]):
            pass

        with pytest.raises(CheckFailed, match="are not those that were announced"):
            LocalSite(tmp_path).upload(str(tmp_path / "blobs"), "0" * 64, Body([b"\x1f\x8b\x08"]))
        assert list((tmp_path / "blobs").iterdir()) == []


def test_channel_json_reads_back() -> None:
    for state in (Channels("m", "a" * 64), Channels("m", "a" * 64, "b" * 64, 12.5, ("c" * 64,))):
        assert channel_file.decode(channel_file.encode(state)) == state
    vectors = json.loads((Path(__file__).parent / "data/channel_buckets.json").read_text())
    for row in vectors["rows"]:
        assert channel_file.bucket(row["canary"], row["install"]) == row["bucket"]
