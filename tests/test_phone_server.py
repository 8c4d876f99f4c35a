"""The server and the desk of `bench serve`: who is let in, what is counted, what is refused. Without a browser."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgekit.bench import desk as desk_module
from edgekit.bench import phone_server
from edgekit.bench.desk import Denied, Desk, Limits
from edgekit.bench.phone_server import COOKIE, PhoneServer, Places
from edgekit.bench.remote_protocol import VISIT, Join, Next, Result, Work, parse, visit_of
from edgekit.errors import CheckFailed, NotAvailable, UnfitBuild

ID = "ab" * 32
TOKEN = "a-token"
KEY, OTHER = "0f" * 32, "1e" * 32
WORK = Work(VISIT, ID, "wasm")
DEVICE = {"agent": "Mozilla/5.0 (Linux; Android 10; K) Chrome/130.0.0.0"}
JOIN = {"device": DEVICE, "token": TOKEN, "key": KEY}
VISITED = {"id": ID, "target": "wasm", "build": "simd", "values": {"cold": 1, "load": 1}, "calls": [1, 2]}


@dataclass
class Phone:
    """Speaks to a server as the page does."""

    port: int
    cookie: str = ""
    tab: int = 0

    def ask(self, path: str, message: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        kind = {"Content-Type": "application/json"} if message is not None else {}
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        body = message if isinstance(message, bytes) else json.dumps(message).encode() if message is not None else None
        try:
            connection.request("GET" if message is None else "POST", path, body, {**kind, **cookie, **headers})
            reply = connection.getresponse()
            data = reply.read()
            is_json = reply.headers.get_content_type() == "application/json"
            return reply.status, dict(reply.getheaders()), json.loads(data or b"null") if is_json else data
        finally:
            connection.close()

    def join(self, **changes: Any) -> tuple[int, Any]:
        status, headers, reply = self.ask("/api/join", {**JOIN, **changes})
        if status == 200:
            self.cookie = headers["Set-Cookie"].partition("=")[2].partition(";")[0]
            self.tab = reply["tab"]
        return status, reply

    def next(self) -> Any:
        return self.ask("/api/next", {"tab": self.tab})[2]

    def send(self, work: Any, **changes: Any) -> tuple[int, Any]:
        numbers = {"tab": self.tab, "work": work["work"], "attempt": work["attempt"]}
        status, _, reply = self.ask("/api/result", {**numbers, **VISITED, **changes})
        return status, reply


@dataclass
class Counter:
    """A server with a desk, and the loop's side of it."""

    desk: Desk
    phone: Phone

    def do(self) -> Loop:
        return Loop(self.desk)


class Loop(threading.Thread):
    """Asks for one visit and keeps what came of it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(daemon=True)
        self.desk, self.found = desk, None
        self.start()

    def run(self) -> None:
        try:
            self.found = self.desk.do(WORK, lambda result: visit_of(result, WORK))
        except Exception as error:
            self.found = error

    def result(self) -> Any:
        self.join(10)
        assert not self.is_alive()
        return self.found


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    desk = Desk(TOKEN)
    (tmp_path / "manifest.json").write_text("{}")
    places = Places({ID: {"visit.html": b"<!doctype html>", "bundle/manifest.json": tmp_path / "manifest.json"}})
    places.tags[tmp_path / "manifest.json"] = '"tag"'
    places.packed[tmp_path / "manifest.json"] = {"gzip": b'"gzip form"'}
    with PhoneServer(desk, places, "127.0.0.1") as server:
        yield Counter(desk, Phone(server.port))


def test_the_page_is_for_everybody_and_says_nothing(counter: Counter) -> None:
    for path in ("/", "/phone.js", "/phone.css", "/line.js", "/frame.js", "/measure.js"):
        status, headers, body = counter.phone.ask(path)
        assert (status, TOKEN.encode() in body) == (200, False)
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self'; "
            "img-src 'self' data:; worker-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )


def test_the_first_device_binds_the_token(counter: Counter) -> None:
    assert counter.phone.join() == (200, {"tab": 1, "resumed": False})
    assert Phone(counter.phone.port).join(key=OTHER) == (
        403,
        {"error": "another device has this session; start bench serve again"},
    )
    assert counter.phone.join(token="", key="") == (200, {"tab": 2, "resumed": True}), "a page that was loaded again"
    assert Phone(counter.phone.port).join() == (200, {"tab": 3, "resumed": True}), "its first answer was lost"


def test_the_secret_is_for_this_server_only(counter: Counter) -> None:
    _, headers, _ = counter.phone.ask("/api/join", JOIN)
    assert headers["Set-Cookie"] == f"{COOKIE}={KEY}; Path=/; HttpOnly; SameSite=Strict"


def test_a_token_expires() -> None:
    now = [0.0]
    desk = Desk(TOKEN, Limits(expires=60), lambda: now[0])
    now[0] = 61
    with pytest.raises(Denied, match=r"^the token is too old; start bench serve again$"):
        desk.join(parse(Join, json.dumps(JOIN).encode(), ""), "")
    with pytest.raises(NotAvailable) as ended:
        desk.device()
    assert str(ended.value) == "no device opened the page within 60 s; start again and scan the code"


@pytest.mark.parametrize(
    ("path", "message", "headers", "expected"),
    [
        pytest.param("/api/join", {**JOIN, "token": "a-tokem"}, {}, (403, "this is not the token of this session; scan the code again"), id="wrong token"),
        pytest.param("/api/join", {**JOIN, "token": ""}, {}, (403, "this is not the token of this session; scan the code again"), id="no token"),
        pytest.param("/api/join", {**JOIN, "key": ""}, {}, (400, "a device joins with a key"), id="no key"),
        pytest.param("/api/join", b"{", {}, (400, "the first message is not JSON with finite numbers"), id="no JSON"),
        pytest.param("/api/join", JOIN, {"Content-Type": "text/plain"}, (415, "messages are application/json"), id="what a form of another page can send"),
        pytest.param("/api/join", JOIN, {"Origin": "http://evil.example"}, (403, "another page may not ask here"), id="another page"),
        pytest.param("/api/join", JOIN, {"Host": "evil.example"}, (421, "this server answers to its own address only"), id="DNS rebinding"),
        pytest.param("/api/join", b"x" * ((256 << 10) + 1), {}, (413, "a message has at most 262144 bytes here, not 262145"), id="too large"),
        pytest.param("/api/next", {"tab": 1}, {}, (403, "this is for the device of the session"), id="work without the secret"),
        pytest.param("/api/result", {"tab": 1}, {"Cookie": f"{COOKIE}={OTHER}"}, (403, "this is for the device of the session"), id="a result of another device"),
        pytest.param("/v/1-1/bundle/manifest.json", None, {}, (403, "this is for the device of the session"), id="a bundle without the secret"),
        pytest.param("/v/1-1/../secret", None, {}, (403, "this is for the device of the session"), id="dots"),
        pytest.param("/nothing", None, {}, (404, "there is no such file here"), id="nothing there"),
        pytest.param("/api/other", {}, {}, (403, "this is for the device of the session"), id="no such message"),
    ],
)  # fmt: skip
def test_strangers_are_refused(
    counter: Counter, path: str, message: Any, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    status, _, reply = counter.phone.ask(path, message, **headers)
    assert (status, reply) == (expected[0], {"error": expected[1]})


def test_other_methods_and_endless_messages_are_refused(counter: Counter) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", counter.phone.port, timeout=5)
    connection.request("DELETE", "/")
    assert connection.getresponse().status == 405
    connection.close()
    connection.putrequest("POST", "/api/join")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    reply = connection.getresponse()
    assert (reply.status, json.loads(reply.read())) == (411, {"error": "a message says its length"})
    connection.close()


def test_strangers_are_slowed_down(counter: Counter) -> None:
    answers = [counter.phone.join(token="wrong")[0] for _ in range(phone_server.STRANGERS + 1)]
    assert answers == [403] * phone_server.STRANGERS + [429]


def test_work_is_given_out_until_its_result_is_here_and_counted_once(counter: Counter) -> None:
    counter.phone.join()
    loop = counter.do()
    first = counter.phone.next()
    again = counter.phone.next()
    assert (first["work"], first["attempt"], first["place"]) == (1, 1, "v/1-1/")
    assert (again["work"], again["attempt"], again["place"]) == (1, 2, "v/1-2/"), "another attempt, other addresses"
    assert counter.phone.send(first) == (200, {"counted": False, "why": "a later attempt is under way"})
    assert counter.phone.send(again) == (200, {"counted": True})
    assert loop.result().calls == (1.0, 2.0)
    assert counter.phone.send(again) == (200, {"counted": False, "why": "it was counted before"})
    later = counter.do()
    assert counter.phone.send(again) == (200, {"counted": False, "why": "it was counted before"})
    second = counter.phone.next()
    assert second["work"] == 2
    assert counter.phone.send(second, calls=[9, 9]) == (200, {"counted": True})
    assert later.result().calls == (9.0, 9.0)
    status, reply = counter.phone.send({"work": 3, "attempt": 1})
    assert (status, reply) == (409, {"error": "there is no such work"})


def test_files_are_those_of_the_attempt_under_way(counter: Counter) -> None:
    counter.phone.join()
    loop = counter.do()
    place = f"/{counter.phone.next()['place']}"
    status, headers, body = counter.phone.ask(f"{place}visit.html")
    assert (status, headers["Cache-Control"], body) == (200, "no-store", b"<!doctype html>")
    assert headers["Content-Security-Policy"].endswith("frame-ancestors 'self'")
    packed = counter.phone.ask(f"{place}bundle/manifest.json", **{"Accept-Encoding": "gzip, br"})
    assert (packed[1]["Content-Encoding"], packed[2]) == ("gzip", "gzip form")
    for path in ("secret", "bundle/../../secret"):
        assert counter.phone.ask(f"{place}{path}")[0] == 404
    assert counter.phone.ask("/v/1-9/visit.html")[2] == {"error": "that attempt is over"}
    assert counter.phone.send({"work": 1, "attempt": 1}) == (200, {"counted": True})
    assert counter.phone.ask(f"{place}visit.html")[2] == {"error": "that attempt is over"}
    loop.result()


def test_an_attempt_that_asked_twice_for_a_file_is_not_counted(counter: Counter) -> None:
    counter.phone.join()
    loop = counter.do()
    work = counter.phone.next()
    for _ in range(2):
        counter.phone.ask(f"/{work['place']}visit.html")
    assert counter.phone.send(work) == (200, {"counted": False, "why": "the connection broke off while it ran"})
    assert counter.phone.send(counter.phone.next()) == (200, {"counted": True})
    loop.result()


def test_a_script_may_be_asked_about_again(counter: Counter, tmp_path: Path) -> None:
    """A runtime fetches and checks it, then the browser runs it from the same address and asks whether it changed."""
    counter.phone.join()
    loop = counter.do()
    work = counter.phone.next()
    address = f"/{work['place']}bundle/manifest.json"
    status, headers, _ = counter.phone.ask(address)
    assert (status, headers["Cache-Control"], headers["ETag"]) == (200, "no-cache", '"tag"')
    status, _, body = counter.phone.ask(address, **{"If-None-Match": '"tag"'})
    assert (status, body) == (304, None)
    assert counter.phone.ask(address)[0] == 200, "a browser without a cache"
    assert counter.phone.send(work) == (200, {"counted": True})
    loop.result()


def test_only_the_last_tab_works(counter: Counter) -> None:
    counter.phone.join()
    old = Phone(counter.phone.port, counter.phone.cookie, counter.phone.tab)
    counter.phone.join(token="", key="")
    assert old.next() == {"error": "the session goes on in another tab"}


@pytest.mark.parametrize(
    ("changes", "reply", "error"),
    [
        pytest.param(
            {"failed": "no memory"}, (200, {"counted": True}),
            CheckFailed("the phone could not run it: no memory"), id="it failed there",
        ),
        pytest.param(
            {"failed": "needs threads", "unfit": True}, (200, {"counted": True}),
            UnfitBuild("the phone could not run it: needs threads"), id="a build that does not fit",
        ),
        pytest.param(
            {"calls": [-1]},
            (400, {"error": "the result: calls[0] must be a number from 0 to 1e+13, not -1.0"}),
            CheckFailed("the phone sent what cannot be: the result: calls[0] must be a number from 0 to 1e+13, not -1.0"),
            id="asking again would bring the same",
        ),
    ],
)  # fmt: skip
def test_what_fails_on_the_phone_ends_the_session(counter: Counter, changes: Any, reply: Any, error: Exception) -> None:
    counter.phone.join()
    loop = counter.do()
    assert counter.phone.send(counter.phone.next(), **changes) == reply
    found = loop.result()
    assert (type(found), str(found)) == (type(error), str(error))


def test_a_phone_that_is_not_heard_of_ends_the_session() -> None:
    desk = Desk(TOKEN, Limits(patience=0.3))
    with pytest.raises(NotAvailable) as ended:
        desk.do(WORK, lambda result: result)
    assert str(ended.value) == "the phone was not heard of for 0.3 s; keep its screen on and the page in front"


def test_a_connection_that_breaks_every_time_is_given_up(counter: Counter) -> None:
    counter.phone.join()
    loop = counter.do()
    for _ in range(desk_module.MAX_ATTEMPTS + 1):
        counter.phone.next()
    assert str(loop.result()) == "the connection broke in 8 attempts; move the phone closer"


def test_progress_and_the_end_reach_the_phone(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "POLL", 0.1)
    counter.phone.join()
    counter.desk.tell("pairs", 3, 16)
    assert counter.phone.next() == {"state": "wait", "progress": {"what": "pairs", "done": 3, "total": 16}}
    told = threading.Thread(target=lambda: ended.append(counter.desk.finish({"state": "done", "title": "Same"}, 5)))
    ended: list[bool] = []
    told.start()
    time.sleep(0.05)
    assert counter.phone.next() == {"state": "done", "title": "Same"}
    told.join(5)
    assert ended == [True]
    assert counter.desk.finish({"state": "done"}, 0.01) is True


def test_nobody_hears_the_end(counter: Counter) -> None:
    assert counter.desk.finish({"state": "stopped"}, 0.01) is False


def test_a_result_is_parsed_as_the_page_sends_it() -> None:
    assert parse(Result, json.dumps({"tab": 1, "work": 1, "attempt": 1, **VISITED}).encode(), "").build == "simd"
    assert parse(Next, b'{"tab": 1}', "") == Next(1)
