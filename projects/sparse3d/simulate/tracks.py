"""Where things are over time: poses, velocities and the ways they follow."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sparse3d.simulate.terrain import Road


@dataclass(frozen=True)
class Place:
    """Position, heading and velocity in the world's plane at one instant."""
    x: float
    y: float
    yaw: float                       # [rad], ccw from x to y
    velocity: tuple[float, float]    # [m/s], world frame
    traveled: float = 0.0            # distance along the track since time 0 [m]

    @property
    def xy(self) -> np.ndarray:
        """Position [2]."""
        return np.array([self.x, self.y])


class Track(Protocol):
    """Anything that knows its place at a time in seconds."""

    def at(self, time: float) -> Place:
        """Place at ``time`` seconds."""


@dataclass(frozen=True)
class Still:
    """Something that does not move."""
    x: float
    y: float
    yaw: float

    def at(self, time: float) -> Place:
        """The same place at any time."""
        return Place(self.x, self.y, self.yaw, (0.0, 0.0))


@dataclass(frozen=True)
class Straight:
    """Steady motion in a straight line."""
    x: float
    y: float
    yaw: float
    speed: float
    drift: float = 0.0  # angle from the motion to the heading [rad]

    def at(self, time: float) -> Place:
        """Place after ``time`` seconds from (x, y)."""
        velocity = self.speed * np.cos(self.yaw), self.speed * np.sin(self.yaw)
        return Place(self.x + velocity[0] * time, self.y + velocity[1] * time,
                     self.yaw + self.drift, (float(velocity[0]), float(velocity[1])),
                     self.speed * time)


@dataclass(frozen=True)
class AlongRoad:
    """Motion along the road at a fixed offset; negative speed drives towards -x.

    ``speed`` is that along x; in bends the true one differs by a few per cent.
    """
    road: Road
    start: float          # x of the road at time 0 [m]
    offset: float         # left of the center line [m]
    speed: float          # [m/s]
    yaw_error: float = 0.0

    def at(self, time: float) -> Place:
        """Place at ``time``, with the velocity in which the place really changes."""
        step = 1e-3
        x = self.start + self.speed * (time + np.array([-step, 0.0, step]))
        before, here, after = self.road.point(x, self.offset)
        velocity = (after - before) / (2 * step)
        backwards = np.pi if self.speed < 0 else 0.0
        return Place(float(here[0]), float(here[1]),
                     float(self.road.heading(x[1])) + backwards + self.yaw_error,
                     (float(velocity[0]), float(velocity[1])), abs(self.speed) * time)
