"""The loop of a benchmark on a device made of numbers: order, rounds, time, Ctrl-C; and what devices say, checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from fabricated import GOLDEN, make_bundle

from edgekit.bench import machine
from edgekit.bench.devices import Comparison, check_alike, exit_code_of, on_devices
from edgekit.bench.records import (
    BASELINE,
    CANDIDATE,
    ENOUGH,
    INTERRUPTED,
    SETTLED,
    TIME_OVER,
    Device,
    Run,
    Subject,
    Visit,
)
from edgekit.bench.runner import Rows
from edgekit.bench.session import Plan, measure
from edgekit.bench.visits import steady, visit_of
from edgekit.config import Config
from edgekit.data import Dataset
from edgekit.errors import CheckFailed, InputError, NotAvailable
from edgekit.manifest import Signature, seal
from edgekit.store import Bundle

MISSING = "there is no such device; plug it in"


@dataclass
class Fake:
    """A runner, its session and its seats: visits take `cost` ms by the bundle's version, with noise."""

    name: str = "fake"
    noise: float = 0.001
    factor: float = 1.0  # of the candidate, the second that is set up from the end
    visited: list[str] = field(default_factory=list)
    after: Callable[[int], None] = lambda _: None  # told how many visits there were
    answer: Callable[[Rows], Rows] = lambda _: GOLDEN.quantized
    device: Device = field(default_factory=lambda: Device("fake 1", "none"))

    @contextmanager
    def open(self) -> Iterator[Fake]:
        yield self

    def seat(self, bundle: Bundle) -> FakeSeat:
        return FakeSeat(self, Subject(bundle.manifest.id, "b", bundle.manifest.version, "wasm", "simd"))


@dataclass
class FakeSeat:
    fake: Fake
    subject: Subject

    def visit(self) -> Visit:
        fake = self.fake
        fake.after(len(fake.visited))
        fake.visited.append(self.subject.version)
        noise = np.exp(fake.noise * np.random.default_rng(len(fake.visited)).standard_normal())
        return visit_of({"load": 40.0}, [100.0 * noise * (fake.factor if self.subject.version == "2" else 1.0)])

    def predict(self, rows: Rows) -> Rows:
        return self.fake.answer(rows)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("old") / "bundle")


@pytest.fixture(scope="module")
def new(old: Bundle) -> Bundle:
    return replace(old, manifest=seal(replace(old.manifest, version="2")))


def order_of(run: Run) -> list[str]:
    return [p.first for p in run.pairs]


def test_pairs_come_in_random_order_with_the_self_test_in_between(old: Bundle, new: Bundle) -> None:
    fake = Fake()
    run = measure(fake, new, old)
    assert (len(run.pairs), len(run.self_test), run.ended) == (16, 16, SETTLED)
    assert {BASELINE, CANDIDATE} == set(order_of(run)) == {p.first for p in run.self_test}
    assert (fake.visited.count("2"), fake.visited.count("1.2.3")) == (16, 48)
    pairs = [{*fake.visited[i : i + 2]} for i in range(0, 64, 2)]
    assert pairs[:16].count({"1.2.3"}) not in (0, 16)  # the self-test is not all at one end
    assert (run.runner, run.candidate.version, run.baseline and run.baseline.version) == ("fake", "2", "1.2.3")
    assert run.candidate_answers is not None and run.candidate_answers.golden_wrong == 0


def test_the_seed_decides_the_order(old: Bundle, new: Bundle) -> None:
    same, again, other = (measure(Fake(), new, old, Plan(seed=seed)) for seed in (1, 1, 2))
    assert order_of(same) == order_of(again) != order_of(other)


def test_a_change_is_found_whichever_side_it_is_on(old: Bundle, new: Bundle) -> None:
    for factor, state in ((1.3, "worse"), (0.7, "better")):
        (one,) = on_devices([Fake(factor=factor)], Comparison(new, old), Plan())
        assert one.verdict is not None and one.verdict.state == state


def test_rounds_double_until_there_are_enough(old: Bundle, new: Bundle) -> None:
    asked: list[tuple[int, int]] = []
    run = measure(Fake(noise=1.0), new, old, Plan(pairs=40), lambda _w, done, total: asked.append((done, total)))
    assert (len(run.pairs), len(run.self_test), run.ended) == (40, 16, ENOUGH)
    assert [total for _, total in dict(asked).items()][-1] == 40
    assert sorted({total for _, total in asked}) == [0, 16, 32, 40]


def test_the_time_ends_it(old: Bundle, new: Bundle) -> None:
    run = measure(Fake(noise=1.0, after=lambda _: time.sleep(0.01)), new, old, Plan(minutes=0.2 / 60))
    assert run.ended == TIME_OVER
    assert 2 < 2 * (len(run.pairs) + len(run.self_test)) < 30
    assert run.seconds < 2


def test_ctrl_c_keeps_what_was_measured(old: Bundle, new: Bundle) -> None:
    def interrupt(visits: int) -> None:
        if visits == 41:
            raise KeyboardInterrupt

    kept, other = on_devices([Fake(after=interrupt), Fake(name="next")], Comparison(new, old), Plan())
    assert kept.run is not None and kept.run.ended == INTERRUPTED
    assert len(kept.run.pairs) + len(kept.run.self_test) == 20
    assert (other.run, other.not_run) == (None, "interrupted before it began")
    alone = measure(Fake(after=interrupt), new, None, Plan(pairs=100))
    assert (len(alone.visits), alone.ended) == (32, ENOUGH)


def test_ctrl_c_before_anything_was_measured_is_an_interrupt(old: Bundle, new: Bundle) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    for baseline in (old, None):
        with pytest.raises(KeyboardInterrupt):
            measure(Fake(after=interrupt), new, baseline)


def test_a_bundle_alone_is_visited(new: Bundle) -> None:
    run = measure(Fake(), new, None, Plan(pairs=7))
    assert (len(run.visits), run.pairs, run.baseline, run.ended) == (7, (), None, ENOUGH)


@pytest.mark.parametrize(
    ("error", "not_run", "failed", "code"),
    [
        pytest.param(NotAvailable(MISSING), MISSING, "", 3, id="what is missing is not run"),
        pytest.param(CheckFailed("it broke"), "", "it broke", 1, id="what fails fails"),
    ],
)
def test_a_device_that_cannot_does_not_stop_the_others(
    old: Bundle, new: Bundle, error: Exception, not_run: str, failed: str, code: int
) -> None:
    def fail(_: int) -> None:
        raise error

    first, second = on_devices([Fake(after=fail), Fake(name="next")], Comparison(new, old), Plan())
    assert (first.not_run, first.failed, first.exit_code) == (not_run, failed, code)
    assert second.verdict is not None and second.exit_code == 0
    assert exit_code_of((first, second)) == code
    assert exit_code_of((second,)) == 0


def test_wrong_answers_are_counted_and_worse(old: Bundle, new: Bundle) -> None:
    spoiled = GOLDEN.quantized.copy()
    spoiled[3:5] += 1
    (one,) = on_devices([Fake(answer=lambda _: spoiled)], Comparison(new, old), Plan())
    assert one.run is not None and one.run.candidate_answers is not None and one.verdict is not None
    assert (one.run.candidate_answers.golden_rows, one.run.candidate_answers.golden_wrong) == (40, 2)
    assert one.exit_code == 1


@pytest.mark.parametrize(
    ("off", "wrong"),
    [
        pytest.param(0.019, 0, id="within the bound of the float model"),
        pytest.param(0.021, 3, id="beyond it"),
        pytest.param(np.nan, 3, id="no number is within any bound"),
    ],
)
def test_a_bound_is_what_it_is_held_to(old: Bundle, off: float, wrong: int) -> None:
    fake = Fake(answer=lambda _: np.concatenate([GOLDEN.float[:3] + np.float32(off), GOLDEN.float[3:]]))
    seat = fake.seat
    fake.seat = lambda b: FakeSeat(fake, replace(seat(b).subject, target="tfjs", build="cpu"))  # type: ignore[method-assign]
    answers = measure(fake, old, None, Plan(pairs=1)).candidate_answers
    assert answers is not None and answers.golden_wrong == wrong


def test_evaluation_rows_are_answered_by_the_device(old: Bundle, new: Bundle) -> None:
    rows = np.zeros((50, 2), np.float32)
    data = Dataset(rows, np.ones((50, 1), np.float32), (), "", Path("data.npz"))
    fake = Fake(answer=lambda given: GOLDEN.quantized if len(given) == 40 else np.full((50, 1), 1.25, np.float32))
    (one,) = on_devices([fake], Comparison(new, old, data, Config()), Plan())
    assert one.run is not None and one.run.candidate_answers is not None and one.verdict is not None
    assert one.run.candidate_answers.outputs == ((1.25,),) * 50
    assert any("accuracy" in f.measure or "rmse" in f.measure for f in one.verdict.findings)


def test_two_models_are_not_compared(old: Bundle) -> None:
    other = replace(old, root=Path("other"), manifest=replace(old.manifest, inputs=(Signature("x", (1, 3)),)))
    with pytest.raises(InputError) as raised:
        check_alike(other, old)
    assert str(raised.value) == (
        f"other and {old.root} have different inputs, so they cannot be compared; give two versions of one model"
    )


@pytest.mark.parametrize(
    ("values", "calls", "message"),
    [
        ({"load": float("nan")}, [], "the device sent nan for load, which is no measurement"),
        ({"load": -1}, [], "the device sent -1 for load, which is no measurement"),
        ({"load": True}, [], "the device sent True for load, which is no measurement"),
        ({}, ["1"], "the device sent '1' for a steady call, which is no measurement"),
        ({}, [1.0] * 10_001, "the device sent 10001 steady calls of one visit; 10000 are taken at most"),
    ],
    ids=lambda v: str(v)[:20],
)
def test_what_a_device_sends_is_checked(values: dict[str, float], calls: list[float], message: str) -> None:
    with pytest.raises(CheckFailed) as raised:
        visit_of(values, calls)
    assert str(raised.value) == message


def test_a_visit_gets_its_percentiles() -> None:
    found = visit_of({"load": 3, "unheard": 4}, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert found == Visit({"load": 3.0, "p50": 3.0, "p90": 4.6, "p99": 4.96, "throughput": 1e6 / 3}, (1, 2, 3, 4, 5))
    assert steady(()) == {}


def test_the_machine_is_read_of_proc_and_sys(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Core 9\nflags\t\t: fpu avx2 avx_vnni avx512_vnni\n",
        "proc/loadavg": "1.25 0.8 0.4 1/100 7\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
        "sys/class/power_supply/BAT0/type": "Battery\n",
        "sys/class/power_supply/BAT0/status": "Discharging\n",
        "sys/class/power_supply/BAT0/capacity": "81\n",
        "sys/class/power_supply/AC/type": "Mains\n",
        "sys/class/powercap/intel-rapl:0/energy_uj": "1000\n",
        "sys/class/powercap/intel-rapl:1/energy_uj": "500\n",
        "sys/class/powercap/intel-rapl:0:0/energy_uj": "7\n",  # a part of package 0
        "sys/class/thermal/thermal_zone0/temp": "41000\n",
        "sys/class/thermal/thermal_zone1/temp": "55500\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine.processor(tmp_path) == "Core 9"
    assert machine.flags(tmp_path) == ("avx-vnni", "avx2", "avx512-vnni")
    assert machine.hints(tmp_path) == {"load": "1.25", "governor": "powersave", "battery": "81 %, discharging"}
    assert (machine.energy(tmp_path), machine.temperature(tmp_path)) == (1500, 55.5)


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert (machine.flags(tmp_path), machine.hints(tmp_path)) == ((), {})
    assert (machine.energy(tmp_path), machine.temperature(tmp_path)) == (None, None)
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.5\0")
    assert machine.processor(tmp_path) == "Raspberry Pi 4 Model B Rev 1.5"
