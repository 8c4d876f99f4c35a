"""Market segments of crypto assets, day by day: adoption, regimes, and days that no normal distribution has.

Adoption: users follow a logistic curve with noise; the value that they carry is a power of them, log V = a + 1.69
    log users (the generalised Metcalfe's law that Wheatley et al., Royal Society Open Science 6, 2019, fit to
    Bitcoin).
Regimes: a hidden Markov chain of calm, boom and crash, each with its own drift and volatility (Hamilton,
    Econometrica 57, 1989).
Shocks: Student's t of 3 degrees of freedom, as daily returns have (Cont, Quantitative Finance 1, 2001), part of
    each shared by all segments.
Price: the market wanders around the value of its users and is drawn back to it (Ornstein-Uhlenbeck); turnover grows
    with the size of a day's move (the mixture of distributions of Tauchen and Pitts, Econometrica 51, 1983).
"""

from __future__ import annotations

import numpy as np

EXPONENT = 1.69
SWITCH = np.array([[0.988, 0.007, 0.005], [0.012, 0.980, 0.008], [0.020, 0.005, 0.975]])  # a day: calm, boom, crash
DRIFT = np.array([0.0, 0.012, -0.02])  # of the log price, a day
VOLATILITY = np.array([0.012, 0.025, 0.04])
BACK = 0.008  # of the distance to the users' value, a day
SHARED = 0.6  # of the variance of a shock
FREEDOM = 3
WARM_UP = 200


def segments(count: int, days: int, seed: int) -> dict[str, np.ndarray]:
    """Return float64 [segments, days] by name: size [bn USD], users [millions], turnover [bn USD a day]."""
    random = np.random.default_rng(seed)
    total = days + WARM_UP
    users = adoption(count, total, random)
    scale = random.normal(-0.7, 0.5, count)[:, None]  # log10 of bn USD at a million users
    value = np.log(10) * scale + EXPONENT * np.log(users)
    regimes = chain(count, total, random)
    common = random.standard_t(FREEDOM, total)
    own = random.standard_t(FREEDOM, (count, total))
    shock = (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own) / np.sqrt(FREEDOM / (FREEDOM - 2))
    moves = DRIFT[regimes] + VOLATILITY[regimes] * shock
    size = np.empty((count, total))
    now = value[:, 0]
    for day in range(total):
        now = size[:, day] = now + moves[:, day] + BACK * (value[:, day] - now)
    noise = random.normal(0, 0.25, (count, total))
    turnover = 0.02 * np.exp(size + 0.9 * np.log1p(np.abs(moves) / 0.02) + noise)
    kept = np.s_[:, WARM_UP:]
    return {"size": np.exp(size[kept]), "users": users[kept], "turnover": turnover[kept]}


def adoption(count: int, days: int, random: np.random.Generator) -> np.ndarray:
    """Return users in millions [segments, days]: a logistic curve, with noise."""
    day = np.arange(days)
    most = 10 ** random.normal(1.2, 0.4, count)[:, None]
    middle, speed = random.uniform(-0.3, 1.3, count)[:, None] * days, random.uniform(250, 900, count)[:, None]
    wander = np.cumsum(random.normal(0, 0.006, (count, days)), axis=1)
    return most * np.exp(wander) / (1 + np.exp(-(day - middle) / speed)) + 0.3


def chain(count: int, days: int, random: np.random.Generator) -> np.ndarray:
    """Return the hidden regime of each segment and day, [segments, days]; half of the market's switches are shared."""
    edges = SWITCH.cumsum(axis=1)
    made = np.zeros((count, days), int)
    market = np.zeros(1, int)
    now = np.zeros(count, int)
    for day in range(days):
        before = market
        market = (random.random(1)[:, None] > edges[market]).sum(axis=1).clip(max=2)
        now = (random.random(count)[:, None] > edges[now]).sum(axis=1).clip(max=2)
        if market[0] != before[0]:
            now = np.where(random.random(count) < 0.5, market[0], now)
        made[:, day] = now
    return made
