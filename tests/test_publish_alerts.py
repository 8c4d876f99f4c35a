"""Whom publishing tells: webhooks, and Remote Config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from answers import Answers
from fabricated import make_bundle
from fake_hosting import FakeHosting
from fake_server import running

from edgekit.cli import main
from edgekit.errors import CheckFailed, InputError
from edgekit.publishing.credentials import Owner
from edgekit.publishing.notify import News, check_webhook, send
from edgekit.publishing.remote_config import RemoteConfig, parameter
from edgekit.publishing.retries import Patience

QUICK = Patience(tries=3, first=0.01, longest=0.02, stall=2)


pytestmark = pytest.mark.usefixtures("no_credentials")


NEWS = News("success", "publish <made> & co on my-site", "3 added", "https://my-site.web.app/made/")


class TestWebhooks:
    @pytest.mark.parametrize(
        ("url", "body"),
        [
            (
                "slack+{0}/services/T/B/SECRET",
                {"text": "\u2705 publish &lt;made&gt; &amp; co on my-site\n3 added\nhttps://my-site.web.app/made/"},
            ),
            (
                "discord+{0}/api/webhooks/1/SECRET",
                {
                    "content": "\u2705 publish <made> & co on my-site\n3 added\nhttps://my-site.web.app/made/",
                    "allowed_mentions": {"parse": []},
                },
            ),
            (
                "telegram+{0}/botSECRET/sendMessage?chat_id=-1",
                {
                    "chat_id": "-1",
                    "text": "\u2705 publish <made> & co on my-site\n3 added\nhttps://my-site.web.app/made/",
                },
            ),
        ],
    )
    def test_each_format(self, url: str, body: Any) -> None:
        with Answers(lambda *_: (200, {}, b"ok")) as hook:
            assert send(url.format(hook.url), NEWS) == ""
            ((method, path, headers, sent),) = hook.asked
        assert (method, path, json.loads(sent)) == ("POST", url.partition("{0}")[2], body)
        assert headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("http://hooks.slack.com/SECRET", "a webhook is an https:// address; check --webhook"),
            (
                "https://example.com/SECRET",
                "the host example.com is not known; write one of slack+https://, discord+https://, telegram+https:// before it",
            ),
            (
                "https://api.telegram.org/botSECRET/sendMessage",
                "a Telegram webhook needs its chat: add ?chat_id=... to the URL",
            ),
        ],
    )
    def test_those_that_cannot_be(self, url: str, sentence: str) -> None:
        with pytest.raises(InputError) as caught:
            check_webhook(url)
        assert str(caught.value) == sentence

    def test_the_host_tells_the_format(self) -> None:
        assert check_webhook("https://hooks.slack.com/services/x") == "slack"
        assert check_webhook("https://discord.com/api/webhooks/x") == "discord"

    def test_success_failure_and_a_hook_that_fails(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """What the alert tells of is not changed by it."""
        bundle = make_bundle(tmp_path / "b", name="made")
        answer = [200]
        with Answers(lambda *_: (answer[0], {}, b"")) as hook:
            arguments = [
                "publish", str(bundle.root), "--site", "local", "--folder", str(tmp_path / "h"), "--no-check",
                "--webhook", f"slack+{hook.url}/SECRET",
            ]  # fmt: skip
            assert main(arguments) == 1
            assert main([*arguments, "--force"]) == 0
            answer[0] = 500
            assert main([*arguments, "--force", "--keep-bundles", "1"]) == 0
            texts = [json.loads(sent)["text"] for *_, sent in hook.asked]
        out, err = capsys.readouterr()
        assert texts[0].startswith("\u274c publish made on local\nnot published: there is no report of verify at ")
        assert texts[1].startswith("\u2705 publish made on local\n16 added; ")
        assert "SECRET" not in out + err


class TestRemoteConfig:
    def server(self, template: dict[str, Any], moves: int = 0, fail: int = 0) -> Answers:
        state = {"etag": 1, "template": template, "moves": moves, "fail": fail}

        def act(method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
            assert path == "/v1/projects/my-project/remoteConfig"
            if state["fail"]:
                state["fail"] -= 1  # type: ignore[operator]
                return 503, {}, b""
            if method == "PUT":
                if state["moves"]:
                    state["moves"] -= 1  # type: ignore[operator]
                    state["etag"] += 1  # type: ignore[operator]
                if headers["If-Match"] != f"etag-{state['etag']}" and headers["If-Match"] != "*":
                    return 412, {}, b"{}"
                state["template"] = json.loads(body)
                state["etag"] += 1  # type: ignore[operator]
            plain = {**state["template"], "version": {"versionNumber": "7"}}  # type: ignore[dict-item]
            return 200, {"ETag": f"etag-{state['etag']}"}, json.dumps(plain).encode()

        self.state = state
        return Answers(act)

    def test_one_number_is_written_and_nothing_else(self) -> None:
        other = {"parameters": {"x": {"defaultValue": {"value": "1"}}}, "conditions": [{"name": "c"}]}
        with self.server(other, moves=2, fail=1) as server:
            remote = RemoteConfig("my-project", Owner(), server.url, QUICK)
            assert remote.set_percent("my.model", 12.5)
            template: Any = self.state["template"]
            assert template["conditions"] == other["conditions"]
            assert template["parameters"]["x"] == other["parameters"]["x"]  # type: ignore[index]
            made = template["parameters"]["edgekit_canary_percent_my_model"]
            assert (made["defaultValue"], made["valueType"]) == ({"value": "12.5"}, "NUMBER")
            assert not remote.set_percent("my.model", 12.5)
        assert parameter("my.model") == "edgekit_canary_percent_my_model"

    def test_a_template_that_never_rests(self) -> None:
        with self.server({}, moves=100) as server:
            with pytest.raises(CheckFailed) as caught:
                RemoteConfig("my-project", Owner(), server.url, QUICK).set_percent("m", 1)
            assert str(caught.value) == (
                "the Remote Config template changed 5 times meanwhile; run the same command again"
            )

    def test_from_the_command_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        one, two = (make_bundle(tmp_path / t, files={"x": t.encode()}, name="made") for t in ("one", "two"))
        with running(FakeHosting()) as fake, self.server({}) as server:
            monkeypatch.setenv("FIREBASE_REMOTE_CONFIG_URL", server.url)
            more = [
                "--site",
                fake.site,
                "--endpoint",
                fake.url,
                "--no-check",
                "--remote-config",
                "--project",
                "my-project",
            ]

            def percent() -> str:
                template: Any = self.state["template"]
                return str(template["parameters"]["edgekit_canary_percent_made"]["defaultValue"]["value"])

            assert main(["publish", str(one.root), "--force", *more]) == 0
            assert main(["publish", str(two.root), "--force", "--canary", "10%", *more]) == 0
            assert percent() == "10"
            assert main(["canary", "abort", "--name", "made", *more]) == 0
            assert percent() == "0"
