"""What a user chooses about simulated logs of Argoverse 2; light, for the command line."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparse3d.errors import DataError
from sparse3d.simulate.conditions import Conditions, options_for_stamp


@dataclass(frozen=True)
class Argoverse2Options:
    """What decides the content of a log, beside the seed."""
    sweeps: int = 20           # of a log, 156 in the real data
    sweep_rate: float = 10.0   # per second
    azimuths: int = 900        # firings per full turn and LiDAR, 1800 in the real data
    image_width: int = 0       # of the pictures, 2048 in the real data; 0: no cameras [px]
    reach: float = 110.0       # of the street from the drive; beyond, it goes as far each way [m]
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        limits = {'sweeps': (1, 6000), 'sweep_rate': (.1, 10), 'azimuths': (1, 100000),
                  'image_width': (0, 2048), 'reach': (110, 220)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f'{name} is {getattr(self, name)}; it must lie between {low} '
                                f'and {high}')

    def stamp(self) -> dict[str, Any]:
        """For the stamp of the folder; the usual reach is left out, so that folders from before it
        could be chosen go on."""
        stamp = options_for_stamp(self)
        if self.reach == Argoverse2Options.reach:
            del stamp['reach']
        return stamp
