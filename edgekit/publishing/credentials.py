"""Who publishes: a service account, application default credentials, or workload identity, through google-auth.

Nothing here prints or stores a credential; errors name the file, never what is in it.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, final

from edgekit.errors import InputError, NotAvailable, missing_extra

try:
    import google.auth
    import google.auth.credentials
    import google.auth.exceptions
    from google.auth.transport.requests import Request
except ImportError:
    google = None  # type: ignore[assignment]

SCOPES = (
    "https://www.googleapis.com/auth/firebase.hosting",
    "https://www.googleapis.com/auth/cloud-platform",
)
VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
QUOTA_VARIABLE = "GOOGLE_CLOUD_QUOTA_PROJECT"
_HOW = (
    f"give a service account's key or a workload identity file with --credentials or ${VARIABLE}, "
    "or run: gcloud auth application-default login"
)


@final
class GoogleCredential:
    """Bearer tokens of a google-auth credential, fetched when they are needed; safe to use from several threads."""

    def __init__(self, credential: Any) -> None:
        """Take a google.auth credential, or a firebase_admin App or credential, which holds one."""
        if google is None:
            raise missing_extra("publishing to Firebase Hosting", "firebase")
        for name in ("credential", "get_credential"):  # a firebase_admin App, then its credential
            inner = getattr(credential, name, None)
            credential = (inner() if callable(inner) else inner) or credential
        if not isinstance(credential, google.auth.credentials.Credentials):
            raise InputError(f"a {type(credential).__name__} is no credential of google-auth or firebase-admin")
        self._credential = google.auth.credentials.with_scopes_if_required(credential, SCOPES)  # type: ignore[no-untyped-call]
        self._lock = threading.Lock()

    @property
    def project(self) -> str:
        """The project that the credential belongs to; "" where it does not say."""
        return str(getattr(self._credential, "project_id", "") or "")

    def headers(self) -> dict[str, str]:
        """Return the headers of a request; NotAvailable where no token can be had."""
        with self._lock:
            if not self._credential.valid:
                self._refresh()
            headers: dict[str, str] = {}
            self._credential.apply(headers)
        headers = {name.title(): value for name, value in headers.items()}
        quota = os.environ.get(QUOTA_VARIABLE)
        return {**headers, "x-goog-user-project": quota} if quota else headers

    def renew(self) -> None:
        """Fetch another token: this machine's clock may say that the old one is good, and the server disagrees."""
        with self._lock:
            self._refresh()

    def _refresh(self) -> None:
        try:
            self._credential.refresh(Request())
        except google.auth.exceptions.TransportError as error:
            raise NotAvailable(f"no token could be fetched ({_short(error)}); check the network") from None
        except google.auth.exceptions.GoogleAuthError as error:
            clock = "; the clock of this machine may be wrong" if "JWT" in str(error) else ""
            raise NotAvailable(f"the credential gives no token ({_short(error)}){clock}; {_HOW}") from None
        except (OSError, ValueError) as error:  # the file of a workload's own token
            raise NotAvailable(f"the credential gives no token ({type(error).__name__}); {_HOW}") from None


@final
class Owner:
    """What the emulators and fake servers on this machine take, as the firebase CLI sends it."""

    project = ""

    def headers(self) -> dict[str, str]:
        """Return a header that means nothing elsewhere."""
        return {"Authorization": "Bearer owner"}

    def renew(self) -> None:
        """Do nothing: there is no token."""


def find_credential(file: Path | None, on_this_machine: bool = False) -> GoogleCredential | Owner:
    """Return the credential of a file, of $GOOGLE_APPLICATION_CREDENTIALS, or of this machine.

    A server on this machine gets none unless one is given. Raises NotAvailable with what would help.
    """
    chosen = file or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if chosen is None and on_this_machine:
        return Owner()
    if google is None:
        raise missing_extra("publishing to Firebase Hosting", "firebase")
    # Elsewhere than on Google's machines there is no metadata server to wait for.
    os.environ.setdefault("GCE_METADATA_TIMEOUT", "1")
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")
    try:
        if chosen is None:
            credential, _ = google.auth.default(scopes=SCOPES)
        else:
            load: Any = google.auth.load_credentials_from_file
            credential, _ = load(str(chosen), scopes=SCOPES)
    except google.auth.exceptions.GoogleAuthError as error:
        if chosen is None:
            raise NotAvailable(f"there is no credential on this machine; {_HOW}") from None
        missing = "" if chosen.is_file() else ": there is no such file"
        kind = missing or f" ({type(error).__name__})"
        raise NotAvailable(f"the credential {chosen} cannot be used{kind}; {_HOW}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAvailable(f"the credential {chosen} cannot be read ({type(error).__name__}); {_HOW}") from None
    return GoogleCredential(credential)


def _short(error: Exception) -> str:
    """Return a message's first words: what follows may be the server's whole reply."""
    text = str(error.args[0]) if error.args else type(error).__name__
    return text.strip().splitlines()[0][:120] if text.strip() else type(error).__name__
