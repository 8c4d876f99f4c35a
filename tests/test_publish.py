"""Publishing to a fake Hosting: what is released, what it costs, and who says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_bundle
from fake_hosting import FakeHosting
from fake_server import running
from publishing_checks import NAME, assert_whole, channels, foreign, site

from edgekit import releases
from edgekit.errors import CheckFailed, InputError
from edgekit.publish import Way, change_canary, plan, publish
from edgekit.publishing import channel_file, hosting_api
from edgekit.publishing.endpoint import trusted
from edgekit.publishing.plan import Budget
from edgekit.publishing.planning import Wish

ROOT = Path(__file__).parent.parent


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


def test_an_expected_release(fake: FakeHosting, way: Way, bundles: Any) -> None:
    first = publish(site(fake), Wish(bundles("one")), way)
    with pytest.raises(CheckFailed) as caught:
        publish(site(fake), Wish(bundles("two")), replace(way, expect="7"))
    assert str(caught.value) == f"release {first.release} is live, 7 was expected; nothing was released"
    publish(site(fake), Wish(bundles("two")), replace(way, expect=first.release))
    assert channels(fake).stable == bundles("two").manifest.id


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
        trusted(url, hosting_api.ENDPOINT)
    assert str(caught.value) == sentence
