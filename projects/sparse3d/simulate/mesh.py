"""Triangle meshes with a material and a color per triangle, and their building blocks.

All coordinates are meters in a right-handed frame, x forward, y left, z up. Winding
carries no meaning: whoever shades a triangle turns its normal towards the viewer.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sparse3d.simulate.materials import Material
from sparse3d.simulate.poses import apply, pose

Color = Sequence[float]  # red, green, blue in 0..1


@dataclass(frozen=True)
class Mesh:
    """Triangles of one object or of a whole world."""
    vertices: np.ndarray   # [V, 3] float32
    triangles: np.ndarray  # [T, 3] int32
    materials: np.ndarray  # [T] uint8, numbers of `Material`
    colors: np.ndarray     # [T, 3] float32, 0..1

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest coordinates, [3] each."""
        return self.vertices.min(axis=0), self.vertices.max(axis=0)


def make_mesh(vertices: np.ndarray, triangles: np.ndarray, material: Material,
              color: Color) -> Mesh:
    """Mesh of one material and color from vertices [V, 3] and triangles [T, 3]."""
    triangles = np.asarray(triangles, dtype=np.int32).reshape(-1, 3)
    return Mesh(
        vertices=np.asarray(vertices, dtype=np.float32).reshape(-1, 3),
        triangles=triangles,
        materials=np.full(len(triangles), material, dtype=np.uint8),
        colors=np.tile(np.asarray(color, dtype=np.float32), (len(triangles), 1)))


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh that holds all the given ones; none at all gives an empty mesh."""
    if not meshes:
        return make_mesh(np.zeros((0, 3)), np.zeros((0, 3)), Material.CONCRETE, (0, 0, 0))
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        triangles=np.concatenate([
            mesh.triangles + np.int32(start)
            for mesh, start in zip(meshes, starts, strict=True)]),
        materials=np.concatenate([mesh.materials for mesh in meshes]),
        colors=np.concatenate([mesh.colors for mesh in meshes]))


def place(mesh: Mesh, position: Sequence[float], yaw: float = 0.0) -> Mesh:
    """Turn a mesh by ``yaw`` radians about z (from x to y), then move it."""
    moved = apply(pose(position, yaw), mesh.vertices)
    return replace(mesh, vertices=moved.astype(np.float32))


def fit(mesh: Mesh, size: Sequence[float]) -> Mesh:
    """Stretch a mesh to fill exactly the box ``size``, standing on z = 0, centered in x and y."""
    low, high = mesh.bounds
    unit = (mesh.vertices - low) / (high - low)
    fitted = (unit - np.array([0.5, 0.5, 0.0])) * np.asarray(size, dtype=np.float64)
    return replace(mesh, vertices=fitted.astype(np.float32))


_BOX_TRIANGLES = np.array([
    [0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7],  # bottom, top
    [0, 1, 5], [0, 5, 4], [2, 3, 7], [2, 7, 6],  # front (+x), rear
    [1, 2, 6], [1, 6, 5], [3, 0, 4], [3, 4, 7],  # right (-y), left
])
FRUSTUM_FACES = {'bottom': slice(0, 2), 'top': slice(2, 4), 'front': slice(4, 6),
                 'rear': slice(6, 8), 'right': slice(8, 10), 'left': slice(10, 12)}


def frustum(bottom: Sequence[float], top: Sequence[float], z: tuple[float, float],
            material: Material, color: Color) -> Mesh:
    """Solid between two rectangles (x_low, x_high, y_low, y_high) at heights ``z``."""
    corners = []
    for (x_low, x_high, y_low, y_high), height in ((bottom, z[0]), (top, z[1])):
        corners += [(x_high, y_high, height), (x_high, y_low, height),
                    (x_low, y_low, height), (x_low, y_high, height)]
    return make_mesh(np.array(corners), _BOX_TRIANGLES, material, color)


def box(center: Sequence[float], size: Sequence[float], material: Material,
        color: Color) -> Mesh:
    """Upright box; ``center`` is its middle in all three axes."""
    (x, y, z), (dx, dy, dz) = center, np.asarray(size, dtype=np.float64) / 2
    rectangle = (x - dx, x + dx, y - dy, y + dy)
    return frustum(rectangle, rectangle, (z - dz, z + dz), material, color)


def repaint(mesh: Mesh, faces: slice, material: Material, color: Color) -> Mesh:
    """The mesh with another material and color on some of its triangles."""
    materials, colors = mesh.materials.copy(), mesh.colors.copy()
    materials[faces], colors[faces] = material, color
    return replace(mesh, materials=materials, colors=colors)


def extrude(outline: np.ndarray, width: float, material: Material, color: Color) -> Mesh:
    """Prism across y over a side view ``outline`` [K, 2] (x, z), star-shaped about its mean."""
    count = len(outline)
    ring = np.vstack([outline, outline.mean(axis=0)])
    sides = [np.column_stack([ring[:, 0], np.full(count + 1, y), ring[:, 1]])
             for y in (-width / 2, width / 2)]
    here, following = np.arange(count), (np.arange(count) + 1) % count
    other = count + 1
    triangles = np.concatenate([
        np.column_stack([here, following, np.full(count, count)]),
        np.column_stack([here, following, np.full(count, count)]) + other,
        np.column_stack([here, following, following + other]),
        np.column_stack([here, following + other, here + other])])
    return make_mesh(np.concatenate(sides), triangles, material, color)


def cylinder(start: Sequence[float], end: Sequence[float], radius: float, material: Material,
             color: Color, segments: int = 12, end_radius: float | None = None) -> Mesh:
    """Closed cylinder (or cone stump) between two points."""
    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    across, up = _perpendicular((end - start)[None])
    angles = np.arange(segments) * (2 * np.pi / segments)
    circle = np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * up
    end_radius = radius if end_radius is None else end_radius
    vertices = np.concatenate([start + radius * circle, end + end_radius * circle,
                               start[None], end[None]])
    here, following = np.arange(segments), (np.arange(segments) + 1) % segments
    triangles = np.concatenate([
        np.column_stack([here, following, following + segments]),
        np.column_stack([here, following + segments, here + segments]),
        np.column_stack([here, following, np.full(segments, 2 * segments)]),
        np.column_stack([here + segments, following + segments,
                         np.full(segments, 2 * segments + 1)])])
    return make_mesh(vertices, triangles, material, color)


def ellipsoid(center: Sequence[float], radii: Sequence[float], material: Material,
              color: Color, segments: int = 10) -> Mesh:
    """Ellipsoid with axes along x, y, z."""
    vertices, _, triangles = _unit_capsule(segments)
    points = np.asarray(center) + vertices * np.asarray(radii)
    return make_mesh(points, triangles, material, color)


def capsules(starts: np.ndarray, ends: np.ndarray, radii: np.ndarray, materials: np.ndarray,
             colors: np.ndarray, segments: int = 8) -> Mesh:
    """K rods with round ends from ``starts`` [K, 3] to ``ends`` [K, 3], built in one go."""
    sphere, at_end, triangles = _unit_capsule(segments)
    along = ends - starts
    length = np.linalg.norm(along, axis=1, keepdims=True)
    along = np.where(length > 1e-9, along / np.maximum(length, 1e-9), [0.0, 0.0, 1.0])
    across, up = _perpendicular(along)
    frames = np.stack([across, up, along], axis=1)                        # [K, 3, 3]
    offsets = np.einsum('vi,kij->kvj', sphere, frames) * radii[:, None, None]
    origins = np.where(at_end[None, :, None], ends[:, None], starts[:, None])
    vertices = (origins + offsets).reshape(-1, 3)
    shifts = np.arange(len(starts))[:, None, None] * len(sphere)
    return Mesh(vertices.astype(np.float32),
                (triangles[None] + shifts).reshape(-1, 3).astype(np.int32),
                np.repeat(materials, len(triangles)).astype(np.uint8),
                np.repeat(colors, len(triangles), axis=0).astype(np.float32))


def _unit_capsule(segments: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit sphere cut at its equator: vertices [V, 3], whether at the far end [V], triangles."""
    latitudes = np.radians([-90, -45, 0, 0, 45, 90])
    at_end = np.array([False, False, False, True, True, True])
    angles = np.arange(segments) * (2 * np.pi / segments)
    rings = [np.column_stack([np.cos(b) * np.cos(angles), np.cos(b) * np.sin(angles),
                              np.full(segments, np.sin(b))]) for b in latitudes]
    here, following = np.arange(segments), (np.arange(segments) + 1) % segments
    triangles = []
    for ring in range(len(rings) - 1):
        low, high = ring * segments, (ring + 1) * segments
        triangles += [np.column_stack([here + low, following + low, following + high]),
                      np.column_stack([here + low, following + high, here + high])]
    return np.concatenate(rings), np.repeat(at_end, segments), np.concatenate(triangles)


def _perpendicular(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors at right angles to each of ``directions`` [K, 3]."""
    steep = np.abs(directions[:, 2:]) > 0.9 * np.linalg.norm(directions, axis=1, keepdims=True)
    reference = np.where(steep, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    across = np.cross(reference, directions)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    up = np.cross(directions, across)
    return across, up / np.linalg.norm(up, axis=1, keepdims=True)
