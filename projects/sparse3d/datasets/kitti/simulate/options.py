"""What a user chooses about simulated frames of KITTI; light, for the command line."""
from __future__ import annotations

from dataclasses import dataclass, field

from sparse3d.errors import DataError
from sparse3d.simulate.conditions import Conditions


@dataclass(frozen=True)
class KittiOptions:
    """What decides the content of the frames, beside the seed."""
    frames_per_drive: int = 4
    frame_rate: float = 1.0          # [Hz]
    azimuths: int = 2000             # LiDAR firings per full turn
    lidar_field: float = 360.0       # part of the turn that is simulated, around ahead [deg]
    image_scale: float = 1.0         # camera rays per pixel and axis
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        limits = {'frames_per_drive': (1, 10000), 'frame_rate': (.01, 1000),
                  'azimuths': (1, 100000), 'lidar_field': (1, 360), 'image_scale': (.01, 1)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f'{name} is {getattr(self, name)}; it must lie between {low} '
                                f'and {high}')
