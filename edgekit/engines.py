"""Many jobs at once: on the processors of this machine (joblib), or on a Ray cluster.

A worker that dies takes down only what it was doing, which is done again; a job that kills its worker every time is
given up alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from edgekit.errors import NotAvailable, missing_extra

try:
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError
except ImportError:
    joblib = None
try:
    import ray
except ImportError:
    ray = None

J = TypeVar("J")
R = TypeVar("R")

#: How often a job is begun before it is given up.
ATTEMPTS = 3


@dataclass(frozen=True)
class Lost:
    """What is known of a job whose workers died."""

    why: str


class Engine(Protocol):
    """Runs one function over many jobs."""

    #: Whether workers may be on other machines, which do not see this one's files.
    ships: bool

    def run(self, function: Callable[[J, Any], R], jobs: Sequence[J], shared: Any) -> Iterator[tuple[int, R | Lost]]:
        """Yield (number of the job, what the function returned for (job, shared)) as they end, each number once.

        An exception of the function is raised here, when its turn comes.
        """
        ...


class JoblibEngine:
    """Processes of this machine."""

    ships = False

    def __init__(self, workers: int = 0) -> None:
        """Take that many processes; 0 is one for each processor."""
        if joblib is None:
            raise missing_extra("a sweep", "sweep")
        self.workers = workers or os.cpu_count() or 1

    def run(self, function: Callable[[J, Any], R], jobs: Sequence[J], shared: Any) -> Iterator[tuple[int, R | Lost]]:
        """See Engine. What was under way when a process died is begun again, at the last attempt each job alone."""
        left = dict(enumerate(jobs))
        for attempt in range(ATTEMPTS):
            alone = attempt == ATTEMPTS - 1
            for batch in [[n] for n in left] if alone else [list(left)]:
                try:
                    for number, result in self._parallel(function, {n: left[n] for n in batch}, shared):
                        del left[number]
                        yield number, result
                except TerminatedWorkerError:
                    continue
            if not left:
                return
        yield from ((number, Lost(f"its worker died {ATTEMPTS} times")) for number in left)

    def _parallel(self, function: Callable[[J, Any], R], jobs: Mapping[int, J], shared: Any) -> Iterator[tuple[int, R]]:
        # Two at least: with one, joblib would run the job in this process, which a job must not take down.
        pool = joblib.Parallel(max(2, self.workers), return_as="generator_unordered", batch_size=1, pre_dispatch="all")
        yield from pool(joblib.delayed(_numbered)(function, number, job, shared) for number, job in jobs.items())


class RayEngine:
    """The workers of a Ray cluster; each needs the same edgekit, and what a job needs of its extras."""

    ships = True

    def __init__(self, address: str = "", workers: int = 0) -> None:
        """Join the cluster at an address; "" starts one on this machine, which ends with this process.

        Its own one has that many workers; 0 is one for each processor.
        """
        if ray is None:
            raise missing_extra("the engine ray", "ray")
        try:
            ray.init(
                address=address or None,
                num_cpus=None if address else workers or None,
                ignore_reinit_error=True,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
            raise NotAvailable(f"{where} cannot be used: {str(error).strip().splitlines()[0][:200]}") from None

    def run(self, function: Callable[[J, Any], R], jobs: Sequence[J], shared: Any) -> Iterator[tuple[int, R | Lost]]:
        """See Engine. `shared` is sent to each machine once."""
        remote = ray.remote(max_retries=ATTEMPTS - 1)(function)
        common = ray.put(shared)
        waiting = {remote.remote(job, common): number for number, job in enumerate(jobs)}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            number = waiting.pop(done)
            try:
                yield number, ray.get(done)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
                yield number, Lost(f"its worker died {ATTEMPTS} times")


ENGINES: Mapping[str, Callable[[int, str], Engine]] = {
    "joblib": lambda workers, _: JoblibEngine(workers),
    "ray": lambda workers, address: RayEngine(address, workers),
}


def _numbered(function: Callable[[J, Any], R], number: int, job: J, shared: Any) -> tuple[int, R]:
    return number, function(job, shared)
