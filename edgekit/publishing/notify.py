"""Tell people: a webhook of Slack, Discord or Telegram. An alert that fails never fails what it tells of."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edgekit import __version__
from edgekit.errors import InputError
from edgekit.publishing.endpoint import is_local

VARIABLE = "EDGEKIT_WEBHOOK"
_SECONDS = 10


@dataclass(frozen=True)
class News:
    """What happened. Outcomes: success, failure, rollback."""

    outcome: str
    title: str
    summary: str
    link: str = ""

    def text(self) -> str:
        """Return it as plain text, a line for each part."""
        mark = {"success": "\u2705", "failure": "\u274c", "rollback": "\u21a9\ufe0f"}[self.outcome]
        return "\n".join(part for part in (f"{mark} {self.title}", self.summary, self.link) if part)


def _slack(news: News, _url: str) -> dict[str, Any]:
    # Slack reads &, < and > as markup.
    text = news.text().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text}


def _discord(news: News, _url: str) -> dict[str, Any]:
    # No names in the text may call people.
    return {"content": news.text()[:2000], "allowed_mentions": {"parse": []}}


def _telegram(news: News, url: str) -> dict[str, Any]:
    chat = parse_qs(urlsplit(url).query).get("chat_id", [""])[0]
    if not chat:
        raise InputError("a Telegram webhook needs its chat: add ?chat_id=... to the URL")
    return {"chat_id": chat, "text": news.text()[:4096]}


#: format: (the host that speaks it, how it is written)
FORMATS: Mapping[str, tuple[str, Callable[[News, str], dict[str, Any]]]] = {
    "slack": ("hooks.slack.com", _slack),
    "discord": ("discord.com", _discord),
    "telegram": ("api.telegram.org", _telegram),
}


def check_webhook(url: str) -> str:
    """Return the format of a webhook; raises InputError for one that cannot be. The URL is a secret: it is not shown.

    The format follows from the host; for another host it is given before the URL, as in slack+https://...
    """
    prefix, plus, rest = url.partition("+")
    address = rest if plus and prefix in FORMATS else url
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local(address)):
        raise InputError("a webhook is an https:// address; check --webhook")
    named = prefix if address != url else next((n for n, (host, _) in FORMATS.items() if parts.hostname == host), "")
    if not named:
        known = ", ".join(f"{name}+https://" for name in FORMATS)
        raise InputError(f"the host {parts.hostname} is not known; write one of {known} before it")
    FORMATS[named][1](News("success", "", ""), address)
    return named


def webhooks(given: Sequence[str]) -> tuple[str, ...]:
    """Return the webhooks that were given, else that of the environment; InputError for one that cannot be."""
    urls = tuple(given) or tuple(filter(None, [os.environ.get(VARIABLE, "")]))
    for url in urls:
        check_webhook(url)
    return urls


def tell_all(urls: Sequence[str], news: News) -> list[str]:
    """Post the news to each; return why it did not arrive, for those that missed it."""
    return [why for url in urls if (why := send(url, news))]


def send(url: str, news: News) -> str:
    """Post the news; return "" or why it did not arrive, without the URL."""
    style = check_webhook(url)
    address = url.removeprefix(f"{style}+")
    body = json.dumps(FORMATS[style][1](news, address)).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"edgekit/{__version__}"}
    request = urllib.request.Request(address, body, headers)  # noqa: S310 (the scheme is checked)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        return f"the webhook answers {error.code}"
    except (OSError, HTTPException, ValueError) as error:
        return f"the webhook could not be reached ({type(error).__name__})"
