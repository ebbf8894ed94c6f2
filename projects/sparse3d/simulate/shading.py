"""Light on what the camera sees: sun, sky, shadows and haze."""
from __future__ import annotations

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.ray_casting import Hits
from sparse3d.simulate.scene import Daylight, Snapshot
from sparse3d.simulate.surfaces import describe_surfaces

HEADLIGHT_HEIGHT, HEADLIGHT_AHEAD = .7, 2.0  # of the lamps, from the ego frame's origin [m]
HEADLIGHT_REACH = 14.0                       # distance at which their light has halved [m]
LAMP_GLOW = .9
_GLOSS = np.zeros(len(Material), dtype=np.float32)
_GLOSS[[Material.PAINT, Material.GLASS, Material.METAL]] = .18, .35, .10


def sky(daylight: Daylight, directions: np.ndarray) -> np.ndarray:
    """Color [N, 3] of the sky in world directions [N, 3] of any length."""
    rise = directions[:, 2] / np.linalg.norm(directions, axis=1)
    blend = np.clip(rise * 3, 0, 1)[:, None]
    horizon, zenith = np.float32(daylight.horizon), np.float32(daylight.zenith)
    return horizon + blend * (zenith - horizon)


def shade(snapshot: Snapshot, origin: np.ndarray, directions: np.ndarray,
          hits: Hits) -> np.ndarray:
    """Color [N, 3] of hits: Lambert's law for sun and sky, gloss, cast shadows, haze."""
    light = snapshot.daylight
    materials, colors = describe_surfaces(snapshot, origin, directions, hits)
    sun = light.sun.astype(np.float32)
    facing = np.clip(np.einsum('ni,i->n', hits.normal, sun), 0, None)
    lit = np.flatnonzero(facing > 0)
    points = origin + directions[lit] * hits.distance[lit, None] + .02 * hits.normal[lit]
    facing[lit[snapshot.caster.blocked(points, np.broadcast_to(sun, points.shape))]] = 0
    upward = .5 + .5 * hits.normal[:, 2]
    brightness = light.sun_strength * facing + light.ambient * (.45 + .55 * upward)
    if light.headlights:
        brightness += _headlights(snapshot, origin + directions * hits.distance[:, None],
                                  hits.normal)
    color = colors * brightness[:, None] + _reflection(light, directions, hits, materials)
    if light.headlights:
        color[materials == Material.LAMP] += LAMP_GLOW * colors[materials == Material.LAMP]
    haze = snapshot.weather.haze
    fade = 1 - np.exp(-hits.distance * np.linalg.norm(directions, axis=1) / haze)[:, None]
    return color + fade * (np.float32(light.horizon) - color)


def _headlights(snapshot: Snapshot, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Brightness [N] that the ego vehicle's headlights add: a cone ahead, without shadows."""
    pose = snapshot.world_from_ego
    lamp = pose[:3, 3] + HEADLIGHT_AHEAD * pose[:3, 0] + HEADLIGHT_HEIGHT * pose[:3, 2]
    ray = (points - lamp).astype(np.float32)
    distance = np.linalg.norm(ray, axis=1) + 1e-3
    ray /= distance[:, None]
    ahead = ray @ pose[:3, 0].astype(np.float32)
    cone = np.clip((ahead - .75) / .2, 0, 1)  # full within 18 degrees, nothing beyond 41
    facing = .3 + .7 * np.abs(np.einsum('ni,ni->n', ray, normals))
    strength = 1 / (1 + (distance / HEADLIGHT_REACH) ** 2)
    return (snapshot.daylight.headlights * cone * facing * strength).astype(np.float32)


def _reflection(light: Daylight, directions: np.ndarray, hits: Hits,
                materials: np.ndarray) -> np.ndarray:
    """Sky mirrored by paint, metal and glass [N, 3]."""
    gloss = _GLOSS[materials]
    rows = np.flatnonzero(gloss)
    color = np.zeros((len(materials), 3), dtype=np.float32)
    sight, normal = directions[rows], hits.normal[rows]
    mirrored = sight - 2 * np.einsum('ni,ni->n', sight, normal)[:, None] * normal
    above = mirrored[:, 2] > 0
    color[rows[above]] = sky(light, mirrored[above]) * gloss[rows[above], None]
    return color
