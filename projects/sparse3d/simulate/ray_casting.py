"""Rays against a world of triangles, on open3d's RaycastingScene (Embree)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import open3d

from sparse3d.simulate.mesh import Mesh

NOTHING = -3  # instance number where a ray hits nothing


@dataclass(frozen=True)
class Hits:
    """First hit of each ray; rays that hit nothing have an infinite distance."""
    distance: np.ndarray   # [N] float32, in lengths of the ray's direction
    triangle: np.ndarray   # [N] int64, -1 where nothing is hit
    normal: np.ndarray     # [N, 3] float32 unit, turned towards the origin of the ray
    instance: np.ndarray   # [N] int32, NOTHING where nothing is hit

    @property
    def hit(self) -> np.ndarray:
        """Whether a ray hit anything [N]."""
        return self.triangle >= 0

    def rows(self, index: np.ndarray) -> Hits:
        """The hits of some of the rays."""
        return Hits(self.distance[index], self.triangle[index], self.normal[index],
                    self.instance[index])


class RayCaster:
    """Casts rays into one mesh whose triangles belong to numbered instances."""

    def __init__(self, mesh: Mesh, instances: np.ndarray, threads: int = 1) -> None:
        self.mesh = mesh
        self.instances = instances  # [T] int32
        self._threads = threads
        self._scene = open3d.t.geometry.RaycastingScene(nthreads=threads)
        if len(mesh.triangles):
            self._scene.add_triangles(open3d.core.Tensor(mesh.vertices),
                                      open3d.core.Tensor(mesh.triangles.astype(np.uint32)))

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits of rays from ``origins`` [3] or [N, 3] along ``directions`` [N, 3], world."""
        rays = _rays(origins, directions)
        if not len(rays) or not len(self.mesh.triangles):
            return _no_hits(len(rays))
        answer = self._scene.cast_rays(open3d.core.Tensor(rays), nthreads=self._threads)
        distance = answer['t_hit'].numpy()
        hit = np.isfinite(distance)
        triangle = np.where(hit, answer['primitive_ids'].numpy().astype(np.int64), -1)
        normal = answer['primitive_normals'].numpy()
        facing = np.einsum('ni,ni->n', normal, rays[:, 3:]) > 0
        normal = np.where(facing[:, None], -normal, normal)
        instance = np.where(hit, self.instances[triangle], NOTHING)
        return Hits(distance, triangle, normal, instance.astype(np.int32))

    def blocked(self, origins: np.ndarray, directions: np.ndarray,
                distance: float = np.inf) -> np.ndarray:
        """Whether anything lies on each ray within ``distance``, [N] bool."""
        rays = _rays(origins, directions)
        if not len(rays) or not len(self.mesh.triangles):
            return np.zeros(len(rays), dtype=bool)
        return self._scene.test_occlusions(
            open3d.core.Tensor(rays), tfar=float(distance), nthreads=self._threads).numpy()


def _rays(origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    rays = np.empty((len(directions), 6), dtype=np.float32)
    rays[:, :3] = origins
    rays[:, 3:] = directions
    return rays


def _no_hits(count: int) -> Hits:
    return Hits(np.full(count, np.inf, dtype=np.float32), np.full(count, -1, dtype=np.int64),
                np.zeros((count, 3), dtype=np.float32), np.full(count, NOTHING, dtype=np.int32))
