"""Publishing to a fake Hosting: what is released, what it costs, and what any interruption leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_bundle
from fake_hosting import FakeHosting, Request, running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit import releases
from edgekit.errors import CheckFailed, InputError
from edgekit.publish import Way, change_canary, plan, publish
from edgekit.publishing import channel_file, hosting_api
from edgekit.publishing.apply import FilesLost
from edgekit.publishing.credentials import Owner
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.plan import Budget
from edgekit.publishing.planning import Wish
from edgekit.publishing.retries import Patience
from edgekit.store import MANIFEST, Bundle

NAME = "made"
QUICK = Patience(tries=5, first=0.005, longest=0.01, stall=0.25)
ROOT = Path(__file__).parent.parent


@pytest.fixture
def fake() -> Iterator[FakeHosting]:
    with running(FakeHosting(stall=0.6)) as server:
        yield server


@pytest.fixture
def way(tmp_path: Path) -> Way:
    """Without looking at what was published: tests/test_published.py does that."""
    return Way(check=False, patience=QUICK, cache=tmp_path / "cache")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bundle]:
    """Small bundles that differ in one file, by name."""
    folder = tmp_path_factory.mktemp("bundles")
    made: dict[str, Bundle] = {}

    def get(text: str) -> Bundle:
        if text not in made:
            made[text] = make_bundle(folder / text, files={"extra": text.encode() * 100}, name=NAME)
        return made[text]

    return get


def site(fake: FakeHosting) -> HostingApi:
    return HostingApi(fake.site, Owner(), fake.url, QUICK)


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


def test_a_first_publish(fake: FakeHosting, way: Way, bundles: Any) -> None:
    one = bundles("one")
    done = publish(site(fake), Wish(one), way)
    assert channels(fake) == channel_file.Channels(NAME, one.manifest.id)
    assert_whole(fake, channels(fake))
    assert (done.release, done.version) == (fake.channels["live"]["releases"][0]["id"], fake.shown("live"))
    live = fake.live()
    for file in one.manifest.files():
        assert live[f"/{NAME}/bundles/{one.manifest.id}/{file.path}"] == one.read(file.path)
    sent = fake.uploads()
    assert (done.made.files_sent, done.made.bytes_sent) == (len(sent), sum(r.size for r in sent))  # type: ignore[union-attr]
    assert done.plan.upload_bytes == done.made.bytes_sent  # type: ignore[union-attr]


def test_an_update_sends_what_changed_and_keeps_older_bundles(fake: FakeHosting, way: Way, bundles: Any) -> None:
    ids = []
    for text in ("one", "two", "three", "four"):
        start = len(fake.uploads())
        publish(site(fake), Wish(bundles(text), keep=2), way)
        ids.insert(0, bundles(text).manifest.id)
    assert channels(fake) == channel_file.Channels(NAME, ids[0], previous=tuple(ids[1:3]))
    assert_whole(fake, channels(fake))
    assert not [path for path in fake.live() if ids[3] in path]
    assert len(fake.uploads()) - start == 3  # the changed file, manifest.json, channel.json
    # GET live, its files, create, populate, 3 uploads, finalize, GET live, release, history
    last = [(r.method, r.path.rpartition("/")[2].partition(":")[2]) for r in fake.requests[-11:]]
    assert [m for m, _ in last] == ["GET", "GET", "POST", "POST", "POST", "POST", "POST", "PATCH", "GET", "POST", "GET"]


def test_the_same_again_does_nothing(fake: FakeHosting, way: Way, bundles: Any) -> None:
    first = publish(site(fake), Wish(bundles("one")), way)
    count = len(fake.requests)
    again = publish(site(fake), Wish(bundles("one")), way)
    assert (again.made, again.release) == (None, first.release)
    assert [r.method for r in fake.requests[count:]] == ["GET", "GET"]


def test_a_dry_run_only_reads(fake: FakeHosting, way: Way, bundles: Any) -> None:
    publish(site(fake), Wish(bundles("one")), way)
    count = len(fake.requests)
    made = plan(site(fake), Wish(bundles("two")), way)
    assert {r.method for r in fake.requests[count:]} == {"GET"}
    two = bundles("two").manifest.id
    assert (made.changed, made.removed) == ([f"/{NAME}/channel.json"], [])
    assert made.added == sorted(p for p in made.files if two in p)
    assert made.config_changes() == []
    assert 0 < made.upload_bytes < made.bundle_bytes < made.first_load_bytes


def test_what_else_the_site_holds_stays(fake: FakeHosting, way: Way, bundles: Any) -> None:
    config = {"headers": [{"glob": "/**", "headers": {"X-Mine": "1"}}], "cleanUrls": True}
    foreign(fake, {"/index.html": b"mine", "/deep/a.js": b"b"}, config)
    publish(site(fake), Wish(bundles("one")), way)
    live = fake.live()
    assert (live["/index.html"], live["/deep/a.js"]) == (b"mine", b"b")
    now = fake.versions[fake.shown("live")]["config"]
    assert (now["headers"][0], now["cleanUrls"]) == (config["headers"][0], True)  # type: ignore[index]
    assert "redirects" not in now  # the site has a page of its own
    publish(site(fake), Wish(bundles("two")), way)
    assert fake.versions[fake.shown("live")]["config"] == now


def foreign(fake: FakeHosting, files: dict[str, bytes], config: dict[str, Any]) -> None:
    """Release a version that another tool made."""
    fake.blobs |= {f"{i:064x}": data for i, data in enumerate(files.values())}
    digests = {path: f"{i:064x}" for i, path in enumerate(files)}
    fake.versions["vx"] = {"status": "FINALIZED", "labels": {}, "files": digests, "config": config, "time": "0"}
    fake.channels["live"]["releases"].insert(
        0, {"id": f"x{len(fake.requests)}", "version": "vx", "message": "by hand", "type": "DEPLOY", "time": "0"}
    )


@pytest.mark.parametrize("fault", ["reset", "truncate", "429", "500", "503", "lost", "stall"])
def test_a_fault_at_any_request_passes(fault: str, way: Way, bundles: Any, tmp_path: Path) -> None:
    """Each request of an update goes wrong once, in each way: the new bundle is live after one command."""
    with running(FakeHosting(stall=0.6)) as fake:
        publish(site(fake), Wish(bundles("one")), way)
        start = fake.count
        publish(site(fake), Wish(bundles("two")), way)
        total = fake.count - start
    # A stall costs time; it is tried where it differs: reading, uploading, finalizing, releasing.
    numbers = [0, 4, total - 4, total - 2] if fault == "stall" else range(total)
    for number in numbers:
        with running(FakeHosting(stall=0.6)) as fake:
            quick = replace(way, cache=tmp_path / f"{fault}{number}")
            publish(site(fake), Wish(bundles("one")), quick)
            fake.faults[fake.count + number] = fault
            publish(site(fake), Wish(bundles("two")), quick)
            assert not fake.faults, number
            assert channels(fake).stable == bundles("two").manifest.id, number
            assert_whole(fake, channels(fake))
            assert len(fake.channels["live"]["releases"]) == 2, number


class Killed(BaseException):
    """The process ends here."""


def killing(monkeypatch: pytest.MonkeyPatch, number: int, when: str) -> None:
    """End the process at a request: before it is sent, or when its answer comes. Nothing is sent after that."""
    real, left = HostingApi._send, [number]

    def send(self: HostingApi, *what: Any) -> Any:
        left[0] -= 1
        if left[0] < 0 and (when == "before" or left[0] < -1):
            raise Killed
        answer = real(self, *what)
        if left[0] < 0:
            raise Killed
        return answer

    monkeypatch.setattr(HostingApi, "_send", send)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["before", "after"])), max_size=3))
def test_a_publish_that_is_killed_again_and_again_converges(
    bundles: Any, tmp_path_factory: pytest.TempPathFactory, kills: list[tuple[int, str]]
) -> None:
    one, two = bundles("one"), bundles("two")
    way = Way(check=False, patience=QUICK, cache=tmp_path_factory.mktemp("cache"))
    with running(FakeHosting()) as fake:
        publish(site(fake), Wish(one), way)
        for number, when in kills:
            with pytest.MonkeyPatch.context() as patch:
                killing(patch, number, when)
                with suppress(Killed):
                    publish(site(fake), Wish(two), way)
            assert channels(fake).stable in (one.manifest.id, two.manifest.id)
            assert_whole(fake, channels(fake))
        publish(site(fake), Wish(two), way)
        assert channels(fake) == channel_file.Channels(NAME, two.manifest.id, previous=(one.manifest.id,))
        assert_whole(fake, channels(fake))
        assert len(fake.channels["live"]["releases"]) == 2
        assert len({r.path for r in fake.uploads()}) == len(fake.blobs)


def test_a_killed_publish_goes_on_where_it_was(fake: FakeHosting, way: Way, bundles: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, 8, "after")  # some files are there
        with pytest.raises(Killed):
            publish(site(fake), Wish(bundles("one")), way)
    there = len(fake.blobs)
    assert there > 0
    done = publish(site(fake), Wish(bundles("one")), way)
    assert done.made is not None
    assert (done.made.resumed, done.version, len(fake.versions)) == (True, "v1", 1)
    assert done.made.files_sent == len(fake.blobs) - there


@pytest.mark.parametrize("status", ["ABANDONED", "DELETED", "EXPIRED"])
def test_a_version_that_was_given_up_meanwhile(fake: FakeHosting, way: Way, bundles: Any, status: str) -> None:
    """After 12 hours the server abandons a version; one that is lost while it is filled is made again, too."""
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, 8, "after")
        with pytest.raises(Killed):
            publish(site(fake), Wish(bundles("one")), way)
    fake.versions["v1"]["status"] = status
    publish(site(fake), Wish(bundles("one")), way)
    assert fake.shown("live") == "v2"

    def abandon(request: Request) -> None:
        if request.method == "PATCH" and request.path.endswith("/v3"):
            fake.versions["v3"]["status"] = "ABANDONED"

    fake.before = abandon
    publish(site(fake), Wish(bundles("two")), way)
    assert fake.shown("live") == "v4"
    assert_whole(fake, channels(fake))


def test_another_plan_deletes_what_a_killed_one_left(fake: FakeHosting, way: Way, bundles: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, 5, "after")
        with pytest.raises(Killed):
            publish(site(fake), Wish(bundles("one")), way)
    publish(site(fake), Wish(bundles("two")), way)
    assert (fake.versions["v1"]["status"], fake.shown("live")) == ("DELETED", "v2")


def test_two_publishers_at_once(fake: FakeHosting, way: Way, bundles: Any) -> None:
    """The one that comes second notices, releases nothing, and its next run has both bundles."""
    publish(site(fake), Wish(bundles("one")), way)

    def other(request: Request) -> None:
        if request.method == "PATCH":
            fake.before = None
            foreign(fake, dict(fake.live()), {})

    fake.before = other
    with pytest.raises(CheckFailed) as caught:
        publish(site(fake), Wish(bundles("two")), way)
    now = fake.channels["live"]["releases"][0]["id"]
    assert str(caught.value) == (
        f"the live channel moved from release 1001 to {now} meanwhile; "
        "nothing was released, run the same command again to publish on top of it"
    )
    publish(site(fake), Wish(bundles("two")), way)
    assert channels(fake).bundles() == (bundles("two").manifest.id, bundles("one").manifest.id)
    assert_whole(fake, channels(fake))


def test_a_release_in_the_last_moment_is_told(fake: FakeHosting, way: Way, bundles: Any) -> None:
    publish(site(fake), Wish(bundles("one")), way)

    def squeeze(request: Request) -> None:
        if request.path.endswith("/live/releases") and request.method == "POST":
            fake.before = None
            foreign(fake, dict(fake.live()), {})

    fake.before = squeeze
    done = publish(site(fake), Wish(bundles("two")), way)
    between = fake.channels["live"]["releases"][1]["id"]
    assert done.notes == (f"release {between} came in between and is not part of this one; publish that again",)


def test_an_expected_release(fake: FakeHosting, way: Way, bundles: Any) -> None:
    first = publish(site(fake), Wish(bundles("one")), way)
    with pytest.raises(CheckFailed) as caught:
        publish(site(fake), Wish(bundles("two")), replace(way, expect="7"))
    assert str(caught.value) == f"release {first.release} is live, 7 was expected; nothing was released"
    publish(site(fake), Wish(bundles("two")), replace(way, expect=first.release))
    assert channels(fake).stable == bundles("two").manifest.id


def test_a_bundle_that_changes_while_it_is_published(fake: FakeHosting, way: Way, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", files={"extra": b"x" * 100}, name=NAME)
    file = bundle.root / "extra/model.extra"

    def change(request: Request) -> None:
        file.write_bytes(b"y" * 100)

    fake.before = change
    with pytest.raises(CheckFailed) as caught:
        publish(site(fake), Wish(bundle), way)
    assert str(caught.value) == (
        f"{file} changed while it was published; nothing was released, run edgekit publish again"
    )
    assert fake.shown("live") == ""


def test_a_refusal_is_not_tried_again(fake: FakeHosting, way: Way, bundles: Any) -> None:
    """What the server refuses for good, it would refuse again: one upload with a hash that it does not find right."""
    fake.faults.clear()
    real = FakeHosting.upload

    def refuse(self: FakeHosting, *_: Any) -> Any:
        return real(self, replace_body(_[0]), *_[1:])

    def replace_body(request: Request) -> Request:
        return replace(request, body=b"other")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fake_hosting.ROUTES", [(m, p, refuse if a is real else a) for m, p, a in routes()])
        with pytest.raises(CheckFailed) as caught:
            publish(site(fake), Wish(bundles("one")), way)
    assert str(caught.value) == "hosting answers 400 INVALID_ARGUMENT: content hash doesn't match content"
    assert len({r.path for r in fake.uploads()}) == len(fake.uploads())


def routes() -> list[Any]:
    from fake_hosting import ROUTES  # noqa: PLC0415

    return list(ROUTES)


def test_a_file_that_the_server_lost(fake: FakeHosting, way: Way, bundles: Any) -> None:
    """Only an older bundle had it: that bundle is left out. Where the site's own page had it, nothing is released."""
    for text in ("one", "two"):
        publish(site(fake), Wish(bundles(text)), way)
    one = bundles("one").manifest.id
    gone = fake.versions[fake.shown("live")]["files"][f"/{NAME}/bundles/{one}/extra/model.extra"]
    del fake.blobs[gone]
    publish(site(fake), Wish(bundles("three")), way)
    assert channels(fake).previous == (bundles("two").manifest.id,)
    assert_whole(fake, channels(fake))
    foreign(fake, {**fake.live(), "/index.html": b"mine"}, {})
    lost = fake.versions["vx"]["files"]["/index.html"]
    del fake.blobs[lost]
    before = fake.shown("live")
    with pytest.raises(
        FilesLost, match=r"hosting asks for 1 files that are only on the live site, such as /index\.html"
    ):
        publish(site(fake), Wish(bundles("four")), way)
    assert fake.shown("live") == before


def test_no_more_channels(fake: FakeHosting, way: Way, bundles: Any) -> None:
    fake.max_channels = 1
    fake.channels["pr-1"] = {"releases": []}
    with pytest.raises(CheckFailed) as caught:
        publish(site(fake), Wish(bundles("one"), channel="pr-2"), way)
    assert str(caught.value) == (
        "the site my-site may have no more channels (429 RESOURCE_EXHAUSTED Couldn't create channel: channel quota "
        "reached for my-site); delete one of pr-1 with edgekit prune --delete-channel NAME, or publish with --no-preview"
    )
    site(fake).delete_channel("pr-1")
    publish(site(fake), Wish(bundles("one"), channel="pr-2"), way)
    assert fake.shown("pr-2") == "v1"


def test_budgets(fake: FakeHosting, way: Way, bundles: Any) -> None:
    wish = Wish(bundles("one"), budget=Budget(first_load=1000))
    with pytest.raises(
        CheckFailed, match=r"not published: the first load has 1\d,\d{3} bytes after gzip, the budget is 1,000;"
    ):
        publish(site(fake), wish, way)
    assert {r.method for r in fake.requests} == {"GET"}
    publish(site(fake), replace(wish, forced="--force"), way)
    assert releases.to_json(releases.releases(site(fake))[0])["forced"] == "--force"


@pytest.mark.parametrize(
    ("files", "config", "sentence"),
    [
        pytest.param(
            {f"/{NAME}/x.html": b""},
            {},
            f"the site has /{NAME}/x.html, which edgekit did not publish; give the model another name",
            id="somebody else's folder",
        ),
        pytest.param(
            {"/a": b""},
            {"trailingSlashBehavior": "REMOVE"},
            f"the site removes trailing slashes (trailingSlash: false), and the page needs /{NAME}/ with one; "
            "change that setting of the site first",
            id="settings that break the page",
        ),
    ],
)
def test_sites_that_do_not_fit(
    fake: FakeHosting, way: Way, bundles: Any, files: dict[str, bytes], config: dict[str, Any], sentence: str
) -> None:
    foreign(fake, files, config)
    with pytest.raises(InputError) as caught:
        publish(site(fake), Wish(bundles("one")), way)
    assert str(caught.value) == sentence


class TestCanary:
    def test_from_begin_to_end(self, fake: FakeHosting, way: Way, bundles: Any) -> None:
        one, two, three = (bundles(t).manifest.id for t in ("one", "two", "three"))
        publish(site(fake), Wish(bundles("one")), way)
        publish(site(fake), Wish(bundles("two"), canary=10.0), way)
        assert channels(fake) == channel_file.Channels(NAME, one, two, 10.0)
        publish(site(fake), Wish(bundles("two"), canary=50.0), way)
        assert channels(fake) == channel_file.Channels(NAME, one, two, 50.0)
        start = len(fake.uploads())
        change_canary(site(fake), NAME, "promote", way)
        assert channels(fake) == channel_file.Channels(NAME, two, previous=(one,))
        assert len(fake.uploads()) - start == 1
        publish(site(fake), Wish(bundles("three"), canary=1.0), way)
        start = len(fake.uploads())
        change_canary(site(fake), NAME, "abort", way)
        assert channels(fake) == channel_file.Channels(NAME, two, previous=(three, one))
        assert len(fake.uploads()) - start == 1
        assert_whole(fake, channels(fake))
        rows = releases.releases(site(fake))
        actions = ["abort", "canary", "promote", "canary", "canary", "publish"]
        assert [row.record.action for row in rows if row.record] == actions

    def test_what_cannot_be(self, fake: FakeHosting, way: Way, bundles: Any) -> None:
        def said(act: Callable[[], Any]) -> str:
            with pytest.raises(InputError) as caught:
                act()
            return str(caught.value)

        one = Wish(bundles("one"))
        assert said(lambda: publish(site(fake), replace(one, canary=5.0), way)) == (
            f"there is no stable bundle of {NAME} yet; publish one without --canary first"
        )
        assert said(lambda: change_canary(site(fake), NAME, "abort", way)) == (
            f"the site my-site has no model {NAME}; check --name"
        )
        publish(site(fake), one, way)
        assert said(lambda: publish(site(fake), replace(one, canary=5.0), way)) == (
            f"the bundle {bundles('one').manifest.id[:16]} is stable already; a canary must be another one"
        )
        assert said(lambda: change_canary(site(fake), NAME, "promote", way)) == (
            f"{NAME} has no canary; publish one with: edgekit publish BUNDLE --canary 10%"
        )


class TestReleases:
    def test_rollback_goes_back_step_by_step(self, fake: FakeHosting, way: Way, bundles: Any) -> None:
        for text in ("one", "two", "three"):
            publish(site(fake), Wish(bundles(text)), way)
        uploads = len(fake.uploads())
        for text in ("two", "one"):
            releases.rollback(site(fake), check=False)
            assert channels(fake).stable == bundles(text).manifest.id
        with pytest.raises(CheckFailed, match="there are 0 older versions to go back to, 1 were asked for"):
            releases.rollback(site(fake), check=False)
        moved = releases.rollback(site(fake), to="v3", check=False)
        assert (moved.version, moved.before, channels(fake).stable) == ("v3", "v1", bundles("three").manifest.id)
        assert len(fake.uploads()) == uploads
        publish(site(fake), Wish(bundles("four")), way)  # what is published of the model is known again
        assert channels(fake).previous[0] == bundles("three").manifest.id

    def test_two_models_and_a_rollback(self, fake: FakeHosting, way: Way, bundles: Any, tmp_path: Path) -> None:
        """After it the newest record of a model may speak of a version that is not live; its channel.json decides."""
        other = make_bundle(tmp_path / "other", name="other")
        publish(site(fake), Wish(bundles("one")), way)
        publish(site(fake), Wish(bundles("two"), canary=10.0), way)
        publish(site(fake), Wish(other), way)
        change_canary(site(fake), NAME, "promote", way)
        releases.rollback(site(fake), check=False)
        assert channels(fake).canary == bundles("two").manifest.id
        change_canary(site(fake), NAME, "abort", way)
        assert channels(fake).stable == bundles("one").manifest.id

    def test_promote_is_the_very_version_of_the_preview(self, fake: FakeHosting, way: Way, bundles: Any) -> None:
        publish(site(fake), Wish(bundles("one")), way)
        made = publish(site(fake), Wish(bundles("two"), channel="preview"), replace(way, expires=604800))
        assert (channels(fake).stable, fake.channels["preview"]["expires"]) == (
            bundles("one").manifest.id,
            "in 604800s",
        )
        moved = releases.promote(site(fake), "preview", check=False)
        assert (moved.version, channels(fake).stable) == (made.version, bundles("two").manifest.id)
        with pytest.raises(InputError, match=f"the version {made.version} of preview is live already"):
            releases.promote(site(fake), "preview", check=False)
        publish(site(fake), Wish(bundles("three"), channel="preview"), way)
        publish(site(fake), Wish(bundles("four")), way)
        with pytest.raises(CheckFailed) as caught:
            releases.promote(site(fake), "preview", check=False)
        now = fake.channels["live"]["releases"][0]["id"]
        assert str(caught.value) == (
            f"the version of preview was made on release {moved.release}, and {now} is live now; "
            "publish it again to keep both, or --force to replace what is live"
        )
        releases.promote(site(fake), "preview", force=True, check=False)
        assert channels(fake).stable == bundles("three").manifest.id

    def test_prune(self, fake: FakeHosting, way: Way, bundles: Any) -> None:
        foreign(fake, {"/a.html": b"x"}, {})
        for text in ("one", "two", "three", "four"):
            publish(site(fake), Wish(bundles(text)), way)
        publish(site(fake), Wish(bundles("five"), channel="preview"), way)
        under_way = site(fake).create({"deployment-tool": "edgekit"})
        kept = {v for v in fake.versions if fake.versions[v]["status"] != "DELETED"}
        dry = releases.prune(site(fake), 2, dry_run=True)
        assert {v for v in fake.versions if fake.versions[v]["status"] != "DELETED"} == kept
        done = releases.prune(site(fake), 2)
        assert done == dry
        gone = kept - {v for v in fake.versions if fake.versions[v]["status"] != "DELETED"}
        assert set(done.versions) == gone
        assert len(gone) == 2
        assert not gone & {"vx", under_way, fake.shown("live"), fake.shown("preview")}
        assert releases.prune(site(fake), 2, all_tools=True).versions == ("vx",)

    def test_a_record_survives_its_message(self, fake: FakeHosting, way: Way, bundles: Any) -> None:
        publish(site(fake), Wish(bundles("one")), way)
        plain = releases.to_json(releases.releases(site(fake))[0])
        assert {k: plain[k] for k in ("live", "action", "name", "model_version", "bundle", "canary", "forced")} == {
            "live": True, "action": "publish", "name": NAME, "model_version": "1.2.3",
            "bundle": bundles("one").manifest.id, "canary": None, "forced": "",
        }  # fmt: skip


def test_names_may_come_with_a_projects_number(way: Way, bundles: Any) -> None:
    with running(FakeHosting(spelled="projects/1234/sites", page_size=3)) as fake:
        for text in ("one", "two"):
            publish(site(fake), Wish(bundles(text)), way)
        releases.rollback(site(fake), check=False)
        assert channels(fake).stable == bundles("one").manifest.id


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "http://example.com/upload",
            "hosting names http://example.com for uploads, which is not its own; nothing is sent",
        ),
        (
            "https://example.googleapis.com.evil.net/x",
            "hosting names https://example.googleapis.com.evil.net for uploads, which is not its own; nothing is sent",
        ),
    ],
)
def test_the_credential_goes_nowhere_else(url: str, sentence: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        HostingApi("my-site", Owner(), hosting_api.ENDPOINT)._trusted(url)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_a_process_that_is_ended_and_run_again(fake: FakeHosting, bundles: Any, tmp_path: Path, ended: int) -> None:
    """The command itself, ended while it uploads over a slow link."""
    bundle = bundles("one").root
    command = [sys.executable, "-m", "edgekit", "publish", str(bundle), "--site", fake.site, "--no-check", "--force"]
    environment = {
        **os.environ, "FIREBASE_HOSTING_API_URL": fake.url, "EDGEKIT_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)
    }  # fmt: skip
    fake.before = lambda r: time.sleep(0.2) if r.is_upload else None
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while len(fake.uploads()) < 3:
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(ended)
    _, said = process.communicate(timeout=10)
    assert process.returncode == (130 if ended == signal.SIGINT else -ended)
    assert said == ("edgekit: interrupted\n" if ended == signal.SIGINT else "")
    assert fake.shown("live") == ""
    fake.before = None
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["uploaded"]["resumed"] is True
    assert_whole(fake, channels(fake))
