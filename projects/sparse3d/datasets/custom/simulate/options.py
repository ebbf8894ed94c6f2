"""What a user chooses about simulated sweeps of any sensor; light, for the command line."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.errors import DataError
from sparse3d.simulate.anywhere.ingredients import Ingredients


@dataclass(frozen=True)
class AnywhereOptions:
    """What decides the content of the sweeps, beside the seed."""
    sweeps_per_place: int = 4
    min_points: int = 5              # of a labeled object
    reach: float = 60.0              # labels end there [m]
    without: tuple[str, ...] = ()    # ingredients that are left out

    def __post_init__(self) -> None:
        limits = {'sweeps_per_place': (1, 1000), 'min_points': (1, 1000), 'reach': (5, 200)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f'{name} is {getattr(self, name)}; it must lie between {low} '
                                f'and {high}')
        Ingredients.without(self.without)

    def split(self, num_frames: int, val_fraction: float) -> tuple[int, int]:
        """Number of places of so many sweeps, and the first one that is kept for validation."""
        places = -(-num_frames // self.sweeps_per_place)
        return places, places - round(places * val_fraction)
