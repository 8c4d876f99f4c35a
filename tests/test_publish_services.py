"""What publishing needs beside the site: credentials and the gate's reports."""

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
from edgekit.errors import InputError, NotAvailable
from edgekit.publishing import credentials
from edgekit.publishing.credentials import GoogleCredential, Owner, find_credential
from edgekit.publishing.gate import refusals
from edgekit.publishing.hosting_api import HostingApi
from edgekit.publishing.retries import Patience

QUICK = Patience(tries=3, first=0.01, longest=0.02, stall=2)
firebase_admin = pytest.importorskip("firebase_admin", reason="not run: firebase-admin is missing")


pytestmark = pytest.mark.usefixtures("no_credentials")


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
