"""How the objects of a class move and how well they are measured: what trackers assume."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections


@dataclass(frozen=True)
class ClassMotion:
    """One class; standard deviations.

    Attributes:
        max_distance: between a track and its detection in BEV [m].
        speed: of an object of which nothing more is known, each axis [m/s].
        acceleration: of the object [m/s^2].
        turn_rate: of its heading [rad/s].
        center_std: of a measured center, each axis [m].
        size_std: of a measured size, each axis [m].
        yaw_std: of a measured heading [rad].
        velocity_std: of a measured velocity, each axis [m/s].
    """

    max_distance: float = 4.0
    speed: float = 8.0
    acceleration: float = 3.0
    turn_rate: float = 0.3
    center_std: float = 0.4
    size_std: float = 0.3
    yaw_std: float = 0.2
    velocity_std: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, Real) or not 0 < value < np.inf:
                raise ConfigError(f'{name} of a class is {value!r}; it has to be a number of more '
                                  f'than 0')


_CAR, _TRUCK = ClassMotion(), ClassMotion(4.0, 7.0, 2.0, 0.2, 0.6)
_BUS, _TRAILER = ClassMotion(5.5, 7.0, 2.0, 0.2, 0.6), ClassMotion(3.0, 7.0, 2.0, 0.2, 0.8)
_PERSON = ClassMotion(1.0, 1.2, 1.0, 1.0, 0.2, 0.1, 0.6, 0.5)
_CYCLIST = ClassMotion(3.0, 4.0, 2.5, 0.6, 0.3, 0.2, 0.3, 1.0)
_MOTORCYCLE = ClassMotion(13.0, 8.0, 4.0, 0.6, 0.3, 0.2)
_STANDING = ClassMotion(1.0, 0.1, 0.1, 0.05, 0.2, 0.1, 0.3, 0.3)
# The distances are those of CenterPoint's tracker for nuScenes, where key frames are 0.5 s apart;
# names are those of the data sets that are read here.
_ALIKE: tuple[tuple[ClassMotion, str], ...] = (
    (_CAR, 'car vehicle van misc regular_vehicle'),
    (_TRUCK, 'truck large_vehicle box_truck truck_cab'),
    (_BUS, 'bus articulated_bus school_bus tram railed_vehicle'),
    (_TRAILER, 'trailer vehicular_trailer'),
    (ClassMotion(5.0, 3.0, 1.0, 0.2, 0.6), 'construction_vehicle'),
    (_MOTORCYCLE, 'motorcycle motorcyclist'),
    (_CYCLIST, 'bicycle cyclist bicyclist wheeled_device wheeled_rider'),
    (_PERSON, 'pedestrian person person_sitting official_signaler stroller wheelchair dog animal'),
    (_STANDING, 'barrier traffic_cone sign stop_sign bollard construction_barrel construction_cone '
                'mobile_pedestrian_crossing_sign message_board_trailer traffic_light_trailer'))
CLASS_MOTIONS: Mapping[str, ClassMotion] = {
    name: motion for motion, names in _ALIKE for name in names.split()}


def motions_of(detections: Detections, own: Mapping[str, ClassMotion]) -> list[ClassMotion]:
    """The motion of each detection's class.

    Args:
        own: by the names of the detector, before those of ``CLASS_MOTIONS``.

    Raises:
        DataError: for a detection of a class without one.
    """
    known = [own.get(name) or CLASS_MOTIONS.get(name.lower()) for name in detections.class_names]
    for label in np.unique(detections.labels):
        if known[label] is None:
            name = detections.class_names[label]
            raise DataError(f'frame {detections.name} has detections of the class {name!r}, of '
                            f'which the tracker does not know how it moves: say what it moves '
                            f'like (--like {name}=car, or motions={{{name!r}: ClassMotion(...)}}), '
                            f'or leave them out with detections.filter(classes=...)')
    return [known[label] for label in detections.labels]  # type: ignore[misc]  # checked
