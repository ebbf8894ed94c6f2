"""What surfaces are made of, as a LiDAR and a camera see them."""
from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Material(IntEnum):
    """Kind of a surface; stored per triangle as uint8."""
    ASPHALT = 0
    MARKING = 1
    CONCRETE = 2
    GRASS = 3
    FACADE = 4
    WALL = 5
    BARK = 6
    FOLIAGE = 7
    METAL = 8
    PAINT = 9
    GLASS = 10
    RUBBER = 11
    CLOTH = 12
    SKIN = 13
    PLATE = 14
    LAMP = 15


class LidarResponse(NamedTuple):
    """Answer of a material to a laser pulse.

    ``reflectance`` (0..1) holds for a surface of medium brightness hit at a right angle,
    ``retro`` (0..1) is the part that returns whatever the angle, ``dropout`` the share of
    pulses that never return.
    """
    reflectance: float
    retro: float
    dropout: float


RESPONSES: dict[Material, LidarResponse] = {
    Material.ASPHALT: LidarResponse(0.34, 0.70, 0.02),
    Material.MARKING: LidarResponse(0.55, 0.80, 0.01),
    Material.CONCRETE: LidarResponse(0.42, 0.60, 0.01),
    Material.GRASS: LidarResponse(0.45, 0.60, 0.02),
    Material.FACADE: LidarResponse(0.40, 0.20, 0.01),
    Material.WALL: LidarResponse(0.38, 0.20, 0.01),
    Material.BARK: LidarResponse(0.35, 0.30, 0.02),
    Material.FOLIAGE: LidarResponse(0.38, 0.60, 0.12),
    Material.METAL: LidarResponse(0.45, 0.20, 0.03),
    Material.PAINT: LidarResponse(0.40, 0.15, 0.03),
    Material.GLASS: LidarResponse(0.10, 0.00, 0.65),
    Material.RUBBER: LidarResponse(0.10, 0.30, 0.05),
    Material.CLOTH: LidarResponse(0.40, 0.30, 0.01),
    Material.SKIN: LidarResponse(0.45, 0.30, 0.01),
    Material.PLATE: LidarResponse(0.90, 0.95, 0.00),
    Material.LAMP: LidarResponse(0.75, 0.80, 0.05),
}


def response_table() -> np.ndarray:
    """Responses of all materials as [M, 3] float32, indexed by material number."""
    return np.array([RESPONSES[material] for material in Material], dtype=np.float32)
