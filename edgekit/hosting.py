"""The headers of a hosted bundle: one list of rules for `serve` and for whatever host the page goes to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Any

#: Content types by ending. Not `mimetypes`: its answers depend on the machine's own tables.
CONTENT_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
    ".tflite": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
UNKNOWN_TYPE = "application/octet-stream"

#: Nothing but the site itself; 'wasm-unsafe-eval' compiles WebAssembly and allows no eval of text.
_POLICY = (
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "connect-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
CONTENT_SECURITY_POLICY = "; ".join(_POLICY)
REVALIDATE = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Rule:
    """Headers for the URL paths that a glob matches, written as Firebase Hosting writes globs.

    `**` is any number of folders, `*` and `?` stay inside one, `[0-9a-f]` is one character, `@(a|b)` is a choice.
    """

    glob: str
    headers: Mapping[str, str]


_ISOLATED = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}

#: Every rule that matches adds its headers; where two set the same one, the later rule wins.
RULES: tuple[Rule, ...] = (
    Rule(
        "/**",
        {
            "Cache-Control": REVALIDATE,
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        },
    ),
    Rule("/", _ISOLATED),
    # Scripts too: a worker takes its policies from its own response, not from the page that started it.
    Rule("/**/*.@(html|js|mjs)", _ISOLATED),
    # Only a name that carries the hash of its contents may be kept without asking again.
    Rule("/**/shard-*." + "[0-9a-f]" * 16 + ".bin", {"Cache-Control": IMMUTABLE}),
)

_SHARED = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


def published_rules(name: str) -> tuple[Rule, ...]:
    """Return the rules of one published model: they speak of paths under `/NAME/` only.

    A bundle lies under its id and never changes. Apps of other origins may read bundles and channel.json.
    """
    own = tuple(Rule(f"/{name}{rule.glob}", rule.headers) for rule in RULES)
    return (
        *own,
        Rule(f"/{name}/bundles/**", {**_SHARED, "Cache-Control": IMMUTABLE}),
        Rule(f"/{name}/channel.json", _SHARED),
    )


@dataclass(frozen=True)
class Settings:
    """How a site answers: its header rules, and (glob, location, status) of its redirects, which come first."""

    rules: Sequence[Rule] = RULES
    redirects: Sequence[tuple[str, str, int]] = ()


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Read headers and redirects from a configuration of Firebase Hosting's API; rules by regex are passed over."""
    rules = [Rule(r["glob"], r["headers"]) for r in config.get("headers", []) if "glob" in r]
    redirects = [(r["glob"], r["location"], r["statusCode"]) for r in config.get("redirects", []) if "glob" in r]
    return Settings(rules, redirects)


def matches(glob: str, path: str) -> bool:
    """Tell whether a glob takes a URL path."""
    return _pattern(glob).fullmatch(path) is not None


def headers_for(path: str, rules: Sequence[Rule] = RULES) -> dict[str, str]:
    """Return the headers of a URL path such as `/bundle/manifest.json`, its content type among them."""
    headers = {"Content-Type": content_type(path)}
    for rule in rules:
        if matches(rule.glob, path):
            headers.update(rule.headers)
    return headers


def content_type(path: str) -> str:
    """Return the content type of a URL path; a folder is the page in it."""
    if path.endswith("/"):
        return CONTENT_TYPES[".html"]
    return CONTENT_TYPES.get(PurePosixPath(path).suffix.lower(), UNKNOWN_TYPE)


_TOKEN = re.compile(
    r"(?P<folders>/\*\*/)|(?P<rest>\*\*)|(?P<some>\*)|(?P<one>\?)|(?P<of>\[[^\]]+\])|@\((?P<any>[^)]*)\)"
)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    parts, end = [], 0
    for token in _TOKEN.finditer(glob):
        parts.append(re.escape(glob[end : token.start()]))
        fixed = {"folders": "/(?:.*/)?", "rest": ".*", "some": "[^/]*", "one": "[^/]", "of": token["of"]}
        choice = "|".join(re.escape(word) for word in (token["any"] or "").split("|"))
        parts.append(fixed.get(token.lastgroup or "", f"(?:{choice})"))
        end = token.end()
    return re.compile("".join([*parts, re.escape(glob[end:])]))
