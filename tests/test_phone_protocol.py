"""What the server of `bench serve` believes of what a device sends: each row is a message and the sentence about it."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from edgekit.bench.remote_protocol import (
    ANSWERS,
    VISIT,
    Join,
    Result,
    Work,
    answers_of,
    browser_of,
    device_of,
    parse,
    visit_of,
)
from edgekit.errors import InputError

ID = "ab" * 32
WORK = Work(VISIT, ID, "wasm")
VALUES = {"cold": 50.5, "load": 20, "first": 300.0}
GOOD = {
    "tab": 1,
    "work": 3,
    "attempt": 1,
    "id": ID,
    "target": "wasm",
    "build": "simd",
    "values": VALUES,
    "calls": [2, 4.0],
}
ABOUT = {"agent": "Mozilla/5.0 (Linux; Android 10; K) Chrome/130.0.0.0 Mobile", "processors": 8}
JOIN = {"device": ABOUT, "token": "t", "key": "0f" * 32}


def result(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def test_a_visit_is_taken_with_its_percentiles() -> None:
    visit = visit_of(parse(Result, result(), "the result"), WORK)
    assert visit.calls == (2.0, 4.0)
    expected = {**VALUES, "p50": 3.0, "p90": 3.8, "p99": 3.98, "throughput": 1e6 / 3}
    assert visit.values == pytest.approx(expected)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"\xff", "the result is not JSON with finite numbers", id="not UTF-8"),
        pytest.param(b"[", "the result is not JSON with finite numbers", id="cut off"),
        pytest.param(b"[" * 100_000, "the result is not JSON with finite numbers", id="too deep"),
        pytest.param(b"[]", "the result must be a table of keys, not a list", id="another shape"),
        pytest.param(
            result(values={**VALUES, "cold": float("nan")}), "the result is not JSON with finite numbers", id="NaN"
        ),
        pytest.param(result(calls=[float("inf")]), "the result is not JSON with finite numbers", id="infinity"),
        pytest.param(
            result(values={**VALUES, "cold": -1}),
            "the result: values.cold must be a number from 0 to 1e+13, not -1.0",
            id="negative",
        ),
        pytest.param(
            result(calls=[1, -2]), "the result: calls[1] must be a number from 0 to 1e+13, not -2.0", id="negative call"
        ),
        pytest.param(
            result(values={**VALUES, "load": 1e14}),
            "the result: values.load must be a number from 0 to 1e+13, not 100000000000000.0",
            id="huge",
        ),
        pytest.param(
            result(calls=[10**400]),
            "the result: calls[0] must be a number from 0 to 1e+13, not inf",
            id="more digits than a float has",
        ),
        pytest.param(result(calls=[True]), "the result: calls[0] must be a number, not true or false", id="a boolean"),
        pytest.param(result(calls=["1"]), "the result: calls[0] must be a number, not text", id="text"),
        pytest.param(result(calls=[]), "the result: calls must be 1 to 10000 numbers, not 0", id="no calls"),
        pytest.param(
            result(calls=[1] * 10_001), "the result: calls must be 1 to 10000 numbers, not 10001", id="too many calls"
        ),
        pytest.param(result(values={"cold": 1}), "the result: values lacks 'load'", id="a measure is missing"),
        pytest.param(
            result(values={**VALUES, "money": 1}), "the result: values: unknown measure 'money'", id="unknown measure"
        ),
        pytest.param(
            result(extra=1),
            "the result: unknown key 'extra'; known keys are attempt, build, calls, failed, hints, id, outputs, tab, "
            "target, unfit, values, work",
            id="unknown key",
        ),
        pytest.param(
            result(id="cd" * 32),
            f"the result is of the bundle '{'cd' * 32}', the work was '{ID}'",
            id="of another bundle",
        ),
        pytest.param(
            result(target="tfjs"), "the result is of the target 'tfjs', the work was 'wasm'", id="of another target"
        ),
        pytest.param(
            result(build="\x1b[2J"),
            "the result: 'build' must be printable and at most 300 characters",
            id="steers a terminal",
        ),
        pytest.param(result(outputs="AAAA"), "the result: a visit has no outputs", id="answers in place of times"),
        pytest.param(
            result(hints={"a": "b" * 301}),
            "the result: hints: 'a' must be printable and at most 300 characters",
            id="a long text",
        ),
    ],
)
def test_what_cannot_be_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as refused:
        visit_of(parse(Result, raw, "the result"), WORK)
    assert str(refused.value) == message


def test_a_build_that_was_asked_for_must_have_run() -> None:
    with pytest.raises(InputError) as refused:
        visit_of(parse(Result, result(), "the result"), Work(VISIT, ID, "wasm", "scalar"))
    assert str(refused.value) == "the result is of the build 'simd', the work was 'scalar'"


ROWS = np.array([[1.5, np.nan], [-0.0, np.inf]], np.float32)
WANTED = Work(ANSWERS, ID, "wasm", shape=(2, 2))


def answered(outputs: bytes | str, **changes: Any) -> bytes:
    text = outputs if isinstance(outputs, str) else base64.b64encode(outputs).decode()
    return result(**{"values": {}, "calls": [], "outputs": text, **changes})


def test_answers_arrive_bit_for_bit() -> None:
    found = answers_of(parse(Result, answered(ROWS.tobytes()), "the result"), WANTED)
    assert found.tobytes() == ROWS.tobytes()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(
            answered(ROWS.tobytes()[4:]),
            "the result: outputs must be 2 rows of 2 float32 (16 bytes), not 12 bytes",
            id="one number is missing",
        ),
        pytest.param(answered("!"), "the result: outputs must be base64", id="not base64"),
        pytest.param(
            answered(ROWS.tobytes(), calls=[1]),
            "the result: answers have no values and no calls",
            id="times in place of answers",
        ),
    ],
)
def test_answers_of_another_shape_are_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as refused:
        answers_of(parse(Result, raw, "the result"), WANTED)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"key": "0F" * 32}, "the first message: key must be 64 hex digits", id="key"),
        pytest.param(
            {"device": {**ABOUT, "processors": 10**6}},
            "the first message: device: processors must be 0 to 1024, not 1000000",
            id="processors",
        ),
        pytest.param(
            {"device": {**ABOUT, "agent": "a\nb"}},
            "the first message: device: 'agent' must be printable and at most 300 characters",
            id="two lines",
        ),
        pytest.param(
            {"device": {**ABOUT, "features": ["x"] * 33}},
            "the first message: device: features has 33 texts, more than 32",
            id="features",
        ),
        pytest.param({"device": 1}, "the first message: device must be a table of keys, not a whole number", id="type"),
    ],
)
def test_a_device_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(Join, json.dumps({**JOIN, **changes}).encode(), "the first message")
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        pytest.param(
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
            ("Chrome 130.0.0.0", "Linux; Android 10; K"),
            id="Chrome, Android",
        ),
        pytest.param(
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 "
            "Chrome/125.0.0.0 Mobile Safari/537.36",
            ("Samsung Internet 27.0", "Linux; Android 10; K"),
            id="built on Chrome",
        ),
        pytest.param(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/17.5 Mobile/15E148 Safari/604.1",
            ("Safari 17.5", "iPhone; CPU iPhone OS 17_5 like Mac OS X"),
            id="Safari",
        ),
        pytest.param(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1",
            ("Chrome (iOS) 126.0.6478.35", "iPhone; CPU iPhone OS 17_5 like Mac OS X"),
            id="Chrome, iOS",
        ),
        pytest.param(
            "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
            ("Firefox 127.0", "Android 14; Mobile; rv:127.0"),
            id="Firefox",
        ),
        pytest.param("curl/8", ("unknown browser", "unknown"), id="nothing known"),
    ],
)
def test_browsers_by_their_agent(agent: str, expected: tuple[str, str]) -> None:
    assert browser_of(agent) == expected


def test_a_device_is_the_same_while_its_hints_change() -> None:
    def told(**hints: str) -> Any:
        return parse(Join, json.dumps({**JOIN, "device": {**ABOUT, "hints": hints}}).encode(), "it").device

    one, two = (device_of(told(battery=level), {"threads": "2"}) for level in ("80 %", "79 %"))
    assert one.key == two.key
    assert one.key != device_of(told(), {}).key
