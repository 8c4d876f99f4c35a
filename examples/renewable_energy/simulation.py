"""Hours of a site with wind turbines and solar panels: weather that remembers, and what it makes of it.

Solar position: declination 23.45 sin(360 (284 + day) / 365) (Cooper, Solar Energy 12, 1969), hour angle 15 degrees
    an hour.
Clear sky: 1098 cos z exp(-0.059 / cos z) W/m2 (Haurwitz, Journal of Meteorology 2, 1945, as in Reno, Hansen and
    Stein, Sandia report SAND2012-2389). Clouds: 1 - 0.75 n^3.4 of it (Kasten and Czeplak, Solar Energy 24, 1980).
Panels: linear in irradiance, -0.4 % for each degree of the cell above 25, the cell (45 - 20) / 800 degrees above
    the air for each W/m2 (the NOCT model: Ross, 1976).
Wind: a Weibull distribution of shape 2 (Justus et al., Journal of Applied Meteorology 17, 1978) over a Gaussian
    AR(1) process.
Turbines: nothing below cut-in, (v^3 - in^3) / (rated^3 - in^3), rated power, nothing above cut-out; averaged over
    the turbines of a park, whose winds differ (Norgaard and Holttinen, Nordic Wind Power Conference, 2004).
"""

from __future__ import annotations

import numpy as np

LATITUDE = 54.0  # degrees north
WIND_MW, SOLAR_MW = 60.0, 90.0
CUT_IN, RATED, CUT_OUT = 3.5, 12.5, 25.0  # m/s
PARK_SPREAD = 1.1  # of the wind between turbines, m/s
MEMORY = {"wind": 0.985, "cloud": 0.94, "temperature": 0.985}  # of AR(1), from one hour to the next


def hours(count: int, seed: int) -> dict[str, np.ndarray]:
    """Return hourly values by name, [count]: wind [m/s], cloud [0, 1], temperature [C], clear [W/m2], power [MW]."""
    random = np.random.default_rng(seed)
    hour = np.arange(count)
    day, time = hour / 24 % 365, hour % 24 + 0.5
    season = -np.cos(2 * np.pi * (day - 15) / 365)  # -1 in the middle of January
    weather = {name: autocorrelated(count, memory, random) for name, memory in MEMORY.items()}
    # Windy air is cloudy air: lows bring both.
    weather["cloud"] = 0.35 * weather["wind"] + np.sqrt(1 - 0.35**2) * weather["cloud"]
    scale = 8.6 - 1.5 * season  # of the Weibull distribution at the hub
    wind = scale * np.sqrt(-2 * np.log1p(-normal_to_uniform(weather["wind"]))) / np.sqrt(2)
    cloud = 1 / (1 + np.exp(-(1.7 * weather["cloud"] + 0.3 - 0.4 * season)))
    clear = clear_sky(day, time)
    temperature = 9.5 + 8.5 * season + 3 * (clear / 800 - 0.3) + 3.5 * weather["temperature"]
    sun = clear * (1 - 0.75 * cloud**3.4)
    power = wind_power(wind) + solar_power(sun, temperature)
    power = np.maximum(power * random.normal(1, 0.01, count), 0)  # of the meter
    return {"wind": wind, "cloud": cloud, "temperature": temperature, "clear": clear, "power": power}


def autocorrelated(count: int, memory: float, random: np.random.Generator) -> np.ndarray:
    """Return a Gaussian AR(1) process of variance 1."""
    steps = random.normal(size=count) * np.sqrt(1 - memory**2)
    made = np.empty(count)
    now = random.normal()
    for i, step in enumerate(steps):
        now = made[i] = memory * now + step
    return made


def normal_to_uniform(z: np.ndarray) -> np.ndarray:
    """Return the normal distribution function by the logistic approximation of Bowling et al. (2009), to 1.4e-4."""
    return 1 / (1 + np.exp(-(0.07056 * z**3 + 1.5976 * z)))


def clear_sky(day: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return the irradiance on the ground without clouds, W/m2; time is solar, in hours."""
    declination = np.radians(23.45 * np.sin(np.radians(360 * (284 + day) / 365)))
    hour_angle, latitude = np.radians(15 * (time - 12)), np.radians(LATITUDE)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    up = np.maximum(height, 1e-3)
    return np.where(height > 0, 1098 * up * np.exp(-0.059 / up), 0.0)


def wind_power(wind: np.ndarray) -> np.ndarray:
    """Return the park's power, MW: the curve of one turbine, averaged over seven winds of a normal distribution."""
    offsets = PARK_SPREAD * np.linspace(-2, 2, 7)
    weights = np.exp(-((offsets / PARK_SPREAD) ** 2) / 2)
    curves = [weight * turbine(wind + offset) for offset, weight in zip(offsets, weights, strict=True)]
    return WIND_MW * sum(curves) / weights.sum()


def turbine(wind: np.ndarray) -> np.ndarray:
    """Return a turbine's power as a part of the rated one."""
    rising = (wind**3 - CUT_IN**3) / (RATED**3 - CUT_IN**3)
    return np.where((wind < CUT_IN) | (wind > CUT_OUT), 0.0, np.minimum(rising, 1.0))


def solar_power(sun: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Return the power of the panels, MW."""
    cell = temperature + sun * (45 - 20) / 800
    return SOLAR_MW * sun / 1000 * (1 - 0.004 * (cell - 25))
