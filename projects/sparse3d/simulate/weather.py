"""What the air does to light: fog and rain as LiDARs and cameras see them, and night.

Fog of visibility V dims light by exp(-3 d / V) on d metres: 5 % of the contrast is left at
V (Koschmieder's law). Rain of R mm/h dims it by 1.076 R^0.67 dB per km (Carbonneau and
Wisely 1998). A LiDAR's pulse crosses the air twice. Droplets answer pulses themselves: false
echoes, most of them near the sensor; wet ground mirrors pulses away.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sparse3d.errors import DataError

if TYPE_CHECKING:
    from sparse3d.simulate.scene import Daylight, Scene

WEATHERS = ('clear', 'fog', 'rain')
CLEAR_HAZE = 400.0   # distance over which a colour fades into the horizon on a clear day [m]
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


@dataclass(frozen=True)
class Conditions:
    """What a user chooses."""
    weather: str = 'clear'      # 'clear', 'fog' or 'rain'
    visibility: float = 60.0    # in fog [m]
    rain_rate: float = 25.0     # in rain [mm/h]
    night: bool = False

    def __post_init__(self) -> None:
        if self.weather not in WEATHERS:
            raise DataError(f'there is no weather {self.weather!r}; choose from '
                            f'{", ".join(WEATHERS)}')
        limits = {'visibility': (5, 2000), 'rain_rate': (.1, 200)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f'{name} is {getattr(self, name)}; it must lie between {low} '
                                f'and {high}')

    def air(self) -> Weather:
        """What these conditions mean for light."""
        if self.weather == 'fog':
            extinction = 3 / self.visibility
            return Weather(extinction, drops=.15, drop_reach=1 / (2 * extinction),
                           haze=1 / extinction)
        if self.weather == 'rain':
            extinction = 1.076 * self.rain_rate ** .67 / 4343  # decibels per km to 1/m
            return Weather(extinction, drops=min(.002 * self.rain_rate, .2), drop_reach=6.0,
                           wetness=.6, haze=CLEAR_HAZE / (1 + .1 * self.rain_rate))
        return CLEAR

    def light(self, daylight: Daylight) -> Daylight:
        """The light of a fine day under these conditions."""
        if self.night:
            return replace(daylight, sun_strength=.04, ambient=.05, headlights=1.6, grain=.03,
                           horizon=(.05, .05, .08), zenith=(.01, .01, .03))
        if self.weather == 'clear':
            return daylight
        grey = (.72, .73, .74) if self.weather == 'fog' else (.52, .54, .57)
        return replace(daylight, sun_strength=.1 * daylight.sun_strength,
                       ambient=daylight.ambient * 1.1, horizon=grey, zenith=grey)

    def apply(self, scene: Scene) -> Scene:
        """The same scene under these conditions; nothing in it moves."""
        return replace(scene, weather=self.air(), daylight=self.light(scene.daylight))

    def sentence(self, text: str) -> str:
        """A description with the words that nuScenes' scenes have for it: Night, Rain, Fog."""
        words = [*(['Night'] if self.night else []),
                 *([self.weather.capitalize()] if self.weather != 'clear' else [])]
        return ', '.join([*words, text])

    def describe(self) -> dict[str, str]:
        """As Waymo names them in its statistics."""
        weather = 'sunny' if self.weather == 'clear' else self.weather
        return dict(time_of_day='Night' if self.night else 'Day', location='location_simulated',
                    weather=weather)


def options_for_stamp(options: Any) -> dict[str, Any]:
    """Options (a dataclass with ``conditions``) for a folder's stamp.

    The default conditions are left out: folders from before there was weather go on.
    """
    stamp = asdict(options)
    if options.conditions == Conditions():
        del stamp['conditions']
    return stamp
