"""Trips of an electric car, second by second: from the speed to the force at the wheel, and back to the battery.

Road load: m a + m g (c_rr cos s + sin s) + rho/2 c_d A (v + wind)^2, air density by the ideal gas law (Guzzella and
    Sciarretta, Vehicle Propulsion Systems, 3rd ed., 2013, ch. 2).
Motor: losses k_c T^2 + k_i w + k_w w^3 + C: copper, iron, windage, constant (Larminie and Lowry, Electric Vehicle
    Technology Explained, 2nd ed., 2012, ch. 7). Inverter: a constant, a part of the power, and one of its square.
Battery: open-circuit voltage over a resistance that grows with age and, by an Arrhenius law, in the cold; the
    current I solves P = U I - R I^2 (Plett, Battery Management Systems I, 2015, ch. 2).
Numbers are those of a middle-class car with a 100 kW motor; they are plausible, not measured on one.
"""

from __future__ import annotations

import numpy as np

CYCLES = ("city", "suburb", "country road", "motorway")
SECONDS = 1200
#: Of each cycle: cruising speed [m/s] and its spread, seconds of cruising and of standing between two speeds.
_CRUISE = np.array([[10.0, 2.5], [14.5, 2.5], [22.0, 3.0], [32.0, 3.0]])
_TIMES = np.array([[18.0, 12.0], [35.0, 8.0], [80.0, 2.0], [140.0, 0.0]])

G, GAS, INERTIA = 9.81, 287.05, 1.05  # gravity, of dry air [J/kg/K], rotating masses as a part of the mass
DRAG_AREA, ROLLING, RADIUS, GEAR = 0.62, 0.0095, 0.33, 9.2  # c_d A [m2], c_rr at 20 C, wheel [m], ratio
GEARBOX, DRAG_TORQUE = 0.975, 0.25  # efficiency; churning oil at the motor's shaft [Nm]
MOTOR = (0.062, 0.5, 6e-7, 70.0)  # k_c [W/Nm2], k_i [W s], k_w [W s3], C [W]
INVERTER = (45.0, 0.012, 1.4e-7)  # W, 1, 1/W
CELLS, RESISTANCE, ACTIVATION = 96, 0.075, 2600.0  # in series; of a new pack at 25 C [ohm]; E/k of Arrhenius [K]
REGENERATION = 60e3  # what the battery takes at most, warm and not full [W]
HOUSE, COMFORT, HEAT_PUMP = 200.0, 21.0, 2.5  # W; C; heat or cold for one part of electricity
CABIN = 38.0  # W/K


def trips(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return float32 numbers [trips, 8] in edgekit.toml's order, cycle codes and efficiencies in % [trips, 1]."""
    random = np.random.default_rng(seed)
    cycle = random.integers(0, len(CYCLES), count)
    temperature = random.uniform(-15, 40, count)
    payload = random.uniform(75, 500, count)
    grade = random.normal(0, 1.2, count).clip(-4, 4)  # mean slope in %
    wind = random.normal(0, 3, count).clip(-10, 10)  # from the front, m/s
    charge = random.uniform(10, 95, count)
    age = random.uniform(0, 60, count)  # growth of the resistance in %
    style = random.uniform(0.6, 2.4, count)  # acceleration in m/s2
    speed = speeds(cycle, style, random)
    moving = speed.mean(axis=1) * 3.6
    given = np.stack([temperature, payload, grade, wind, charge, age])
    parts = [slice(at, at + 500) for at in range(0, count, 500)]  # for less memory
    efficiency = np.concatenate([simulate(speed[part], given[:, part]) for part in parts])
    efficiency += random.normal(0, 0.003, count)  # of the meter
    numbers = np.stack([moving, style, temperature, payload, grade, wind, charge, age], axis=1)
    return numbers.astype(np.float32), cycle[:, None].astype(np.float32), (100 * efficiency[:, None]).astype(np.float32)


def speeds(cycle: np.ndarray, style: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return speeds [trips, seconds] in m/s: stand, accelerate, cruise, brake, again and again."""
    made = np.zeros((len(cycle), SECONDS))
    for trip, (kind, rate) in enumerate(zip(cycle, style, strict=True)):
        second, speed = 0, 0.0
        while second < SECONDS:
            goal = max(4.0, random.normal(*_CRUISE[kind]))
            cruise, stand = random.exponential(_TIMES[kind] + 1e-9)
            rise = ramp(speed, goal, rate)
            stop = 0.0 if random.random() < (0.9, 0.6, 0.3, 0.05)[kind] else 0.6 * goal
            phases = [rise, np.full(int(cruise) + 1, goal), np.arange(goal, stop, -1.2 * rate)]
            part = np.concatenate([*phases, np.full(int(stand) if stop == 0 else 0, 0.0)])
            made[trip, second : second + len(part)] = part[: SECONDS - second]
            second, speed = second + len(part), stop
    return made + 0.0


def ramp(speed: float, goal: float, rate: float) -> np.ndarray:
    """Return the seconds from one speed to another; a driver who accelerates uses at most 60 kW for 2,000 kg."""
    made = []
    while speed < goal:
        made.append(speed)
        speed += min(rate, 30.0 / max(speed, 1.0))
    return np.array(made or np.arange(speed, goal, -rate))


def simulate(speed: np.ndarray, trip: np.ndarray) -> np.ndarray:
    """Return efficiencies [trips]: of what was put in, the part that reached its end (wheel; battery while braking).

    speed: [trips, seconds]; trip: temperature, payload, grade, wind, charge, age, [6, trips].
    """
    temperature, payload, grade, wind, charge, age = (v[:, None] for v in trip)
    mass = 1700 + payload
    slope = np.arctan(grade / 100)
    force = mass * INERTIA * np.gradient(speed, axis=1) + mass * G * np.sin(slope)
    rolling = ROLLING * (1 + 0.008 * (20 - temperature))  # cold tyres roll harder
    force += np.where(speed > 0, mass * G * np.cos(slope) * rolling, 0)
    density = 101325 / (GAS * (temperature + 273.15))
    force += 0.5 * density * DRAG_AREA * (speed + wind) * np.abs(speed + wind) * (speed > 0)
    wheel = force * speed
    shaft = speed * GEAR / RADIUS  # rad/s
    torque = force * RADIUS / GEAR
    driving = wheel > 0
    torque = np.where(driving, torque / GEARBOX + DRAG_TORQUE, torque * GEARBOX + DRAG_TORQUE)
    k_c, k_i, k_w, constant = MOTOR
    lost = k_c * torque**2 + k_i * shaft + k_w * shaft**3 + constant * (speed > 0)
    electric = torque * shaft + lost
    base, part, square = INVERTER
    electric += base + part * np.abs(electric) + square * electric**2
    accepted = REGENERATION * ((temperature + 15) / 30).clip(0.1, 1) * ((100 - charge) / 15).clip(0, 1)
    electric = np.maximum(electric, -accepted)  # the rest goes into the friction brakes
    climate = CABIN * np.abs(temperature - COMFORT) / HEAT_PUMP
    current, voltage = battery(electric + HOUSE + climate, temperature, charge, age)
    chemical = voltage * current
    given = (chemical.clip(0) - wheel.clip(None, 0)).sum(axis=1)
    reached = (wheel.clip(0) - chemical.clip(None, 0)).sum(axis=1)
    return reached / given


def battery(
    power: np.ndarray, temperature: np.ndarray, charge: np.ndarray, age: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the current [A] and the open-circuit voltage [V] at which the terminals give a power [W]."""
    voltage = CELLS * (3.35 + 0.007 * charge + 0.12 * np.tanh((charge - 10) / 8))
    warm = temperature + 0.25 * (25 - temperature)  # the pack is insulated
    cold = np.exp(ACTIVATION * (1 / (warm + 273.15) - 1 / 298.15))
    resistance = RESISTANCE * cold * (1 + age / 100)
    root = np.sqrt(np.maximum(voltage**2 - 4 * resistance * power, 0))
    return (voltage - root) / (2 * resistance), voltage
