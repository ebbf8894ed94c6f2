"""What a user chooses about a preparation of Argoverse 2; light, for the command line."""
from __future__ import annotations

from dataclasses import dataclass

from sparse3d.errors import DataError


@dataclass(frozen=True)
class Argoverse2Preparation:
    """Choices beside folders and splits.

    Attributes:
        sweeps: earlier sweeps that an entry names, at most.
        cameras: whether pictures are wanted.
        database_interval: objects of every n-th training frame of a log are cut out; 0: of none.
        skip_damaged: leave logs and sweeps with unusable files out, and report them.
    """

    sweeps: int = 4
    cameras: bool = True
    database_interval: int = 5
    skip_damaged: bool = False

    def __post_init__(self) -> None:
        for name in ('sweeps', 'database_interval'):
            if getattr(self, name) < 0:
                raise DataError(f'{name} is {getattr(self, name)}; it counts from 0')
