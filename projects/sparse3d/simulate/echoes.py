"""What LiDAR pulses bring back: distance, intensity, elongation, and whether anything at all."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.simulate.materials import response_table
from sparse3d.simulate.ray_casting import NOTHING, Hits
from sparse3d.simulate.scene import GROUND, Snapshot
from sparse3d.simulate.surfaces import describe_surfaces

WEAKEST = .02  # power of an echo below which more and more are lost
BRIGHTEST = .99


@dataclass(frozen=True)
class Receiver:
    """Limits and noise of a LiDAR."""
    min_range: float = 0.9           # [m]
    max_range: float = 120.0         # [m]
    range_noise: float = 0.02        # standard deviation [m], clipped at 3 sigma
    intensity_noise: float = 0.02    # standard deviation, 0..1


@dataclass(frozen=True)
class Echoes:
    """Answers of R pulses; a pulse without one has an infinite distance."""
    distance: np.ndarray    # [R] float64 [m]
    intensity: np.ndarray   # [R] float64 0..1
    elongation: np.ndarray  # [R] float64, how much longer than the pulse the echo is
    instance: np.ndarray    # [R] int32: actor hit, GROUND, STATIC; NOTHING for drops and no echo

    @property
    def heard(self) -> np.ndarray:
        """Which pulses have an answer [R]."""
        return np.isfinite(self.distance)


def listen(snapshot: Snapshot, origins: np.ndarray, directions: np.ndarray, receiver: Receiver,
           rng: np.random.Generator) -> Echoes:
    """Send one pulse along each ray.

    Args:
        origins: of the rays, [3] or [R, 3], world frame.
        directions: unit vectors [R, 3], world frame.
    """
    count = len(directions)
    chance = rng.random(count)
    range_noise, intensity_noise = np.clip(rng.standard_normal((2, count)), -3, 3)
    hits = snapshot.caster.cast(origins, directions)
    rays = np.flatnonzero(hits.hit & (hits.distance < receiver.max_range))
    starts = origins if np.ndim(origins) == 1 else origins[rays]
    strength, dropout, cosine = _answer(snapshot, starts, directions[rays], hits.rows(rays))
    echoes = Echoes(np.full(count, np.inf), np.zeros(count), np.zeros(count),
                    np.full(count, NOTHING, dtype=np.int32))
    heard = chance[rays] >= dropout
    rays, strength, cosine = rays[heard], strength[heard], cosine[heard]
    echoes.distance[rays] = hits.distance[rays] + receiver.range_noise * range_noise[rays]
    echoes.intensity[rays] = np.clip(
        strength + receiver.intensity_noise * intensity_noise[rays], 0, BRIGHTEST)
    echoes.elongation[rays] = .3 * (1 - cosine) ** 2  # a slanting surface stretches the pulse
    echoes.instance[rays] = hits.instance[rays]
    _let_drops_answer(echoes, snapshot.weather.false_echoes(hits.distance, rng), chance)
    echoes.distance[echoes.distance <= receiver.min_range] = np.inf
    return echoes


def _let_drops_answer(echoes: Echoes, drops: np.ndarray, chance: np.ndarray) -> None:
    """A drop in the way answers weakly and long, and hides what is behind it."""
    rays = np.flatnonzero(np.isfinite(drops))
    echoes.distance[rays] = drops[rays]
    echoes.intensity[rays] = .01 + .06 * chance[rays]
    echoes.elongation[rays] = .5 + .5 * chance[rays]
    echoes.instance[rays] = NOTHING


def _answer(snapshot: Snapshot, origins: np.ndarray, directions: np.ndarray,
            hits: Hits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intensity [N], probability of no return [N] and cosine of the angle to the normal [N].

    Intensity is the reflectance times a blend of Lambert's cosine and a retro-reflecting
    part, corrected for distance as the sensor does; weak echoes are lost with distance, and
    the air takes its share.
    """
    materials, colors = describe_surfaces(snapshot, origins, directions, hits)
    reflectance, retro, dropout = response_table()[materials].T
    cosine = np.abs(np.einsum('ni,ni->n', hits.normal, directions))
    brightness = colors.mean(axis=1)
    intensity = reflectance * (.5 + brightness) * (retro + (1 - retro) * cosine)
    intensity = intensity * snapshot.weather.transmission(
        hits.distance, cosine, hits.instance == GROUND)
    power = intensity * (.3 + .7 * cosine) * np.minimum(40.0 / hits.distance, 1.0) ** 2
    return intensity, 1 - (1 - dropout) * np.clip(power / WEAKEST, 0, 1), cosine
