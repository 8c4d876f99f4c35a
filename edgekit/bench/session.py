"""The loop: pairs of visits in random order, until the verdict is settled or the time is over. It decides nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from edgekit.bench.answers import answers
from edgekit.bench.ratios import FIRST_LOOK
from edgekit.bench.records import (
    BASELINE,
    CANDIDATE,
    ENOUGH,
    INTERRUPTED,
    SETTLED,
    TIME_OVER,
    Pair,
    Run,
    Visit,
)
from edgekit.bench.runner import Rows, Runner, Seat
from edgekit.bench.verdict import Policy, judge
from edgekit.progress import Progress, silent
from edgekit.store import Bundle

#: Visits of a bundle alone.
ALONE = 32


@dataclass(frozen=True, eq=False)
class Plan:
    """How long to measure, and with what."""

    minutes: float = 3.0  # no visit begins later; answers are not counted
    pairs: int = 512  # at most; for a bundle alone, visits at most
    seed: int = 0
    policy: Policy = field(default_factory=Policy)
    rows: Rows | None = None  # evaluation rows, float32 [rows, inputs flattened]
    commit: str = ""


def measure(
    runner: Runner,
    candidate: Bundle,
    baseline: Bundle | None = None,
    plan: Plan | None = None,
    progress: Progress = silent,
) -> Run:
    """Measure a candidate beside its baseline, or a bundle alone, on one device.

    Ctrl-C ends it early with what was measured (`Run.ended` says "interrupted"). Raises NotAvailable where the device
    cannot be reached or cannot run a bundle, and CheckFailed where a visit fails.
    """
    plan = plan or Plan()
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with runner.open() as session:
        progress(f"{runner.name}: answers", 0, 0)
        new = session.seat(candidate)
        run = Run(session.device, runner.name, new.subject, started=started, commit=plan.commit)
        run = replace(run, candidate_answers=answers(new, candidate, plan.rows))
        if baseline is None:
            return _Loop(plan, progress, run, (new, new)).visits()
        old = session.seat(baseline)
        run = replace(run, baseline=old.subject, baseline_answers=answers(old, baseline, plan.rows))
        return _Loop(plan, progress, run, (old, new)).pairs()


class _Loop:
    """Rounds of visits; what was measured is kept when one of them is interrupted."""

    def __init__(self, plan: Plan, progress: Progress, run: Run, seats: tuple[Seat, Seat]) -> None:
        self._plan, self._progress, self._run = plan, progress, run
        self._old, self._new = seats
        # Not for secrets: the order has to be the same for a seed.
        self._random = random.Random(plan.seed)  # noqa: S311
        self._begin = time.monotonic()
        self._says = ""

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begin

    def pairs(self) -> Run:
        """Measure rounds of pairs, each with as many as all before it, and judge after each.

        The first round has as many pairs of the self-test, in between.
        """
        pairs: list[Pair] = []
        own: list[Pair] = []
        ended = ENOUGH
        try:
            while len(pairs) < self._plan.pairs:
                wanted = min(self._plan.pairs, max(FIRST_LOOK, 2 * len(pairs)))
                kinds = [CANDIDATE] * (wanted - len(pairs)) + [BASELINE] * (
                    min(FIRST_LOOK, self._plan.pairs) - len(own)
                )
                self._random.shuffle(kinds)
                for kind in kinds:
                    if self._seconds > 60 * self._plan.minutes:
                        return self._done(pairs, own, TIME_OVER)
                    self._tell(len(pairs), wanted)
                    (pairs if kind == CANDIDATE else own).append(
                        self._pair(self._new if kind == CANDIDATE else self._old)
                    )
                verdict = judge(self._done(pairs, own, ENOUGH), self._plan.policy)
                self._says = verdict.state
                if verdict.settled:
                    return self._done(pairs, own, SETTLED)
        except KeyboardInterrupt:
            if not pairs:
                raise
            ended = INTERRUPTED
        return self._done(pairs, own, ended)

    def visits(self) -> Run:
        """Visit a bundle alone."""
        visits: list[Visit] = []
        ended = ENOUGH
        wanted = min(self._plan.pairs, ALONE)
        try:
            while len(visits) < wanted:
                if visits and self._seconds > 60 * self._plan.minutes:
                    ended = TIME_OVER
                    break
                self._progress(f"{self._run.runner}: visits", len(visits), wanted)
                visits.append(self._new.visit())
        except KeyboardInterrupt:
            if not visits:
                raise
            ended = INTERRUPTED
        return replace(self._run, visits=tuple(visits), seconds=self._seconds, ended=ended)

    def _pair(self, beside: Seat) -> Pair:
        """Visit the baseline and another seat, or the baseline again, in random order."""
        if self._random.random() < 0.5:
            baseline = self._old.visit()
            return Pair(baseline, beside.visit(), BASELINE)
        candidate = beside.visit()
        return Pair(self._old.visit(), candidate, CANDIDATE)

    def _tell(self, done: int, wanted: int) -> None:
        says = f" ({self._says} so far)" if self._says else ""
        self._progress(f"{self._run.runner}: pairs{says}", done, wanted)

    def _done(self, pairs: Sequence[Pair], own: Sequence[Pair], ended: str) -> Run:
        more = {"pairs": tuple(pairs), "self_test": tuple(own), "seconds": self._seconds, "ended": ended}
        return replace(self._run, **more)  # type: ignore[arg-type]
