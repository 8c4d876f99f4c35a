"""edgekit bench import: what the Flutter client wrote becomes runs; what it cannot have written is refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit.bench.flutter_runs import compare, read_runs
from edgekit.bench.history import History
from edgekit.cli import main
from edgekit.errors import InputError

ID = "ab" * 32
PHONE = {"platform": "android", "version": "14 API 34", "processors": 8, "dart": "3.9.2"}
#: As BenchRun.toJson of templates/flutter/packages/edgekit_client/lib/src/bench.dart writes it.
NATIVE = {
    "format": "edgekit-bench/1",
    "bundle_id": ID,
    "runtime": "native",
    "device": PHONE,
    "unit": "us",
    "cold": 25_000.0,
    "first": 12,
    "steady": [5.0, 6.0, 7.0],
    "summary": {"p50": 6.0, "p90": 6.8, "p99": 6.98},
    "golden": {"rows": 64, "differing": 0},
}
MISSING = {"format": "edgekit-bench/1", "runtime": "litert", "not_run": "no plug-in here"}


def written(*runs: Any, **changes: Any) -> bytes:
    return json.dumps({"runs": [{**NATIVE, **changes}, *runs]}).encode()


def test_runs_are_read() -> None:
    found = read_runs(written(MISSING), "f.json")
    assert found.not_run == {"litert": "no plug-in here"}
    run = found.runs[0]
    assert (run.runner, run.candidate.bundle_id, run.candidate.target) == ("flutter:native", ID, "native")
    assert (run.device.runtime, run.device.system, run.device.processors) == ("flutter native", "android 14 API 34", 8)
    assert (run.candidate_answers.golden_rows, run.candidate_answers.golden_wrong) == (64, 0)
    assert run.visits[0].calls == (5.0, 6.0, 7.0)
    expected = {"load": 25.0, "first": 12.0, "p50": 6.0, "p90": 6.8, "p99": 6.98, "throughput": 1e6 / 6}
    assert run.visits[0].values == pytest.approx(expected)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"", "f.json is not JSON with finite numbers; run the client's benchmark again", id="empty"),
        pytest.param(b"[" * 10**5, "f.json is not JSON with finite numbers; run the client's benchmark again", id="deep"),
        pytest.param(written(cold=float("nan")), "f.json is not JSON with finite numbers; run the client's benchmark again", id="NaN"),
        pytest.param(b"[]", "f.json must be a table of keys, not a list", id="another shape"),
        pytest.param(b'{"runs": []}', "f.json: runs must be 1 to 64 runtimes, not 0", id="no runs"),
        pytest.param(b'{"data": {}}', "f.json: unknown key 'data'; known keys are runs", id="another file"),
        pytest.param(written(NATIVE), "f.json: the runtime 'native' is there twice; give one session a file", id="twice"),
        pytest.param(written(format="edgekit-bench/2"), "f.json: runs[0]: format is 'edgekit-bench/2', this edgekit reads edgekit-bench/1", id="a later format"),
        pytest.param(written(bundle_id="../x"), "f.json: runs[0]: bundle_id must be 64 hex digits, not '../x'", id="no id"),
        pytest.param(written(unit="ms"), "f.json: runs[0]: unit must be 'us', not 'ms'", id="another unit"),
        pytest.param(written(steady=[1.0]), "f.json: runs[0]: steady must be 2 to 10000 samples, not 1; one says nothing", id="one sample"),
        pytest.param(written(steady=[1.0] * 10_001), "f.json: runs[0]: steady must be 2 to 10000 samples, not 10001; one says nothing", id="too many"),
        pytest.param(written(steady=[1.0, -1.0]), "f.json: runs[0]: steady[1] must be a time in us, more than 0, not -1.0", id="negative"),
        pytest.param(written(steady=[1.0, "2"]), "f.json: runs[0]: steady[1] must be a number, not text", id="text"),
        pytest.param(written(cold=-1), "f.json: runs[0]: cold must be a time in us, not -1.0", id="negative cold"),
        pytest.param(written(first=10**300), "f.json: runs[0]: first must be a time in us, not 1e+300", id="huge"),
        pytest.param(written(golden={"rows": 2, "differing": 3}), "f.json: runs[0]: golden: 3 of 2 rows cannot differ", id="more than all"),
        pytest.param(written(device={**PHONE, "version": "\x1b[2J"}), "f.json: runs[0]: 'version' must be printable and at most 300 characters", id="steers a terminal"),
        pytest.param(written(device={**PHONE, "processors": -1}), "f.json: runs[0]: device: processors must be 0 to 1024, not -1", id="processors"),
        pytest.param(written(owner="x"), "f.json: runs[0]: unknown key 'owner'; known keys are bundle_id, cold, device, first, format, golden, not_run, runtime, steady, summary, unit", id="unknown key"),
    ],
)  # fmt: skip
def test_what_the_client_cannot_have_written_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_runs(raw, "f.json")
    assert str(refused.value) == message


def test_numbers_of_two_devices_are_not_compared() -> None:
    other = read_runs(written(device={**PHONE, "version": "13 API 33"}), "f").runs
    with pytest.raises(InputError) as refused:
        compare(read_runs(written(), "f").runs, other)
    assert str(refused.value) == (
        "flutter:native ran on two devices, flutter native on android 13 API 33 and flutter native on android 14 API "
        "34; numbers of two devices are not compared"
    )


def test_a_battery_or_a_dart_version_makes_no_other_device() -> None:
    other = read_runs(written(device={**PHONE, "dart": "3.10"}, steady=[10.0, 12.0]), "f").runs
    ratios = {b.measure: b.ratio for b in compare(other, read_runs(written(), "f").runs)}
    assert ratios == pytest.approx({"load": 1, "first": 1, "p50": 11 / 6, "p90": 11.8 / 6.8, "p99": 11.98 / 6.98})


def test_the_command_keeps_runs_once_and_calls_two_sessions_advisory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.json").write_bytes(written(MISSING, steady=[10.0, 12.0]))
    Path("old.json").write_bytes(written())
    assert main(["bench", "import", "new.json"]) == 0
    said = capsys.readouterr().out
    assert "not run: litert: no plug-in here" in said
    assert "0 of 64" in said
    assert main(["bench", "import", "new.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["history"] == {"flutter:native": 1}, "the same run is kept once"
    assert len(list(History(Path(".edgekit/history.sqlite")).runs())) == 1
    assert main(["bench", "import", "new.json", "--against", "old.json", "--no-history"]) == 3
    said = capsys.readouterr().out
    assert "two sessions are not pairs: these ratios are advisory, and the verdict is: cannot tell" in said
    assert "1.833" in said
    assert main(["bench", "import", "none.json"]) == 2
    assert capsys.readouterr().err == (
        "edgekit: none.json cannot be read (No such file or directory); the client writes "
        "build/integration_response_data.json\n"
    )
