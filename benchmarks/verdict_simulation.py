"""Which verdict to trust on a noisy device: false alarms, regressions caught, and pairs needed, on synthetic devices.

    python benchmarks/verdict_simulation.py [--trials 1000]

prints the tables of docs/verdict.md. A trial is a session; its noise is made, its verdicts are edgekit's own code.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.bench.policy import BETTER, SAME, UNKNOWN, WORSE, Policy
from edgekit.bench.ratios import share
from edgekit.bench.verdict import chances, states

Values = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]
#: What is judged of each visit; the first four are measured once a visit and have twice the noise.
MEASURES = ("cold", "load", "compute", "first", "p90", "p50", "memory")
ONCE = 4
STEADY = MEASURES.index("p50")


@dataclass(frozen=True)
class Noise:
    """A device. All but `spread`, which is each measure's own, strikes all measures of a visit alike."""

    spread: float = 0.05  # of the log-normal noise
    spikes: float = 0.03  # the part of the visits that take 1.5 to 3 times as long
    flips: float = 0.05  # how likely the governor changes its mind before a visit
    slow: float = 1.2  # what it costs
    drift: float = 0.15  # from the first visit to the last
    lasting: float = 0.0  # noise with a correlation of 0.9 from visit to visit
    load: float = 0.0  # the part of the visits that share their core, and take up to 1.4 times as long


DEVICES: Mapping[str, Noise] = {
    "a quiet machine": Noise(spread=0.02, spikes=0.0, flips=0.0, drift=0.0),
    "the noisy phone": Noise(),
    "a governor that flips every fourth visit": Noise(flips=0.25),
    "noise that lasts": Noise(lasting=0.2),
    "a loaded core": Noise(spread=0.07, load=0.3),
}


def visits(noise: Noise, trials: int, count: int, random: np.random.Generator) -> Values:
    """Return log times, [trials, measures, count], of visits one after the other; the model costs log 1."""
    shape = (trials, 1, count)
    time = np.log(np.linspace(1, 1 + noise.drift, count)) + np.zeros(shape)
    time += (np.cumsum(random.random(shape) < noise.flips, axis=-1) % 2) * math.log(noise.slow)
    time += np.where(random.random(shape) < noise.spikes, np.log(random.uniform(1.5, 3, shape)), 0)
    time += np.where(random.random(shape) < noise.load, np.log(random.uniform(1, 1.4, shape)), 0)
    if noise.lasting:
        fresh, kept = random.standard_normal(shape), 0.9
        for i in range(1, count):
            fresh[..., i] = kept * fresh[..., i - 1] + math.sqrt(1 - kept**2) * fresh[..., i]
        time += noise.lasting * fresh
    spread = np.full((len(MEASURES), 1), noise.spread)
    spread[:ONCE] *= 2
    own: Values = time + spread * random.standard_normal((trials, len(MEASURES), count))
    return own


def paired_logs(times: Values, random: np.random.Generator) -> Values:
    """Return log ratios, [trials, measures, pairs], of visits in pairs whose order a coin drew."""
    first, second = times[..., 0::2], times[..., 1::2]
    heads = random.random((len(times), 1, first.shape[-1])) < 0.5
    logs: Values = np.where(heads, second - first, first - second)
    return logs


def sessions(logs: Values, looks: Sequence[int], policy: Policy) -> tuple[Texts, npt.NDArray[np.int64]]:
    """Return how each session ends and after how many pairs, looked at after each doubling as the driver does."""
    smallest = np.array([math.log1p(max(policy.effect, policy.effects.get(m, 0.0))) for m in MEASURES])
    ended = np.full(len(logs), UNKNOWN, dtype="<U12")
    pairs = np.full(len(logs), looks[-1], np.int64)
    open_ = np.arange(len(logs))
    for count in looks:
        found = states(chances(logs[open_, :, :count], smallest), (1 - policy.confidence) * share(count))
        worse, unknown, better = ((found == state).any(axis=-1) for state in (WORSE, UNKNOWN, BETTER))
        done = worse | ~unknown
        ended[open_[done]] = np.where(worse, WORSE, np.where(better, BETTER, SAME))[done]
        pairs[open_[done]] = count
        open_ = open_[~done]
        if not len(open_):
            break
    return ended, pairs


def simulate(noise: Noise, change: Mapping[str, float], trials: int, looks: Sequence[int], seed: int = 0) -> Counts:
    """Judge this many sessions of a candidate that takes `change` times as long, by measure."""
    random = np.random.default_rng(seed)
    logs = paired_logs(visits(noise, trials, 2 * looks[-1], random), random)
    logs += np.array([math.log(change.get(m, 1.0)) for m in MEASURES])[:, None]
    ended, pairs = sessions(logs, looks, Policy())
    parts = {state: float((ended == state).mean()) for state in (WORSE, SAME, BETTER, UNKNOWN)}
    return Counts(parts, float(pairs.mean()))


@dataclass(frozen=True)
class Counts:
    """The parts of the sessions that ended in each state, and their mean number of pairs."""

    parts: Mapping[str, float]
    pairs: float


def mann_whitney(a: Values, b: Values) -> Values:
    """Return the two-sided p of [trials, n] against [trials, n], by the normal approximation (no ties)."""
    n, m = a.shape[-1], b.shape[-1]
    ranks = np.argsort(np.argsort(np.concatenate([a, b], axis=-1), axis=-1), axis=-1) + 1
    u = ranks[..., n:].sum(axis=-1) - m * (m + 1) / 2
    z = np.abs(u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    p: Values = np.vectorize(math.erfc)(z / math.sqrt(2))
    return p


def slower(a: Values, b: Values) -> Values:
    """Return how many times as long the medians of b are."""
    factor: Values = np.exp(np.median(b, axis=-1) - np.median(a, axis=-1))
    return factor


def bootstrap(a: Values, b: Values) -> npt.NDArray[np.bool_]:
    """Tell where the one-sided 95 % bootstrap bound of the median log ratio is above 1.05."""
    random, logs = np.random.default_rng(1), b - a
    found = [np.median(x[random.integers(0, len(x), (1000, len(x)))], axis=-1) for x in logs]
    worse: npt.NDArray[np.bool_] = np.quantile(found, 0.05, axis=-1) > math.log(1.05)
    return worse


Rule = Callable[[Values, Values], npt.NDArray[np.bool_]]
#: How others decide, on the p50 alone: the order of the visits, and the rule.
RULES: Mapping[str, tuple[str, Rule]] = {
    "Mann-Whitney p < .05, slower": ("after", lambda a, b: (mann_whitney(a, b) < 0.05) & (slower(a, b) > 1)),
    "asv: Mann-Whitney p < .002, factor 1.1": (
        "after",
        lambda a, b: (mann_whitney(a, b) < 0.002) & (slower(a, b) > 1.1),
    ),
    "asv's rule, visits in turn": ("pairs", lambda a, b: (mann_whitney(a, b) < 0.002) & (slower(a, b) > 1.1)),
    "Mann-Whitney p < .05, slower, visits in turn": (
        "pairs",
        lambda a, b: (mann_whitney(a, b) < 0.05) & (slower(a, b) > 1),
    ),
    "pairs, bootstrap bound of the median log ratio above 1.05": ("pairs", bootstrap),
}


def alarms(rule: str, noise: Noise, change: float, trials: int, count: int = 50) -> float:
    """Return how often a rule says "slower" of 50 and 50 visits."""
    random = np.random.default_rng(2)
    order, says = RULES[rule]
    times = visits(noise, trials, 2 * count, random)[:, STEADY]
    if order == "after":
        a, b = times[:, :count], times[:, count:]
    else:
        heads = random.random((trials, count)) < 0.5
        first, second = times[:, 0::2], times[:, 1::2]
        a, b = np.where(heads, first, second), np.where(heads, second, first)
    return float(says(a, b + math.log(change)).mean())


def rules_table(trials: int) -> str:
    """Return the table of rules on the noisy phone, as Markdown."""
    lines = ["| rule, 50 and 50 visits, one measure | false alarms | +10 % caught |", "|---|---|---|"]
    for name, (order, _) in RULES.items():
        ways = " (the baseline first, then the candidate)" if order == "after" else ""
        parts = (f"{alarms(name, DEVICES['the noisy phone'], change, trials):.1%}" for change in (1.0, 1.1))
        lines.append(f"| {name}{ways} | {' | '.join(parts)} |")
    return "\n".join(lines)


def devices_table(trials: int) -> str:
    """Return the table of edgekit's verdict, seven measures and all looks together, as Markdown."""
    lines = [
        "| device | false alarms | same | pairs | +10 % of p50 caught in 100 pairs | in 512 |",
        "|---|---|---|---|---|---|",
    ]
    for name, noise in DEVICES.items():
        alike = simulate(noise, {}, trials, LOOKS)
        caught = [simulate(noise, {"p50": 1.1}, trials, looks).parts[WORSE] for looks in (LOOKS_100, LOOKS)]
        numbers = (f"{alike.parts[WORSE]:.1%}", f"{alike.parts[SAME]:.1%}", f"{alike.pairs:.0f}")
        lines.append(f"| {name} | {' | '.join(numbers)} | {caught[0]:.1%} | {caught[1]:.1%} |")
    return "\n".join(lines)


LOOKS, LOOKS_100 = (16, 32, 64, 128, 256, 512), (16, 32, 64, 100)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    print(f"{rules_table(trials)}\n\n{devices_table(trials)}")


if __name__ == "__main__":
    main()
