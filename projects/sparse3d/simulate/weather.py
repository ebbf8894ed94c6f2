"""What the air does to light: fog and rain as LiDARs and cameras see them.

Fog of visibility V dims light by exp(-3 d / V) on d meters: 5 % of the contrast is left at
V (Koschmieder's law). Rain of R mm/h dims it by 1.076 R^0.67 dB per km (Carbonneau and
Wisely 1998). A LiDAR's pulse crosses the air twice. Droplets answer pulses themselves: false
echoes, most of them near the sensor; wet ground mirrors pulses away.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLEAR_HAZE = 400.0   # distance over which a color fades into the horizon on a clear day [m]
FARTHEST_DROPS = 30.0  # false echoes come from nearer than that [m]


@dataclass(frozen=True)
class Weather:
    """Air and wetness; the defaults are a clear dry day."""
    extinction: float = 0.0    # of the laser's light [1/m]
    drops: float = 0.0         # share of long rays that end at a droplet
    drop_reach: float = 1.0    # mean distance of these droplets [m]
    wetness: float = 0.0       # share of a pulse that wet ground mirrors away at grazing angles
    haze: float = CLEAR_HAZE   # [m]

    def transmission(self, distance: np.ndarray, cosine: np.ndarray,
                     on_ground: np.ndarray) -> np.ndarray:
        """Share [N] of an echo that is left after the way through the air and back.

        Args:
            distance: [N] of what was hit [m].
            cosine: [N] of the angle between ray and surface normal.
            on_ground: [N] whether the ground was hit, which may be wet.
        """
        if not self.extinction:
            return np.ones(len(cosine), dtype=np.float32)
        left = np.exp(-2 * self.extinction * distance)
        return np.where(on_ground, left * (1 - self.wetness * (1 - cosine)), left)

    def false_echoes(self, distance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Distances [N] of droplets that answer pulses, inf where none does.

        Args:
            distance: [N] of what the ray would hit, inf for the sky.
        """
        if not self.drops:
            return np.full(len(distance), np.inf)
        chance, place = rng.random((2, len(distance)))
        crossed = 1 - np.exp(-np.minimum(distance, FARTHEST_DROPS) / self.drop_reach)
        drop = -self.drop_reach * np.log1p(-place * crossed)  # exponential, cut at the hit
        return np.where(chance < self.drops * crossed, drop, np.inf)


CLEAR = Weather()
