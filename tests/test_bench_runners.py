"""The runners on this machine, real: what a visit measures, regressions that were planted, and edgekit bench run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_bundle

from edgekit.bench.devices import Comparison, on_devices
from edgekit.bench.history import History
from edgekit.bench.records import INTERRUPTED
from edgekit.bench.runner import Runner, Session
from edgekit.bench.runners import make_runner
from edgekit.bench.runners.spec import Conditions
from edgekit.bench.session import Plan
from edgekit.cli import INTERRUPTED as INTERRUPTED_EXIT
from edgekit.cli import main
from edgekit.compression import packed
from edgekit.errors import InputError, NotAvailable
from edgekit.store import MANIFEST, Bundle
from edgekit.verify import read_golden

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

from planted import PLANTED

STEADY = {"cold", "load", "first", "p50", "p90", "p99", "throughput", "memory"}
WIRE = {"network", "compute", "bytes", "requests"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Session]:
    yield from opened(make_runner("chromium"))


def opened(runner: Runner) -> Iterator[Session]:
    try:
        with runner.open() as session:
            yield session
    except NotAvailable as error:
        pytest.skip(f"not run: {error}")


def test_a_visit_in_chromium_counts_what_went_over_the_line(bundle: Bundle, chromium: Session) -> None:
    seat = chromium.seat(bundle)
    visit = seat.visit()
    assert visit.values.keys() == STEADY | WIRE | {"temperature"} & visit.values.keys()
    files = [f for f in bundle.manifest.targets["wasm"].files if f.role in ("plan", "shard")]
    paths = [MANIFEST, "runtime/edgekit.js", f"wasm/engine-{seat.subject.build}.wasm", *(f.path for f in files)]
    sent = [bundle.read(path) for path in paths]
    assert visit.values["requests"] == len(paths)
    assert visit.values["bytes"] == sum(min(len(data), len(packed(data))) for data in sent)
    assert visit.values["load"] == pytest.approx(visit.values["network"] + visit.values["compute"])
    assert visit.values["cold"] > visit.values["load"] > visit.values["network"] > 0
    assert {"isolated", "shared-memory", "simd"} <= {*chromium.device.features}
    assert chromium.device.runtime.startswith("Chromium ")


def test_tfjs_is_visited_with_the_back_end_that_the_bundle_has(bundle: Bundle) -> None:
    for session in opened(make_runner("chromium:tfjs", Conditions(isolated=False))):
        seat = session.seat(bundle)
        assert (seat.subject.target, seat.subject.build) == ("tfjs", "cpu")
        assert seat.visit().values["bytes"] > 200_000
        assert "isolated" not in session.device.features
        assert session.device.conditions == {"isolated": "no"}


def test_conditions_slow_a_visit_down(bundle: Bundle, chromium: Session) -> None:
    quick = chromium.seat(bundle).visit()
    for session in opened(make_runner("chromium", Conditions(cpu_throttle=10, network="slow-4g"))):
        slow = session.seat(bundle).visit()
        assert slow.values["network"] > 300  # the runtime and its manifest, then the rest, after 150 ms each
        assert slow.values["throughput"] < quick.values["throughput"] / 2
        assert session.device.conditions == {"cpu_throttle": "10", "network": "slow-4g"}
        assert session.device.key != chromium.device.key


def test_the_demo_page_has_vitals(bundle: Bundle) -> None:
    for session in opened(make_runner("chromium", Conditions(vitals=True))):
        visit = session.seat(bundle).visit()
        assert 0 < visit.values["lcp"] < 10_000
        assert 0 <= visit.values["cls"] < 0.1


@pytest.mark.parametrize("spec", ["tflite", "node", "node:wasm:scalar"])
def test_a_visit_in_a_process(bundle: Bundle, spec: str) -> None:
    for session in opened(make_runner(spec)):
        seat = session.seat(bundle)
        visit = seat.visit()
        assert visit.values.keys() - {"energy", "temperature"} == STEADY
        assert visit.values["cold"] > visit.values["load"] > visit.values["first"] / 1000 > 0
        assert 10e6 < visit.values["memory"] < 200e6  # not that of pytest, which holds more
        golden = read_golden(bundle)
        assert seat.predict(golden.inputs).tobytes() == golden.quantized.tobytes()
        if spec.endswith("scalar"):
            assert seat.subject.build == "scalar"


def test_node_runs_the_runtime_that_the_bundle_brings(tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "bundle", "export const load = async () => { throw new Error('its own words'); };")
    for session in opened(make_runner("node")):
        with pytest.raises(Exception, match=r"^a visit failed: its own words$"):
            session.seat(made)


@pytest.mark.parametrize(
    ("spec", "conditions", "message"),
    [
        ("pi", Conditions(), "there is no runner 'pi'; choose from tflite, chromium, node"),
        ("tflite:wasm", Conditions(), "the runner tflite does not run the target 'wasm'; it runs tflite"),
        (
            "node:wasm:avx",
            Conditions(),
            "the bundle {root} has no build 'avx' of wasm; its builds are relaxed, signed, simd, scalar",
        ),
        (
            "tflite:tflite:simd",
            Conditions(),
            "the bundle {root} has no build 'simd' of tflite; that target has no builds",
        ),
        (
            "node",
            Conditions(cpu_throttle=4),
            "--cpu-throttle is for browsers; the runner node cannot do it, so leave one of them out",
        ),
        (
            "tflite",
            Conditions(network="slow-4g"),
            "--network is for browsers; the runner tflite cannot do it, so leave one of them out",
        ),
        (
            "chromium",
            Conditions(network="6g"),
            "there is no network '6g'; choose from slow-3g, fast-3g, slow-4g, fast-4g",
        ),
        (
            "node",
            Conditions(threads=2),
            "the engine has one thread in Node; leave out --threads or the runner node",
        ),
    ],
    ids=str,
)
def test_what_is_not_there_is_one_sentence(bundle: Bundle, spec: str, conditions: Conditions, message: str) -> None:
    with pytest.raises(InputError) as raised:
        make_runner(spec, conditions, [bundle])
    assert str(raised.value).startswith(message.format(root=bundle.root))


def test_a_bundle_without_the_target_is_one_sentence(bundle: Bundle) -> None:
    targets = {"tfjs": bundle.manifest.targets["tfjs"]}
    poor = replace(bundle, manifest=replace(bundle.manifest, targets=targets))
    with pytest.raises(InputError) as raised:
        make_runner("node", None, [bundle, poor])
    assert str(raised.value) == f"the bundle {bundle.root} has no target wasm; its targets are tfjs"


@pytest.mark.parametrize(
    ("what", "spec", "plan"),
    [
        pytest.param("slower kernels", "node", Plan(pairs=12), id="the scalar build in the place of each"),
        pytest.param("a larger shard", "chromium", Plan(pairs=10), id="weights that nobody needs"),
        pytest.param("a layer's scale spoiled", "tflite", Plan(minutes=0), id="answers need no visit"),
    ],
)
def test_a_planted_regression_is_found_and_named(
    bundle: Bundle, tmp_path: Path, what: str, spec: str, plan: Plan
) -> None:
    plant, named = PLANTED[what]
    (one,) = on_devices([make_runner(spec)], Comparison(plant(bundle, tmp_path / "worse"), bundle), plan)
    if one.not_run:
        pytest.skip(f"not run: {one.not_run}")
    assert one.verdict is not None, one.failed
    assert {f.measure for f in one.verdict.findings if f.state == "worse"} >= {*named}
    assert one.exit_code == 1


def test_a_bundle_is_not_worse_than_itself(bundle: Bundle) -> None:
    """Twenty in a row, with another process at work: benchmarks/bench_acceptance.py."""
    (one,) = on_devices([make_runner("tflite")], Comparison(bundle, bundle), Plan(minutes=0.05, pairs=16))
    if one.not_run:
        pytest.skip(f"not run: {one.not_run}")
    assert one.verdict is not None and one.verdict.state != "worse", one.verdict and one.verdict.why


def test_the_command_measures_a_bundle_alone(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", str(bundle.root), "--on", "tflite", "--pairs", "2"]) == 0
    out = capsys.readouterr().out
    assert "2 visits" in out and " p50 " in out and "kept in .edgekit/history.sqlite" in out
    (kept,) = History().runs()
    assert len(kept.run.visits) == 2


def test_the_command_says_what_it_could_not_run(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_CHROME", "no-such-browser")
    monkeypatch.chdir(tmp_path)
    asked = ["bench", "run", str(bundle.root), "--on", "chromium", "--no-history"]
    missing = "$EDGEKIT_CHROME names no-such-browser, which cannot be run; correct or unset it"
    assert main(asked) == 3
    assert capsys.readouterr().out == f"not run: chromium: {missing}\n"
    assert main([*asked, "--json"]) == 3
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (said["exit_code"], said["history"]) == (3, {})
    assert said["runners"] == [{"runner": "chromium", "not_run": missing, "failed": ""}]
    assert list(tmp_path.iterdir()) == []


#: The ninth visit is interrupted as a terminal does it: everything in the foreground gets the signal.
INTERRUPT = """
import os, signal, sys, time
from edgekit.bench.runners.tflite import TfliteSeat
from edgekit.cli import main

visits, visit = [], TfliteSeat.visit

def counted(seat):
    visits.append(seat)
    if len(visits) == 9:
        os.killpg(0, signal.SIGINT)
        time.sleep(60)
    return visit(seat)

TfliteSeat.visit = counted
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_keeps_what_was_measured(bundle: Bundle, tmp_path: Path) -> None:
    root = str(bundle.root)
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPT, "bench", root, "--against", root, "--on", "tflite"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == INTERRUPTED_EXIT, done.stderr
    assert "(interrupted)" in done.stdout
    (kept,) = History(tmp_path / ".edgekit" / "history.sqlite").runs()
    assert kept.run.ended == INTERRUPTED
    assert len(kept.run.pairs) + len(kept.run.self_test) == 4 and kept.run.pairs
