"""Pedestrians and cyclists: capsules around the bones of a moving skeleton."""
from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.mesh import Mesh, capsules, merge
from sparse3d.simulate.skeleton import JOINTS, SOLE, Gait, Joints, cycling_joints, walking_joints

# start joint, end joint, radius as a share of the height, part of the outfit
_BONES = (
    ('pelvis', 'neck', .070, 'shirt'), ('left_shoulder', 'right_shoulder', .045, 'shirt'),
    ('left_hip', 'right_hip', .060, 'trousers'), ('head_center', 'head_center', .062, 'skin'),
    ('crown', 'crown', .060, 'hair'), ('neck', 'head_center', .030, 'skin'),
    ('nose', 'nose', .012, 'skin'),
    ('left_shoulder', 'left_elbow', .030, 'shirt'),
    ('right_shoulder', 'right_elbow', .030, 'shirt'),
    ('left_elbow', 'left_hand', .024, 'skin'), ('right_elbow', 'right_hand', .024, 'skin'),
    ('left_hip', 'left_knee', .048, 'trousers'), ('right_hip', 'right_knee', .048, 'trousers'),
    ('left_knee', 'left_ankle', .036, 'trousers'), ('right_knee', 'right_ankle', .036, 'trousers'),
    ('left_ankle', 'left_toe', SOLE, 'shoes'), ('right_ankle', 'right_toe', SOLE, 'shoes'),
)
_PHASES = np.linspace(0, 2 * np.pi, 16, endpoint=False)


@dataclass(frozen=True)
class Outfit:
    """Colors of what somebody wears, red green blue in 0..1."""
    shirt: tuple[float, float, float] = (.5, .2, .2)
    trousers: tuple[float, float, float] = (.15, .17, .25)
    skin: tuple[float, float, float] = (.75, .55, .45)
    hair: tuple[float, float, float] = (.14, .09, .06)
    shoes: tuple[float, float, float] = (.1, .1, .1)


@dataclass(frozen=True)
class Pedestrian:
    """A walking or standing person.

    The labeled box is the same in every phase of the step: the smallest one centered on
    the walking line that holds the person in all of them.
    """
    height: float
    gait: Gait = field(default_factory=Gait)
    outfit: Outfit = field(default_factory=Outfit)
    kind: str = 'Pedestrian'

    @cached_property
    def size(self) -> tuple[float, float, float]:
        """Length, width, height of the box [m]."""
        return _envelope([self.mesh(phase) for phase in _PHASES])

    def joints(self, phase: float) -> Joints:
        """The 14 joints [3] at ``phase`` radians of the step cycle."""
        return {name: joint for name, joint in self._skeleton(phase).items() if name in JOINTS}

    def mesh(self, phase: float) -> Mesh:
        """The person at ``phase`` radians, standing on z = 0."""
        return _clothe(self._skeleton(phase), self.height, self.outfit)

    def phase(self, distance: float) -> float:
        """Phase of the step cycle after walking ``distance`` meters."""
        return 2 * np.pi * distance / (.82 * self.height)

    def _skeleton(self, phase: float) -> Joints:
        return walking_joints(self.height, phase, self.gait)


@dataclass(frozen=True)
class Cyclist:
    """A person riding a bicycle; labeled with one box, as KITTI does."""
    height: float
    outfit: Outfit = field(default_factory=Outfit)
    frame_color: tuple[float, float, float] = (.15, .15, .45)
    kind: str = 'Cyclist'

    @cached_property
    def size(self) -> tuple[float, float, float]:
        """Length, width, height of the box [m]."""
        return _envelope([self.mesh(phase) for phase in _PHASES])

    def joints(self, phase: float) -> Joints:
        """The 14 joints [3] of the rider at ``phase`` radians of the pedals."""
        return {name: joint for name, joint in self._skeleton(phase).items() if name in JOINTS}

    def mesh(self, phase: float) -> Mesh:
        """Bicycle and rider at ``phase`` radians of the pedals."""
        rider = _clothe(self._skeleton(phase), self.height, self.outfit)
        return merge([rider, self._bicycle])

    def phase(self, distance: float) -> float:
        """Phase of the pedals after riding ``distance`` meters."""
        return -2 * np.pi * distance / 5.5

    @property
    def bicycle(self) -> Mesh:
        """The bicycle alone, as it stands parked."""
        return self._bicycle

    @property
    def _points(self) -> dict[str, np.ndarray]:
        saddle_height = .54 * self.height
        return {'saddle': np.array([-.22, 0, saddle_height]),
                'bar': np.array([.42, 0, saddle_height + .12]),
                'crank': np.array([-.05, 0, .28]), 'rear': np.array([-.52, 0, .34]),
                'front': np.array([.55, 0, .34])}

    def _skeleton(self, phase: float) -> Joints:
        points = self._points
        return cycling_joints(self.height, phase, points['saddle'], points['bar'],
                              points['crank'])

    @cached_property
    def _bicycle(self) -> Mesh:
        points = self._points
        tubes = [('saddle', 'crank'), ('saddle', 'bar'), ('crank', 'bar'), ('rear', 'crank'),
                 ('rear', 'saddle'), ('front', 'bar')]
        starts = np.array([points[start] for start, _ in tubes] + [points['bar'] + (0, -.26, 0)])
        ends = np.array([points[end] for _, end in tubes] + [points['bar'] + (0, .26, 0)])
        count = len(starts)
        frame = capsules(starts, ends, np.full(count, .02), np.full(count, Material.METAL),
                         np.tile(self.frame_color, (count, 1)), segments=6)
        return merge([frame, _tire(points['rear'], .34), _tire(points['front'], .34)])


def _tire(hub: np.ndarray, radius: float, pieces: int = 14) -> Mesh:
    """A ring of short rods in the plane of x and z; ``radius`` is its outer one."""
    thickness = .02
    angles = np.arange(pieces + 1) * (2 * np.pi / pieces)
    ring = hub + (radius - thickness) * np.column_stack(
        [np.cos(angles), np.zeros(pieces + 1), np.sin(angles)])
    return capsules(ring[:-1], ring[1:], np.full(pieces, thickness),
                    np.full(pieces, Material.RUBBER), np.full((pieces, 3), .07), segments=6)


def _clothe(joints: Joints, height: float, outfit: Outfit) -> Mesh:
    starts = np.array([joints[start] for start, _, _, _ in _BONES])
    ends = np.array([joints[end] for _, end, _, _ in _BONES])
    radii = np.array([radius for _, _, radius, _ in _BONES]) * height
    colors = np.array([getattr(outfit, part) for _, _, _, part in _BONES])
    materials = np.array([Material.SKIN if part == 'skin' else Material.CLOTH
                          for _, _, _, part in _BONES])
    return capsules(starts, ends, radii, materials, colors)


def _envelope(meshes: list[Mesh]) -> tuple[float, float, float]:
    """Smallest box, centered in x and y and standing on z = 0, around all meshes."""
    reach = np.max([np.abs(mesh.vertices).max(axis=0) for mesh in meshes], axis=0)
    return float(2 * reach[0]), float(2 * reach[1]), float(reach[2])
