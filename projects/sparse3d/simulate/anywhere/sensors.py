"""Random rotating LiDARs: rings and how they are spread, mounting, noise, what they lose."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.anywhere.ingredients import Ingredients
from sparse3d.simulate.lidar import hdl64e_elevations

RINGS = (16, 32, 40, 64, 64, 80, 128)
UNITS = (1.0, 255.0, 0.0)  # full scale of the intensities; 0: the sensor gives none


@dataclass(frozen=True)
class Sensor:
    """One rotating LiDAR as it is mounted and as it fails."""
    elevations: np.ndarray                  # [B] rad
    azimuths: int                           # firings per turn
    height: float                           # above the ground [m]
    roll: float = 0.0                       # [rad]
    pitch: float = 0.0                      # [rad]
    max_range: float = 100.0                # [m]
    range_noise: float = 0.02               # standard deviation [m]
    ring_offsets: np.ndarray | float = 0.0  # [B] of the range [m]
    divergence: float = 0.0                 # standard deviation of a pulse's direction [rad]
    sensitivity: float = 1.0                # 1: the weakest echo heard is that of a HDL-64E
    drop: float = 0.0                       # share of pulses lost whatever they meet
    ring_drops: np.ndarray | float = 0.0    # [B] share of each ring's
    blind: tuple[tuple[float, float, float], ...] = ()  # azimuth, half width [rad], share lost
    glass: float = 0.0                      # share of pulses that go through a window
    unit: float = 1.0                       # of the intensities
    ego: tuple[float, ...] = ()  # vehicle below the sensor: half dx, half dy, top below it [m]


def random_sensor(rng: np.random.Generator, ingredients: Ingredients) -> Sensor:
    """A sensor as somebody may have it."""
    if ingredients.sensors:
        elevations, azimuths = _rings(rng), int(rng.integers(900, 2200))
        if len(elevations) > 64:
            azimuths = min(azimuths, 1500)
        mounted = dict(height=float(rng.uniform(.5, 2.5) if rng.random() < .5 else
                                    rng.uniform(1.5, 2.1)),
                       roll=float(np.radians(rng.normal(0, .6))),
                       pitch=float(np.radians(rng.normal(0, .8))),
                       max_range=float(rng.uniform(60, 120)), unit=float(rng.choice(UNITS)))
    else:
        elevations, azimuths, mounted = hdl64e_elevations(), 2000, dict(height=1.73)
    more: dict = {}
    if ingredients.noise:
        more.update(range_noise=float(rng.uniform(.005, .04)),
                    ring_offsets=rng.normal(0, rng.uniform(0, .025), len(elevations)),
                    divergence=float(rng.uniform(0, .0015)))
    if ingredients.losses:
        more.update(_losses(rng, len(elevations)))
    if ingredients.glass:
        more.update(glass=float(rng.uniform(.5, .98)))
    if ingredients.ego and rng.random() < .4:
        more.update(ego=tuple(float(value) for value in
                              rng.uniform((.3, .3, .1), (2.4, 1.1, .6))))
    return Sensor(elevations, azimuths, **mounted, **more)


def _rings(rng: np.random.Generator) -> np.ndarray:
    """Elevations in radians, highest first: evenly spread, in blocks, or denser at the horizon."""
    count = int(rng.choice(RINGS))
    if count == 64 and rng.random() < .35:
        return hdl64e_elevations() + np.radians(rng.normal(0, .03, 64))
    top, bottom = rng.uniform(1.5, 22), -rng.uniform(14, 32)
    if count == 16:
        top, bottom = rng.uniform(5, 15), -rng.uniform(10, 18)
    even = np.linspace(top, bottom, count)
    if rng.random() < .45:  # denser about the horizon
        place = np.linspace(-1, 1, count)
        power = rng.uniform(1.2, 2.2)
        bent = np.sign(place) * np.abs(place) ** power
        even = np.where(bent > 0, bent * bottom, -bent * top)
    return np.radians(np.sort(even + rng.normal(0, .02, count))[::-1])


def _losses(rng: np.random.Generator, rings: int) -> dict:
    found: dict = dict(sensitivity=float(np.exp(rng.normal(0, .8))),
                       drop=float(rng.choice([0., rng.uniform(0, .15)])))
    drops = np.where(rng.random(rings) < .03, rng.uniform(.2, 1, rings), 0.)
    if rng.random() < .5:
        found['ring_drops'] = drops
    if rng.random() < .25:  # dirt, a mast, the vehicle itself
        found['blind'] = tuple(
            (float(rng.uniform(-np.pi, np.pi)), float(rng.uniform(.03, .5)),
             float(rng.uniform(.3, 1))) for _ in range(int(rng.integers(1, 4))))
    return found
