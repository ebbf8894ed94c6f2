"""A scene: ground, fixed things, moving actors and the ego vehicle, at any time.

Nothing here knows about sensors or file formats: sensors look at a `Snapshot`, writers
describe what the sensors saw.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from sparse3d.simulate.mesh import Mesh, merge, place
from sparse3d.simulate.poses import apply, pose
from sparse3d.simulate.ray_casting import RayCaster
from sparse3d.simulate.skeleton import Joints
from sparse3d.simulate.terrain import Terrain
from sparse3d.simulate.tracks import Place, Track
from sparse3d.simulate.weather import CLEAR, Weather

GROUND, STATIC = -2, -1  # instance numbers of what is no actor


class Shape(Protocol):
    """What an actor looks like; its box is centered on the origin and stands on z = 0."""
    kind: str

    @property
    def size(self) -> tuple[float, float, float]:
        """Length, width, height of the box [m]."""

    def phase(self, distance: float) -> float:
        """Phase of the motion after ``distance`` meters."""

    def mesh(self, phase: float) -> Mesh:
        """Triangles in the actor's frame."""

    def joints(self, phase: float) -> Joints:
        """Named joints in the actor's frame; empty for things without any."""


@dataclass(frozen=True)
class Rigid:
    """A shape that never changes, such as a car."""
    kind: str
    size: tuple[float, float, float]
    surface: Mesh

    def phase(self, distance: float) -> float:
        """Always zero."""
        return 0.0

    def mesh(self, phase: float) -> Mesh:
        """The same triangles in every phase."""
        return self.surface

    def joints(self, phase: float) -> Joints:
        """None."""
        return {}


@dataclass(frozen=True)
class Actor:
    """Something labeled: a shape that follows a track. ``identity`` is unique in its scene."""
    identity: int
    shape: Shape
    track: Track
    phase_offset: float = 0.0


@dataclass(frozen=True)
class Daylight:
    """Light of a scene: direction to the sun [3], strengths, color of the sky at the horizon."""
    sun: np.ndarray
    sun_strength: float = .75
    ambient: float = .45
    horizon: tuple[float, float, float] = (.78, .83, .88)
    zenith: tuple[float, float, float] = (.38, .56, .82)
    headlights: float = 0.0  # strength of the ego vehicle's own light; lamps shine if it is on
    grain: float = .012      # standard deviation of the noise of a pixel, 0..1


@dataclass(frozen=True)
class ActorState:
    """An actor at one instant, in the world frame."""
    actor: Actor
    place: Place
    ground: float            # z of the bottom of the box [m]
    mesh: Mesh
    joints: Joints           # name -> [3] world frame

    @property
    def box(self) -> np.ndarray:
        """(x, y, z_bottom, dx, dy, dz, yaw, vx, vy) in the world frame, float64."""
        return np.array([self.place.x, self.place.y, self.ground, *self.actor.shape.size,
                         self.place.yaw, *self.place.velocity])


@dataclass(frozen=True)
class Snapshot:
    """The world at one instant, ready to be looked at by sensors."""
    terrain: Terrain
    daylight: Daylight
    actors: tuple[ActorState, ...]
    world_from_ego: np.ndarray = field(repr=False)  # [4, 4]
    caster: RayCaster = field(repr=False)
    weather: Weather = CLEAR


@dataclass(frozen=True)
class Scene:
    """Everything there is, over time. The ego frame lies on the ground, x forward, level."""
    terrain: Terrain
    ground: Mesh
    fixed: Mesh
    actors: tuple[Actor, ...]
    ego: Track
    daylight: Daylight
    weather: Weather = CLEAR

    def world_from_ego(self, time: float) -> np.ndarray:
        """Pose of the ego vehicle [4, 4]: on the ground, level, heading along its track."""
        here = self.ego.at(time)
        return pose(np.append(here.xy, self.terrain.height(here.xy)), here.yaw)

    def snapshot(self, time: float, reach: float = 150.0) -> Snapshot:
        """The world at ``time`` seconds; actors farther than ``reach`` meters are left out."""
        world_from_ego = self.world_from_ego(time)
        states = [self._state(actor, time) for actor in self.actors]
        near = tuple(state for state in states
                     if np.linalg.norm(state.place.xy - world_from_ego[:2, 3]) < reach)
        parts = [self.ground, self.fixed, *(state.mesh for state in near)]
        identities = [GROUND, STATIC, *(state.actor.identity for state in near)]
        instances = np.repeat(np.array(identities, dtype=np.int32),
                              [len(part.triangles) for part in parts])
        return Snapshot(self.terrain, self.daylight, near, world_from_ego,
                        RayCaster(merge(parts), instances), self.weather)

    def _state(self, actor: Actor, time: float) -> ActorState:
        here = actor.track.at(time)
        phase = actor.phase_offset + actor.shape.phase(here.traveled)
        ground = float(self.terrain.height(here.xy))
        origin = np.append(here.xy, ground)
        joints = {name: apply(pose(origin, here.yaw), joint)
                  for name, joint in actor.shape.joints(phase).items()}
        return ActorState(actor, here, ground,
                          place(actor.shape.mesh(phase), origin, here.yaw), joints)
