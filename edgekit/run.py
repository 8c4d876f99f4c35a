"""Stage of stages: walk from new rows to a published bundle, and do again only what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from edgekit.config_daily import STAGES
from edgekit.errors import CheckFailed, EdgekitError, InputError
from edgekit.run_publish import nothing_to_publish, publish_bundle, released_before
from edgekit.run_stages import MAKING, Job, Stage
from edgekit.run_state import FOLDER, GONE, Done, Memory, differences, fingerprints, spoiled

DONE, SKIPPED, FAILED, LEFT_OUT, NOT_REACHED, WOULD = (
    "done",
    "skipped",
    "failed",
    "left out",
    "not reached",
    "would run",
)


@dataclass(frozen=True)
class Step:
    """What came of a stage, and why."""

    stage: str
    state: str
    why: str
    seconds: float = 0.0
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Walk:
    """A whole run; exit_code is that of the stage that failed, else 0."""

    steps: tuple[Step, ...]
    exit_code: int = 0

    @property
    def failed(self) -> Step | None:
        """The stage that ended it."""
        return next((s for s in self.steps if s.state == FAILED), None)

    def title(self) -> str:
        """Say it in a sentence."""
        if self.failed:
            return f"{self.failed.stage} failed: {self.failed.why}"
        counts = {state: sum(s.state == state for s in self.steps) for state in (WOULD, DONE, SKIPPED)}
        said = (f"{count} {'stage' if count == 1 else 'stages'} {state}" for state, count in counts.items() if count)
        return ", ".join(said) or "nothing to do"


@dataclass(frozen=True)
class Wanted:
    """Which stages to do again whatever happened, where to begin and to stop, and whether to do anything at all."""

    force: tuple[str, ...] = ()
    since: str = STAGES[0]
    until: str = STAGES[-1]
    dry_run: bool = False


#: Told of a stage's name when it begins, and of the Step when it ends.
Tell = Callable[[str, Step | None], None]


def nobody(_stage: str, _step: Step | None) -> None:
    """Tell nobody."""


def run(job: Job, wanted: Wanted | None = None, tell: Tell = nobody) -> Walk:
    """Walk the stages that `[run]` names, in order, and stop at the first that fails.

    A stage is skipped where everything that it read and everything that it left is as it was, by content. Raises
    InputError for settings that cannot be walked, CheckFailed where another run is at work in the folder.
    """
    wanted = wanted or Wanted()
    _check(job, wanted)
    memory = Memory(job.folder / FOLDER)
    with ExitStack() as stack:
        if not wanted.dry_run:
            job = replace(job, lock=stack.enter_context(memory.alone()))
        return _Walker(job, wanted, memory, tell).walk()


def _check(job: Job, wanted: Wanted) -> None:
    for name in (*wanted.force, wanted.since, wanted.until):
        if name not in STAGES:
            raise InputError(f"there is no stage {name!r}; the stages are {', '.join(STAGES)}")
    settings = job.config.run
    if not settings.model or not settings.data:
        missing = "model" if not settings.model else "data"
        raise InputError(f"[run] of edgekit.toml names no {missing}; edgekit run needs model and data there")


class _Walker:
    def __init__(self, job: Job, wanted: Wanted, memory: Memory, tell: Tell) -> None:
        self._job, self._wanted, self._memory, self._tell = job, wanted, memory, tell
        self._known = memory.read()
        self._pending = ""  # in a dry run: the first stage that would run

    def walk(self) -> Walk:
        steps: list[Step] = []
        code = 0
        for name in STAGES[: STAGES.index(self._wanted.until) + 1]:
            if code:
                steps.append(Step(name, NOT_REACHED, "a stage before it failed"))
                continue
            self._tell(name, None)
            step, code = self._guarded(name)
            self._tell(name, step)
            steps.append(step)
        return Walk(tuple(steps), code)

    def _guarded(self, name: str) -> tuple[Step, int]:
        start = time.monotonic()
        try:
            step = self._step(name)
        except EdgekitError as error:
            return Step(name, FAILED, str(error), _since(start)), error.exit_code
        return (replace(step, seconds=_since(start)) if step.state == DONE else step), 0

    def _step(self, name: str) -> Step:
        if STAGES.index(name) < STAGES.index(self._wanted.since):
            return Step(name, LEFT_OUT, f"it comes before {self._wanted.since}")
        if name not in self._job.config.run.stages:
            return Step(name, LEFT_OUT, "[run] stages does not name it")
        stage = next((s for s in MAKING if s.name == name), None)
        absent = stage.absent(self._job) if stage else nothing_to_publish(self._job)
        if absent:
            return Step(name, LEFT_OUT, absent)
        if self._pending:
            return Step(name, WOULD, f"unless what {self._pending} makes is what it was")
        return self._make(stage) if stage else self._publish()

    def _make(self, stage: Stage) -> Step:
        inputs = stage.inputs(self._job)
        known = self._known.get(stage.name)
        why = self._why(stage, inputs, known)
        if not why and known is not None:
            if says := stage.says_no(known.result):
                raise CheckFailed(f"{says} (as before: nothing that it reads changed)")
            return Step(stage.name, SKIPPED, "nothing that it reads or left changed", result=known.result)
        if self._wanted.dry_run:
            self._pending = stage.name
            return Step(stage.name, WOULD, why)
        start = time.monotonic()
        result = stage.run(self._job)
        self._remember(stage, inputs or {}, result, _since(start))
        if says := stage.says_no(result):
            raise CheckFailed(says)
        return Step(stage.name, DONE, why, result=result)

    def _why(self, stage: Stage, inputs: Mapping[str, str] | None, known: Done | None) -> str:
        """Say why a stage has to be done, "" where it has not."""
        if stage.name in self._wanted.force:
            return "--force"
        if known is None:
            return "it was never finished here"
        if inputs is None:
            return "it names no inputs, so it is done each time"
        found = differences(known.inputs, inputs) + spoiled(known.outputs, self._job.folder)
        return ", ".join(found[:3]) + (f", and {len(found) - 3} more" if found[3:] else "")

    def _remember(self, stage: Stage, inputs: Mapping[str, str], result: Mapping[str, Any], seconds: float) -> None:
        made = fingerprints(stage.outputs(self._job, result), self._job.folder)
        when = datetime.now(timezone.utc).isoformat(timespec="seconds")
        outputs = {name: digest for name, digest in made.items() if digest != GONE}
        self._known = {**self._known, stage.name: Done(inputs, outputs, result, when, seconds)}
        self._memory.write(self._known)

    def _publish(self) -> Step:
        before = "" if "publish" in self._wanted.force else released_before(self._job)
        if before:
            return Step("publish", SKIPPED, before)
        why = "--force" if "publish" in self._wanted.force else "the site does not have it yet"
        if self._wanted.dry_run:
            return Step("publish", WOULD, f"{why}; see: edgekit publish --dry-run")
        return Step("publish", DONE, why, result=publish_bundle(self._job))


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)


def walk_markdown(walk: Walk) -> str:
    """Return a table for a summary in CI."""
    mark = {DONE: "✅", SKIPPED: "⏭️", FAILED: "❌"}
    text = f"### edgekit run: {walk.title()}\n\n| stage | what happened | why | seconds |\n|---|---|---|---|\n"
    for s in walk.steps:
        why = s.why.replace("|", "\\|").replace("\n", " ")
        text += (
            f"| {s.stage} | {mark.get(s.state, '·')} {s.state} | {why} | {f'{s.seconds:.1f}' if s.seconds else ''} |\n"
        )
    return text
