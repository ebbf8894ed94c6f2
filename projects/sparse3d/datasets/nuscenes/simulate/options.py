"""What a user chooses about simulated scenes of nuScenes; light, for the command line."""
from __future__ import annotations

from dataclasses import dataclass, field

from sparse3d.errors import DataError
from sparse3d.simulate.conditions import Conditions

KEY_INTERVAL = .5   # seconds between key frames


@dataclass(frozen=True)
class NuScenesOptions:
    """What decides the content of a scene, beside the seed."""
    seconds: float = 20.0      # length of a scene [s]
    image_width: int = 640     # of the pictures, 1600 in the real data [px]
    camera_rate: float = 2.0   # pictures per second and camera, 12 in the real data
    lidar_rate: float = 20.0   # sweeps per second
    azimuths: int = 1090       # LiDAR firings per full turn
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        limits = {'seconds': (KEY_INTERVAL, 600), 'image_width': (16, 1600),
                  'camera_rate': (2, 30), 'lidar_rate': (2, 20), 'azimuths': (1, 100000)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f'{name} is {getattr(self, name)}; it must lie between {low} '
                                f'and {high}')
        for name in ('camera_rate', 'lidar_rate'):
            if getattr(self, name) * KEY_INTERVAL % 1:
                raise DataError(f'{name} is {getattr(self, name)}; it must be a multiple of '
                                f'{1 / KEY_INTERVAL:g}, the rate of the key frames')

    @property
    def samples(self) -> int:
        """Key frames of a scene."""
        return int(self.seconds / KEY_INTERVAL + 1e-9)
