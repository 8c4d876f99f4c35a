"""What faults, kills, races and lost versions leave: the old release or the new one, whole, and a way to go on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_bundle
from fake_hosting import FakeHosting, Refusal, Request
from fake_server import running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publishing_checks import NAME, QUICK, assert_whole, channels, foreign, site

from edgekit.errors import CheckFailed, InputError
from edgekit.publish import Way, publish
from edgekit.publishing import channel_file
from edgekit.publishing.apply import FilesLost
from edgekit.publishing.credentials import Owner
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.planning import Wish

ROOT = Path(__file__).parent.parent


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
            patience = replace(QUICK, stall=0.3) if fault == "stall" else QUICK
            publish(site(fake, patience), Wish(bundles("two")), replace(quick, patience=patience))
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


def odd(fake: FakeHosting, method: str, pattern: str, answer: Callable[[Any], Any]) -> Callable[[], None]:
    """Let the first request that fits be answered in another way; return a check that this happened."""
    real, done = FakeHosting.answer, []

    def act(self: FakeHosting, request: Request) -> Any:
        if not done and request.method == method and re.search(pattern, request.path):
            done.append(request)
            return answer(lambda: real(self, request))
        return real(self, request)

    fake.answer = act.__get__(fake)  # type: ignore[method-assign]

    def check() -> None:
        assert done

    return check


def refuse(status: int, code: str, message: str = "no") -> Any:
    raise Refusal(status, code, message)


@pytest.mark.parametrize(
    ("method", "pattern", "answer"),
    [
        pytest.param("POST", "/versions$", lambda real: {}, id="a version without a name, and none was made"),
        pytest.param("POST", "/versions$", lambda real: (real(), {})[1], id="a version without a name"),
        pytest.param("POST", "live/releases$", lambda real: (real(), {})[1], id="a release without a name"),
        pytest.param("POST", "^/upload", lambda real: (real(), refuse(409, "ALREADY_EXISTS"))[0], id="a file that is there"),
        pytest.param("POST", "^/upload", lambda real: refuse(409, "ABORTED"), id="a conflict, and the file is not there"),
        pytest.param("POST", "^/upload", lambda real: {}, id="a file that got lost on the other side"),
        pytest.param("PATCH", "/versions/v3$", lambda real: (real(), refuse(400, "FAILED_PRECONDITION"))[0], id="finalized, and denied"),
        pytest.param("GET", "channels/live$", lambda real: {k: v for k, v in real().items() if k != "url"}, id="no address"),
        pytest.param("GET", "channels/live$", lambda real: thin(real()), id="a version with its name only"),
        pytest.param("GET", "/files$", lambda real: refuse(408, "DEADLINE_EXCEEDED"), id="a time-out"),
        pytest.param("POST", ":populateFiles$", lambda real: refuse(502, ""), id="a gateway that fails"),
    ],
)  # fmt: skip
def test_odd_answers(way: Way, bundles: Any, method: str, pattern: str, answer: Any) -> None:
    """Whatever it is, at most one more run is needed, and what is live is whole after each."""
    with running(FakeHosting()) as fake:
        foreign(fake, {"/index.html": b"mine"}, {"cleanUrls": True})
        publish(site(fake), Wish(bundles("one")), way)
        check = odd(fake, method, pattern, answer)
        try:
            publish(site(fake), Wish(bundles("two")), way)
        except CheckFailed:
            assert channels(fake).stable == bundles("one").manifest.id
            publish(site(fake), Wish(bundles("two")), way)
        check()
        assert channels(fake) == channel_file.Channels(
            NAME, bundles("two").manifest.id, previous=(bundles("one").manifest.id,)
        )
        assert_whole(fake, channels(fake))
        assert fake.live()["/index.html"] == b"mine"
        assert fake.versions[fake.shown("live")]["config"]["cleanUrls"] is True


def thin(channel: dict[str, Any]) -> dict[str, Any]:
    """Return a channel whose release names its version and says nothing else of it."""
    return {**channel, "release": {**channel["release"], "version": {"name": channel["release"]["version"]["name"]}}}


def test_a_site_that_never_had_a_release(way: Way, bundles: Any) -> None:
    with running(FakeHosting()) as fake:
        live = fake.channels.pop("live")

        def opened(request: Request) -> None:
            if request.method == "PATCH":
                fake.channels["live"] = live

        fake.before = opened
        publish(site(fake), Wish(bundles("one")), way)
        assert_whole(fake, channels(fake))
    with running(FakeHosting(site="another")) as fake, pytest.raises(InputError) as caught:
        fake.channels.pop("live")
        publish(HostingApi("my-site", Owner(), fake.url, QUICK), Wish(bundles("one")), way)
    assert str(caught.value) == (
        "there is no site my-site that this credential may see; check --site (Requested entity was not found: my-site)"
    )
