"""What a user chooses about a simulated place: weather, time of day, how many people are about."""
from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sparse3d.errors import DataError
from sparse3d.simulate.weather import CLEAR, CLEAR_HAZE, Weather

if TYPE_CHECKING:
    from sparse3d.simulate.scene import Daylight, Scene

WEATHERS = ('clear', 'fog', 'rain')


@dataclass(frozen=True)
class Conditions:
    """What a user chooses."""
    weather: str = 'clear'      # 'clear', 'fog' or 'rain'
    visibility: float = 60.0    # in fog [m]
    rain_rate: float = 25.0     # in rain [mm/h]
    night: bool = False
    people: float = 1.0         # pedestrians, times the usual number of a street

    def __post_init__(self) -> None:
        if self.weather not in WEATHERS:
            raise DataError(f'there is no weather {self.weather!r}; choose from '
                            f'{", ".join(WEATHERS)}')
        limits = {'visibility': (5, 2000), 'rain_rate': (.1, 200), 'people': (0, 50)}
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
        gray = (.72, .73, .74) if self.weather == 'fog' else (.52, .54, .57)
        return replace(daylight, sun_strength=.1 * daylight.sun_strength,
                       ambient=daylight.ambient * 1.1, horizon=gray, zenith=gray)

    def apply(self, scene: Scene) -> Scene:
        """The same scene in this weather and light; nothing in it moves, and no people are added:
        they are placed with the street."""
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

    The default conditions are left out, and the usual number of people: folders from before
    these could be chosen go on.
    """
    stamp, default = asdict(options), Conditions()
    if options.conditions == default:
        del stamp['conditions']
    elif options.conditions.people == default.people:
        del stamp['conditions']['people']
    return stamp
