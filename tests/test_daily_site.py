"""What the daily loop asks of a site: the published bundle to compare with, and the way back from a wrong release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answers import Answers
from fake_hosting import FakeHosting
from publishing_checks import site

from edgekit import releases
from edgekit.cli import main
from edgekit.errors import CheckFailed, NotAvailable
from edgekit.publish import Way, publish
from edgekit.publishing import live_bundle
from edgekit.publishing.live_bundle import baseline_id, fetch_baseline
from edgekit.publishing.local_site import LocalSite
from edgekit.publishing.packing import PackCache
from edgekit.publishing.planning import Wish
from edgekit.publishing.published import Seen
from edgekit.publishing.retries import Patience

pytestmark = pytest.mark.usefixtures("no_credentials")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_bundle, "PATIENCE", Patience(tries=2, first=0.01, longest=0.02, stall=2))


def test_the_published_bundle_comes_back_whole(fake: FakeHosting, way: Way, bundles: Any, tmp_path: Path) -> None:
    host, packs = site(fake), PackCache(tmp_path / "cache")
    one, two = bundles("one"), bundles("two")
    assert fetch_baseline(host, one.manifest, tmp_path / "kept", packs) is None
    publish(host, Wish(one), way)
    fetched = fetch_baseline(host, two.manifest, tmp_path / "kept", packs)
    assert fetched is not None
    assert fetched.manifest == one.manifest
    assert {f.path: fetched.read(f.path) for f in one.manifest.files()} == {
        f.path: one.read(f.path) for f in one.manifest.files()
    }
    asked = len(fake.requests)
    again = fetch_baseline(host, two.manifest, tmp_path / "kept", packs)
    assert again is not None
    assert again.root == fetched.root
    assert not [r for r in fake.requests[asked:] if "/bundles/" in r.path]  # it was kept
    # What is live itself was held to the one before it.
    publish(host, Wish(two), way)
    assert baseline_id(host, two.manifest, packs) == one.manifest.id
    assert baseline_id(host, bundles("three").manifest, packs) == two.manifest.id
    assert baseline_id(host, one.manifest, packs) == two.manifest.id


def test_a_published_bundle_that_is_spoiled_or_far_away(
    fake: FakeHosting, way: Way, bundles: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, packs = site(fake), PackCache(tmp_path / "cache")
    publish(host, Wish(bundles("one")), way)
    real = live_bundle.Fetcher.get

    def spoiled(self: Any, path: str, limit: int) -> Any:
        digest, size, headers, data = real(self, path, limit)
        return ("0" * 64 if path.endswith("golden.json") else digest), size, headers, data

    monkeypatch.setattr(live_bundle.Fetcher, "get", spoiled)
    with pytest.raises(CheckFailed, match=r"golden\.json: other bytes than were published"):
        fetch_baseline(host, bundles("two").manifest, tmp_path / "kept", packs)
    assert list((tmp_path / "kept").glob("*")) == []
    monkeypatch.setattr(
        live_bundle.Fetcher, "reach", lambda self: (_ for _ in ()).throw(live_bundle.Unreachable("no way"))
    )
    with pytest.raises(NotAvailable) as caught:
        fetch_baseline(host, bundles("two").manifest, tmp_path / "kept", packs)
    assert str(caught.value) == "the published bundle cannot be fetched: no way"


class TestPromote:
    """A preview becomes live; where what is live is seen to be wrong, the version before it comes back."""

    @pytest.fixture
    def shown(self, tmp_path: Path, way: Way, bundles: Any) -> LocalSite:
        host = LocalSite(tmp_path / "hosting")
        publish(host, Wish(bundles("one")), way)
        publish(host, Wish(bundles("two"), channel="next"), replace(way, expires=3600))
        return host

    def wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = Seen("http://x/", "fail", count=3, problems=("/a: other bytes",))
        monkeypatch.setattr(releases, "look", lambda *_: seen)

    def live(self, host: LocalSite) -> list[str]:
        return [r.record.action for r in releases.releases(host) if r.record]

    def test_back(self, shown: LocalSite, bundles: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        before = shown.channel("live")
        assert before
        assert before.release
        assert before.release.version
        self.wrong(monkeypatch)
        moved = releases.promote(shown, "next", back=True)
        assert (moved.ok, moved.rolled_back, moved.version) == (False, True, before.release.version.id)
        assert self.live(shown) == ["rollback", "promote", "publish"]
        assert releases.releases(shown)[0].record.stable == bundles("one").manifest.id  # type: ignore[union-attr]
        assert (
            live_bundle.baseline_id(shown, bundles("two").manifest, PackCache(tmp_path / "c"))
            == bundles("one").manifest.id
        )

    def test_not_without_being_asked_to(self, shown: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wrong(monkeypatch)
        moved = releases.promote(shown, "next")
        assert (moved.ok, moved.rolled_back) == (False, False)
        assert self.live(shown) == ["promote", "publish"]

    def test_not_over_a_release_that_came_since(
        self, shown: LocalSite, way: Way, bundles: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def meanwhile(*_: Any) -> Seen:
            publish(shown, Wish(bundles("three")), way)
            return Seen("http://x/", "fail", problems=("/a: other bytes",))

        monkeypatch.setattr(releases, "look", meanwhile)
        assert not releases.promote(shown, "next", back=True).rolled_back
        assert self.live(shown) == ["publish", "promote", "publish"]

    @pytest.fixture
    def told(self) -> Iterator[tuple[str, list[str]]]:
        posted: list[str] = []

        def act(*request: Any) -> tuple[int, dict[str, str], bytes]:
            posted.append(next(part for part in request if isinstance(part, bytes)).decode())
            return 200, {}, b"ok"

        with Answers(act) as server:
            yield f"slack+{server.url}/hook", posted

    def test_it_is_told(
        self, shown: LocalSite, told: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        url, posted = told
        self.wrong(monkeypatch)
        summary = tmp_path / "summary.md"
        command = ["promote", "--site", "local", "--folder", str(shown.folder), "--from", "next", "--webhook", url]
        assert main([*command, "--rollback-on-failure", "--summary", str(summary)]) == 1
        said = "promote next on local"
        assert summary.read_text().startswith(f"↩️ {said}: release 000003 shows the version 000001-")
        assert "; /a: other bytes" in summary.read_text()
        assert json.loads(posted[0])["text"].splitlines()[0] == f"↩️ {said}"
        assert url.partition("+")[2] not in capsys.readouterr().out + summary.read_text()
        assert main([*command, "--summary", str(summary)]) == 1  # the preview was made on what is not live any more
        assert "❌ promote next on local: the version of next was made on release 000001" in summary.read_text()
        assert json.loads(posted[1])["text"].splitlines()[0] == f"❌ {said}"
