"""The median of paired log ratios, and how sure it is. Pure; the leading axes of every array are independent trials.

Two answers to "is the median above x", and both must agree:

- The block bootstrap (circular, blocks of about sqrt(n) neighbouring pairs), since noise lasts longer than a pair. A
  drawn median is above x where more than half of the drawn values are, so its distribution is a convolution of the
  blocks' counts: it is worked out, not drawn. Over several measures it is held to Holm's levels.
- The sign test. The order within a pair was drawn by a coin, so whatever the device did to the two places, the signs of
  (log ratio - true log ratio) are fair coins: the count above x has a binomial bound that is exact for few pairs, under
  spikes, drift and noise that lasts, as long as the change is a factor. Where one measure of many decides it is held to
  a quarter of the look's level: seven measures that are all just below what counts raise 3 to 4 false alarms in 100
  sessions then, and 8 without (benchmarks/verdict_simulation.py).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: The part of a look's level that the coin is held to where one measure of many decides.
COIN = 0.25
#: The pairs of the first look; the driver doubles them from there.
FIRST_LOOK = 16
#: The part of alpha that each look may spend; later looks halve the last part, so all together spend at most alpha.
_SHARES = (0.03, 0.06, 0.25, 0.36, 0.15)


def share(pairs: int) -> float:
    """Return the part of alpha for a look at this many pairs: 16, 32, 64, ..., or any number up to the next of them."""
    look = max(0, math.ceil(math.log2(max(pairs, 1) / FIRST_LOOK)))
    return _SHARES[look] if look < len(_SHARES) else _SHARES[-1] * 0.5 ** (look - len(_SHARES) + 1)


def lowest(logs: Values, level: float, coin: float) -> float:
    """Return the lower bound of the median of [pairs]; -inf where so few pairs have none.

    level: of the bootstrap; coin: of the sign test.
    """
    ordered = np.sort(logs)
    above = np.ones(logs.shape, np.bool_)
    if signs(above) > coin:
        return -math.inf
    passes, fails = -1, len(logs) - 1  # nothing lies above the largest
    while fails - passes > 1:
        middle = (passes + fails) // 2
        above = logs > ordered[middle]
        if blocks(above) <= level and signs(above) <= coin:
            passes = middle
        else:
            fails = middle
    return float(ordered[passes + 1])


def highest(logs: Values, level: float, coin: float) -> float:
    """Return the upper bound of the median of [pairs]; inf where so few pairs have none."""
    return -lowest(-logs, level, coin)


def holm(chances: Values, alpha: float) -> tuple[Flags, Values]:
    """Return which of [..., measures] hold by Holm's rule, and the level that decided each.

    Holm (1979): the smallest chance is held to alpha / m, the next to alpha / (m - 1), up to the first that fails.
    """
    count = chances.shape[-1]
    order = np.argsort(chances, axis=-1, kind="stable")
    levels = alpha / (count - np.arange(count))
    passed = np.logical_and.accumulate(np.take_along_axis(chances, order, -1) <= levels, axis=-1)
    reached = np.minimum(passed.sum(axis=-1, keepdims=True), count - 1)
    used = np.where(passed, levels, levels[reached])
    held, level = np.empty_like(passed), np.empty(chances.shape)
    np.put_along_axis(held, order, passed, -1)
    np.put_along_axis(level, order, used, -1)
    return held, level


def signs(above: Flags) -> Values:
    """Return how likely fair coins are to be as often above, [...]; above [..., pairs] says which log ratios are."""
    tails: Values = _tails(above.shape[-1])[above.sum(axis=-1)]
    return tails


@cache
def _tails(pairs: int) -> Values:
    """Return P(at least k of `pairs` fair coins), k = 0 ... pairs."""
    tails, total = [], 0
    for k in range(pairs, -1, -1):
        total += math.comb(pairs, k)
        tails.append(total / (1 << pairs))
    return np.array(tails[::-1])


def blocks(above: Flags) -> Values:
    """Return how likely a drawn median is not above, [...]; above [..., pairs] says which log ratios are."""
    pairs = above.shape[-1]
    length = math.isqrt(pairs)
    full, rest = divmod(pairs, length)
    drawn = np.fft.rfft(_counts(above, length), pairs + 1) ** full
    if rest:
        drawn = drawn * np.fft.rfft(_counts(above, rest), pairs + 1)
    likely = np.fft.irfft(drawn, pairs + 1)
    at_most_half: Values = np.clip(likely[..., : pairs // 2 + 1].sum(axis=-1), 0.0, 1.0)
    return at_most_half


def _counts(above: Flags, length: int) -> Values:
    """Return how often a block of this length has 0 ... length flags, [..., length + 1]; blocks go round the end."""
    ring = np.concatenate([above, above[..., : length - 1]], axis=-1).astype(np.int64)
    sums = np.cumsum(np.concatenate([np.zeros_like(ring[..., :1]), ring], axis=-1), axis=-1)
    inside = sums[..., length:] - sums[..., :-length]
    return np.stack([(inside == count).mean(axis=-1) for count in range(length + 1)], axis=-1)
