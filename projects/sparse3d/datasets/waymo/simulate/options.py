"""What a user chooses about simulated segments of Waymo; light, for the command line."""
from __future__ import annotations

from dataclasses import dataclass, field

from sparse3d.errors import DataError
from sparse3d.simulate.conditions import Conditions

TURN = .1         # seconds a turn of TOP takes
FORMATS = dict(v1=('v1',), v2=('v2',), both=('v1', 'v2'))


@dataclass(frozen=True)
class WaymoOptions:
    """What decides the content of a segment, beside the seed."""
    seconds: float = 20.0       # length of a segment [s]
    frame_rate: float = 10.0    # frames per second
    columns: int = 1325         # of TOP's range image, 2650 in the real data; others in proportion
    image_width: int = 480      # of the pictures, 1920 in the real data [px]; 0: no cameras
    projections: bool = False   # store the camera pixel that each LiDAR point falls on
    format: str = 'v2'          # 'v1', 'v2' or 'both'
    val_fraction: float = .25   # share of the segments that is for validation
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        limits = {'seconds': (TURN, 600), 'frame_rate': (.1, 10), 'columns': (16, 8192),
                  'image_width': (0, 1920), 'val_fraction': (0, 1)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f'{name} is {getattr(self, name)}; it must lie between {low} '
                                f'and {high}')
        if self.format not in FORMATS:
            raise DataError(f'there is no format {self.format!r}; choose from '
                            f'{", ".join(FORMATS)}')

    @property
    def frames(self) -> int:
        """Frames of a segment, at least one."""
        return max(1, int(self.seconds * self.frame_rate + 1e-9))
