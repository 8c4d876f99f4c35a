"""Firebase Remote Config as another source of the canary's percentage: one number, which apps read.

The template is one document for a whole project, so it is replaced only as it was read (If-Match with its etag).
https://firebase.google.com/docs/reference/remote-config/rest
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, final

from edgekit.errors import CheckFailed, NotAvailable, missing_extra
from edgekit.publishing.endpoint import check_endpoint
from edgekit.publishing.hosting_api import Credential
from edgekit.publishing.retries import PASSING, Passing, Patience, persist

try:
    import requests
except ImportError:
    requests = None  # type: ignore[assignment]

ENDPOINT = "https://firebaseremoteconfig.googleapis.com"
_MOVED = 5  # how often somebody else may be faster


class _Moved(Exception):
    """The template changed between reading and writing."""


def parameter(name: str) -> str:
    """Return the name of the parameter of a model: letters, digits and _ only, as Remote Config takes them."""
    return f"edgekit_canary_percent_{re.sub('[^A-Za-z0-9_]', '_', name)}"


@final
class RemoteConfig:
    """The Remote Config template of a project."""

    def __init__(
        self, project: str, credential: Credential, endpoint: str = ENDPOINT, patience: Patience | None = None
    ) -> None:
        """Prepare; nothing is sent yet."""
        if requests is None:
            raise missing_extra("Remote Config", "firebase")
        self._url = f"{check_endpoint(endpoint)}/v1/projects/{project}/remoteConfig"
        self._credential, self._patience = credential, patience or Patience()

    def set_percent(self, name: str, percent: float) -> bool:
        """Write the percentage of a model's canary, nothing else; False where it says so already.

        Raises CheckFailed where others keep changing the template.
        """
        for _ in range(_MOVED):
            template, etag = self._request("GET", None, "")
            parameters = template.setdefault("parameters", {})
            wanted = {"defaultValue": {"value": f"{percent:g}"}, "valueType": "NUMBER"}
            old = parameters.get(parameter(name), {})
            if {key: old.get(key) for key in wanted} == wanted:
                return False
            about = f"Percentage of installs that get the canary of {name}; written by edgekit"
            parameters[parameter(name)] = {"description": about, **old, **wanted}
            template.pop("version", None)  # only the server writes it
            try:
                self._request("PUT", template, etag)
                return True
            except _Moved:
                continue
        raise CheckFailed(f"the Remote Config template changed {_MOVED} times meanwhile; run the same command again")

    def _request(self, method: str, body: Mapping[str, Any] | None, etag: str) -> tuple[dict[str, Any], str]:
        return persist(lambda: self._try(method, body, etag), self._patience, threading.Event())

    def _try(self, method: str, body: Mapping[str, Any] | None, etag: str) -> tuple[dict[str, Any], str]:
        headers = {**self._credential.headers(), "Accept-Encoding": "gzip"}
        if etag:
            headers["If-Match"] = etag
        stall = self._patience.stall
        with requests.Session() as session:
            session.auth = lambda request: request  # else a .netrc would replace the credential
            try:
                reply = session.request(
                    method, self._url, headers=headers, json=body, timeout=(stall, stall), allow_redirects=False
                )
            except requests.RequestException as error:
                raise Passing(f"the connection broke ({type(error).__name__})") from None
        if reply.status_code in PASSING:
            raise Passing(f"Remote Config answers {reply.status_code}")
        if reply.status_code in (409, 412):
            raise _Moved
        if reply.status_code in (401, 403):
            raise NotAvailable("the credential may not change Remote Config; it needs the role Remote Config Admin")
        if reply.status_code != 200:
            raise CheckFailed(f"Remote Config answers {reply.status_code}; check --project")
        try:
            plain = reply.json()
        except ValueError:
            raise Passing("the answer of Remote Config is not JSON") from None
        return plain, reply.headers.get("ETag", "")
