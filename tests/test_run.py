"""edgekit run: only what changed is done again, and a run that is killed anywhere is taken up by the next."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_project import command, environment, make_project, model, rows, start, state_file

from edgekit import releases
from edgekit.cli import main
from edgekit.config_daily import STAGES
from edgekit.publishing.local_site import LocalSite
from edgekit.run_state import LOCK

MADE = [s for s in STAGES if s != "publish"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was run once to its end."""
    folder = make_project(tmp_path_factory.mktemp("run") / "project")
    walk = run(folder)
    assert [s["state"] for s in walk["steps"]] == ["done"] * len(STAGES)
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the current folder."""
    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.setenv("EDGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEKIT_WEBHOOK", raising=False)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def run(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = subprocess.run(
        command("run", "--json", "--no-check", *arguments),
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    walk: dict[str, Any] = json.loads(done.stdout)
    return walk


def here(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, tuple[str, str]]:
    """Run in this process; return state and reason of each stage."""
    assert main(["run", "--json", "--no-check", *arguments]) == code
    return {s["stage"]: (s["state"], s["why"]) for s in json.loads(capsys.readouterr().out)["steps"]}


def live(folder: Path) -> list[str]:
    """The bundles that were released, newest first."""
    return [str(r.record.stable) for r in releases.releases(LocalSite(folder / "hosting")) if r.record]


def bundle_id(folder: Path) -> str:
    return str(json.loads((folder / "bundle/manifest.json").read_text())["id"])


SAME = ("skipped", "nothing that it reads or left changed")


def test_the_same_again_does_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state_file(project).read_bytes()
    assert here(capsys) == {**dict.fromkeys(MADE, SAME), "publish": ("skipped", "release 000001 shows it")}
    assert state_file(project).read_bytes() == before
    assert (project / "trained.log").read_text() == "1\n"


def edit(file: str, old: str, new: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return act


@pytest.mark.parametrize(
    ("act", "again"),
    [
        pytest.param(
            edit("edgekit.toml", 'version = "1.0.0"', 'version = "1.1.0"'),
            {
                "export": "version changed",
                "verify": "bundle changed",
                "check": "bundle changed, bundle.report.json changed, what is published changed",
                "publish": "the site does not have it yet",
            },
            id="the version: nothing is quantized again",
        ),
        pytest.param(
            edit("edgekit.toml", "max_requests = 40", "max_requests = 39"),
            {"check": "[gate], [budgets] changed"},
            id="the gate: only check",
        ),
        pytest.param(
            edit("edgekit.toml", "# ", "# "), {}, id="nothing",
        ),
        pytest.param(
            lambda folder: (folder / "bundle/golden.json").write_text("{}"),
            {"export": "bundle was changed by hand"},
            id="a bundle that was changed by hand is made again, and is the same",
        ),
        pytest.param(
            lambda folder: shutil.rmtree(folder / "bundle"), {"export": "bundle is gone"}, id="a bundle that is gone"
        ),
        pytest.param(
            lambda folder: (folder / "bundle.check.json").unlink(),
            {"check": "bundle.check.json is gone"},
            id="a report that is gone",
        ),
        pytest.param(
            lambda folder: (folder / "model.tflite").write_bytes(b"x"),
            {"train": "model.tflite was changed by hand"},
            id="a model that was changed by hand is trained again, and is the same",
        ),
        pytest.param(
            lambda folder: (folder / ".edgekit/quantize/model.tflite").unlink(),
            {"quantize": ".edgekit/quantize was changed by hand"},
            id="what is kept between stages",
        ),
        pytest.param(
            lambda folder: (folder / ".edgekit/run.json").write_text('{"format": "edgekit-run/1", "stages": {"da'),
            {**dict.fromkeys(MADE, "it was never finished here")},
            id="a state file that is cut off",
        ),
    ],
)  # fmt: skip
def test_only_what_changed_is_done_again(
    project: Path, capsys: pytest.CaptureFixture[str], act: Callable[[Path], None], again: dict[str, str]
) -> None:
    if not again:
        (project / "edgekit.toml").write_text((project / "edgekit.toml").read_text() + "# a comment\n")
    else:
        act(project)
    expected = {**dict.fromkeys(MADE, SAME), "publish": ("skipped", "release 000001 shows it")}
    expected |= {stage: ("done", why) for stage, why in again.items()}
    found = here(capsys)
    assert found == expected
    assert len(live(project)) == (2 if "publish" in again else 1)
    assert set(here(capsys).values()) == {SAME, ("skipped", f"release 00000{len(live(project))} shows it")}


def test_new_rows_and_another_training(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = bundle_id(project)
    (project / "rows.csv").write_text(rows(2))
    (project / "seed.txt").write_text("2\n")
    found = here(capsys)
    assert {stage for stage, (state, _) in found.items() if state != "done"} == {"load"}  # the same model came of it
    assert found["data"] == ("done", "rows.csv changed")
    assert found["train"] == ("done", "rows.csv changed, seed.txt changed")
    assert live(project) == [bundle_id(project), first]
    report = json.loads((project / "bundle.check.json").read_text())
    assert (report["ok"], report["bundle_id"], report["baseline"]) == (True, bundle_id(project), first)


def test_a_training_that_came_out_worse_is_not_published(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "seed.txt").write_text("2\n")
    (project / "trained.bin").write_bytes(model(2))  # the labels are those of model 1
    before = live(project)
    state, why = here(capsys, code=1)["check"]
    assert state == "failed"
    assert why.startswith("Failed: published (accuracy: rmse ")
    assert live(project) == before


def test_rows_that_are_wrong_are_not_trained_on(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = rows(2).splitlines()
    moved = [",".join((str(1000 * float(p)), m, s)) for p, m, s in (line.split(",") for line in text[1:])]
    (project / "rows.csv").write_text("\n".join([text[0], *moved]) + "\n")
    found = here(capsys, code=1)
    state, why = found["data"]
    assert state == "failed"
    assert why.startswith(
        "rows.csv must not be trained on: the column 'power' looks like 1000 times what was expected in kW"
    )
    assert {found[s] for s in STAGES[1:]} == {("not reached", "a stage before it failed")}
    assert (project / "trained.log").read_text() == "1\n"


def test_force_until_and_dry_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = here(capsys, "--force", "quantize", "--dry-run")
    later = ("would run", "unless what quantize makes is what it was")
    would = dict.fromkeys(STAGES[4:], later)
    assert found == {**dict.fromkeys(STAGES[:3], SAME), "quantize": ("would run", "--force"), **would}
    found = here(capsys, "--force", "quantize", "--until", "export")
    assert list(found) == list(STAGES[:5])
    assert [state for state, _ in found.values()] == ["skipped"] * 3 + ["done", "skipped"]  # the same came of it
    found = here(capsys, "--from", "check")
    assert {found[s] for s in STAGES[:6]} == {("left out", "it comes before check")}
    assert (found["check"], found["publish"]) == (SAME, ("skipped", "release 000001 shows it"))
    assert here(capsys, "--dry-run")["publish"] == ("skipped", "release 000001 shows it")
    assert here(capsys, "--force", "publish")["publish"] == ("done", "--force")


def test_what_was_rolled_back_is_not_released_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = bundle_id(project)
    edit("edgekit.toml", 'version = "1.0.0"', 'version = "1.1.0"')(project)
    here(capsys)
    second = bundle_id(project)
    releases.rollback(LocalSite(project / "hosting"), check=False)
    state, why = here(capsys)["publish"]
    assert (state, why) == (
        "skipped",
        "release 000002 gave it to visitors already, and 000003 came after it; --force publish releases it once more",
    )
    assert live(project) == [first, second, first]
    assert here(capsys, "--force", "publish")["publish"][0] == "done"
    assert live(project)[0] == second


def test_a_preview_and_a_canary_are_released_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit("edgekit.toml", 'version = "1.0.0"', 'version = "1.1.0"')(project)
    assert here(capsys, "--channel", "next")["publish"] == ("done", "the site does not have it yet")
    assert here(capsys, "--channel", "next")["publish"] == ("skipped", "release 000001 shows it on next")
    edit("edgekit.toml", 'site = "local"', 'site = "local"\ncanary = "10%"')(project)
    assert here(capsys)["publish"][0] == "done"
    assert here(capsys)["publish"] == ("skipped", "release 000002 shows it")
    assert here(capsys, "--channel", "next")["publish"] == ("skipped", "release 000002 shows it")
    edit("edgekit.toml", "10%", "50%")(project)
    assert here(capsys)["publish"][0] == "done"


def test_a_gate_that_says_no_publishes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit("edgekit.toml", "max_requests = 40", "max_requests = 2")(project)
    edit("edgekit.toml", 'version = "1.0.0"', 'version = "1.1.0"')(project)
    summary = project / "summary.md"
    found = here(capsys, "--summary", str(summary), code=1)
    assert found["check"][1].startswith("Failed: budgets (a first visit is ")
    assert found["publish"] == ("not reached", "a stage before it failed")
    assert len(live(project)) == 1
    text = summary.read_text()
    assert "| check | ❌ failed | Failed: budgets (a first visit is " in text
    assert "| budgets | ❌ fail | a first visit is " in text
    # and by hand neither: the report about this very bundle is red
    assert main(["publish", "bundle", "--site", "local", "--no-check"]) == 1
    assert "bundle.check.json is not green" in capsys.readouterr().err


def test_a_budget_that_is_broken_says_no_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit("edgekit.toml", '[budgets]\nmax_drop = "5%"', '[recipe]\nmode = "int8"\n[budgets]\nmax_drop = "0.0001%"')(
        project
    )
    state, why = here(capsys, code=1)["quantize"]
    assert state == "failed"
    assert why.startswith("the accuracy budget does not hold: int8 lost ")
    assert here(capsys, code=1)["quantize"] == ("failed", f"{why} (as before: nothing that it reads changed)")


@pytest.mark.parametrize(
    ("act", "code", "sentence"),
    [
        pytest.param(
            edit("train.py", "import pathlib", "raise SystemExit(4)\nimport pathlib"), 1,
            " ended with exit code 4", id="a training that fails",
        ),
        pytest.param(
            edit("edgekit.toml", '"seed.txt"', '"seeds/*"'), 2,
            "[run] inputs names seeds/*, and there is no such file in ", id="inputs that are not there",
        ),
        pytest.param(
            edit("edgekit.toml", '"seed.txt"', '"../seed.txt"'), 2,
            "[run] inputs names ../seed.txt; its files lie below the folder of edgekit.toml", id="inputs elsewhere",
        ),
    ],
)  # fmt: skip
def test_trainings_that_do_not_end_well(
    project: Path, capfd: pytest.CaptureFixture[str], act: Callable[[Path], None], code: int, sentence: str
) -> None:
    act(project)
    state, why = here(capfd, code=code)["train"]
    assert state == "failed"
    assert sentence in why
    assert len(live(project)) == 1


def test_without_inputs_training_is_done_each_time(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit("edgekit.toml", 'inputs = ["train.py", "seed.txt"]', "")(project)
    assert here(capfd)["train"] == ("done", "it names no inputs, so it is done each time")
    assert here(capfd)["load"] == SAME


def test_one_run_at_a_time(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The training holds the lock as well, so a run that was killed while it trains is not begun beside it."""
    (project / "train.py").write_text("import time\nprint('training', flush=True)\ntime.sleep(3)\n")
    begun = start(project)
    assert begun.stderr
    while begun.stderr.readline().strip() != "training":
        assert begun.poll() is None
    begun.kill()
    begun.wait()
    assert main(["run", "--no-check"]) == 1
    said = f"another edgekit run is at work in {project} (or the training that it started); wait for its end"
    assert capfd.readouterr().err.endswith(f"edgekit: {said}\n")
    assert (project / ".edgekit" / LOCK).exists()


@pytest.mark.parametrize(("stage", "delay"), [*((s, 0.0) for s in STAGES), ("quantize", 0.1), ("publish", 0.05)])
def test_killed_in_a_stage(finished: Path, tmp_path: Path, stage: str, delay: float) -> None:
    """kill -9 while a stage is at work, from its first moment or a little later; the next run ends as one that was
    never killed: the same bundle, released once."""
    folder = make_project(tmp_path / "project")
    begun = start(folder)
    assert begun.stderr
    while not begun.stderr.readline().startswith(f"edgekit run: {stage} ..."):
        assert begun.poll() is None
    time.sleep(delay)
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    for _ in range(100):  # a training that outlives its run ends first
        walk = subprocess.run(
            command("run", "--json", "--no-check"), cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
        )  # fmt: skip
        if "another edgekit run is at work" not in walk.stdout:
            break
        time.sleep(0.05)
    assert walk.returncode == 0, walk.stderr
    states = {s["stage"]: s["state"] for s in json.loads(walk.stdout)["steps"]}
    before = STAGES[: STAGES.index(stage)]
    assert {states[s] for s in before} <= {"skipped"}
    assert bundle_id(folder) == bundle_id(finished)
    assert live(folder) == [bundle_id(finished)]
    trained = len((folder / "trained.log").read_text().splitlines())
    assert trained == 1 or (trained == 2 and stage in ("data", "train"))  # what the kill hit is done again
    assert list((folder / ".edgekit").glob("*.part")) == []
