"""A cloud with its labels in words that all data sets share, for judging a detector elsewhere."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CAR, PEDESTRIAN, CYCLIST = 'Car', 'Pedestrian', 'Cyclist'
LARGE_VEHICLE = 'LargeVehicle'  # trucks, buses, trailers, vans where a data set parts them off
RIDERLESS = 'Riderless'         # bicycles and motorcycles, whose riders a data set does not tell
SITTING = 'Sitting'             # people that are not wanted, and not false either
OTHER = 'Other'
SIMULATED = 'simulated'         # what frames of `simulate custom` call their source
TRAINED = (CAR, PEDESTRIAN, CYCLIST, LARGE_VEHICLE)
KINDS = (CAR, PEDESTRIAN, CYCLIST, LARGE_VEHICLE, RIDERLESS, SITTING, OTHER)


@dataclass(frozen=True)
class LabeledFrame:
    """One cloud and what is labeled in it.

    Attributes:
        source: name of the data set.
        name: of the frame.
        points: (N, 3) float32 x, y, z in meters, frame of the cloud, z up.
        boxes: (M, 7) x, y, z_bottom, dx, dy, dz, yaw in that frame.
        kinds: (M,) of :data:`KINDS`.
        is_labeled: takes centers (K, 3), gives which lie where this data set has labels (K,);
            None where it has them all around.
    """

    source: str
    name: str
    points: np.ndarray
    boxes: np.ndarray
    kinds: np.ndarray
    is_labeled: Callable[[np.ndarray], np.ndarray] | None = None

    def labeled(self, centers: np.ndarray) -> np.ndarray:
        """Which of some centers (K, 3) lie where there are labels."""
        return np.ones(len(centers), bool) if self.is_labeled is None else self.is_labeled(centers)
