"""What publishing needs beside the site: credentials, the gate's reports, webhooks, Remote Config."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_bundle
from fake_hosting import FakeHosting, running

from edgekit.cli import main
from edgekit.errors import CheckFailed, InputError, NotAvailable
from edgekit.publishing import credentials
from edgekit.publishing.credentials import GoogleCredential, Owner, find_credential
from edgekit.publishing.gate import refusals
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.notify import News, check_webhook, send
from edgekit.publishing.remote_config import RemoteConfig, parameter
from edgekit.publishing.retries import Patience

QUICK = Patience(tries=3, first=0.01, longest=0.02, stall=2)
firebase_admin = pytest.importorskip("firebase_admin", reason="not run: firebase-admin is missing")


class Answers:
    """A server with a function for each request: (method, path, headers, body) -> status, headers, body."""

    def __init__(self, act: Callable[[str, str, Any, bytes], tuple[int, dict[str, str], bytes]]) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.append((self.command, self.path, dict(self.headers), body))
                status, headers, data = act(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Answers:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credential of the machine that runs the tests."""
    for name in (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_CLOUD_QUOTA_PROJECT",
        "EDGEKIT_WEBHOOK",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def key() -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    private = rsa.generate_private_key(65537, 2048)
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, form, none).decode()


def token_server(status: int = 200, plain: Any = None) -> Answers:
    issued = iter(range(1, 100))

    def act(*_: Any) -> tuple[int, dict[str, str], bytes]:
        body = plain or {"access_token": f"token-{next(issued)}", "expires_in": 3600, "token_type": "Bearer"}
        return status, {"Content-Type": "application/json"}, json.dumps(body).encode()

    return Answers(act)


def service_account(folder: Path, key: str, token_uri: str) -> Path:
    file = folder / "key.json"
    plain = {"type": "service_account", "project_id": "my-project", "private_key_id": "1", "private_key": key}
    file.write_text(json.dumps({**plain, "client_email": "a@b.c", "client_id": "1", "token_uri": token_uri}))
    return file


def workload(folder: Path, token_uri: str) -> Path:
    (folder / "subject").write_text("the workload's own token")
    file = folder / "workload.json"
    plain = {
        "type": "external_account", "audience": "//iam.googleapis.com/x", "token_url": token_uri,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": {"file": str(folder / "subject")},
    }  # fmt: skip
    file.write_text(json.dumps(plain))
    return file


@pytest.mark.parametrize("kind", ["service account", "workload identity", "firebase-admin"])
def test_credentials_of_each_kind(kind: str, tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with token_server() as tokens, running(FakeHosting(needs_token="token-1")) as fake:
        if kind == "workload identity":
            credential = find_credential(workload(tmp_path, tokens.url))
        elif kind == "service account":
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(tmp_path, key, tokens.url)))
            credential = find_credential(None)
        else:
            certificate = firebase_admin.credentials.Certificate(str(service_account(tmp_path, key, tokens.url)))
            app = firebase_admin.initialize_app(certificate, name="for-edgekit")
            credential = GoogleCredential(app)
            firebase_admin.delete_app(app)
        site = HostingApi(fake.site, credential, fake.url, QUICK)
        assert site.channel("live") is not None
        # A clock that is wrong: the server does not take a token that this machine believes in. It is renewed once.
        fake.needs_token = "token-2"
        assert site.channel("live") is not None
        fake.needs_token = "another"
        with pytest.raises(NotAvailable) as caught:
            site.channel("live")
        assert str(caught.value) == (
            "the credential is not accepted; check it, and that the clock of this machine is right "
            "(hosting answers 401 UNAUTHENTICATED: Request had invalid authentication credentials.)"
        )
        assert len(tokens.asked) == 3


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda f, k: f / "none.json", "the credential {0}/none.json cannot be used: there is no such file; ", id="no file"),
        pytest.param(lambda f, k: text(f, "{"), "the credential {0}/bad.json cannot be used", id="no JSON"),
        pytest.param(lambda f, k: text(f, '{"type": "x"}'), "the credential {0}/bad.json cannot be used", id="no type"),
        pytest.param(
            lambda f, k: text(f, '{"type": "service_account", "private_key": "SECRET", "client_email": "a", "token_uri": "b"}'),
            "the credential {0}/bad.json cannot be used",
            id="no key",
        ),
        pytest.param(lambda f, k: None, "there is no credential on this machine; ", id="none at all"),
    ],
)  # fmt: skip
def test_credentials_that_are_missing_or_wrong(
    make: Any, says: str, tmp_path: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = make(tmp_path, key)
    with pytest.raises(NotAvailable) as caught:
        find_credential(file)
    assert str(caught.value).startswith(says.format(tmp_path))
    assert str(caught.value).endswith(credentials._HOW)
    assert "SECRET" not in str(caught.value)
    arguments = ["releases", "--site", "my-site", *(["--credentials", str(file)] if file else [])]
    assert main(arguments) == 3
    assert capsys.readouterr().err == f"edgekit: {caught.value}\n"


def text(folder: Path, content: str) -> Path:
    (folder / "bad.json").write_text(content)
    return folder / "bad.json"


def test_a_token_that_is_not_given(tmp_path: Path, key: str) -> None:
    said = {"error": "invalid_grant", "error_description": "Invalid JWT: Token must be a short-lived token"}
    with token_server(400, said) as tokens:
        credential = find_credential(service_account(tmp_path, key, tokens.url))
        with pytest.raises(NotAvailable) as caught:
            credential.headers()
    assert "; the clock of this machine may be wrong; give a service account's key" in str(caught.value)
    assert key[30:60] not in str(caught.value)


def test_what_is_no_credential() -> None:
    with pytest.raises(InputError, match="a str is no credential of google-auth or firebase-admin"):
        GoogleCredential("secret")
    assert isinstance(find_credential(None, on_this_machine=True), Owner)


class TestGate:
    def report(self, bundle: Any, **changes: Any) -> None:
        plain = {"ok": True, "bundle_id": bundle.manifest.id, "checks": [{"status": "pass"}], **changes}
        bundle.root.with_name(f"{bundle.root.name}.report.json").write_text(json.dumps(plain))

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({}, ""),
            ({"bundle_id": "0" * 64}, "b.report.json is about another bundle than {0}; run: edgekit verify {1}"),
            ({"ok": False}, "b.report.json is not green: verify said no to this bundle; see b.report.html"),
            ({"ok": "yes"}, "b.report.json is not green: verify said no to this bundle; see b.report.html"),
            (
                {"checks": [{"status": "not run"}]},
                "b.report.json is not green: verify said no to this bundle; see b.report.html",
            ),
            (
                {"checks": [{"status": "pass"}, {"status": "fail"}]},
                "b.report.json is not green: verify said no to this bundle; see b.report.html",
            ),
        ],
    )
    def test_only_a_green_report_of_this_bundle(self, tmp_path: Path, changes: Any, sentence: str) -> None:
        bundle = make_bundle(tmp_path / "b")
        assert refusals(bundle) == [
            f"there is no report of verify at {tmp_path}/b.report.json; run: edgekit verify {bundle.root}"
        ]
        self.report(bundle, **changes)
        expected = sentence.format(bundle.manifest.id[:16], bundle.root)
        assert refusals(bundle) == ([expected] if sentence else [])

    def test_force_is_in_the_record(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        bundle = make_bundle(tmp_path / "b", name="made")
        arguments = ["publish", str(bundle.root), "--site", "local", "--folder", str(tmp_path / "h"), "--no-check"]
        assert main(arguments) == 1
        said = f"there is no report of verify at {tmp_path}/b.report.json; run: edgekit verify {bundle.root}"
        assert capsys.readouterr().err == (
            f"edgekit: not published: {said} (--force overrules this, and the release says so)\n"
        )
        assert main([*arguments, "--force"]) == 0
        capsys.readouterr()
        assert main(["releases", "--site", "local", "--folder", str(tmp_path / "h"), "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert row["forced"].startswith("there is no report of verify")
        self.report(bundle)
        (tmp_path / "h2").mkdir()
        assert main([*arguments[:-2], str(tmp_path / "h2"), "--no-check"]) == 0


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
        assert texts[1].startswith("\u2705 publish made on local\n15 added; ")
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


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--site", "My_Site"], 2, "'My_Site' is not the name of a site; it has small letters, digits and - only"),
        (
            ["--site", "s", "--endpoint", "http://example.com"], 2,
            "the endpoint 'http://example.com' is neither https nor on this machine; a credential would be readable",
        ),
    ],
)  # fmt: skip
def test_sites_that_cannot_be(
    arguments: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, key: str
) -> None:
    file = service_account(tmp_path, key, "http://127.0.0.1:9")
    assert main(["releases", *arguments, "--credentials", str(file)]) == code
    assert capsys.readouterr().err == f"edgekit: {sentence}\n"
