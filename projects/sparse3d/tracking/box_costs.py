"""How far apart boxes of tracks and of detections are."""
from __future__ import annotations

import numpy as np
import shapely

from sparse3d.structures.box_geometry import bev_corners


def center_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distances (N, M) [m] of the centers of boxes (N, >= 7) and (M, >= 7) in BEV."""
    return np.linalg.norm(first[:, None, :2] - second[None, :, :2], axis=2)


def generalized_iou(first: np.ndarray, second: np.ndarray,
                    near: np.ndarray | None = None) -> np.ndarray:
    """Generalized IoU (N, M) in -1..1 of upright boxes in space.

    The enclosing body is the convex hull in BEV over the heights of both.

    Args:
        first: (N, >= 7) x, y, z_bottom, dx, dy, dz, yaw.
        second: (M, >= 7).
        near: (N, M) bool, the pairs that are wanted; others are -1.

    Source: Rezatofighi et al. 2019; in space as of Pang et al. 2021 (SimpleTrack).
    """
    result = np.full((len(first), len(second)), -1.0)
    rows, columns = np.nonzero(np.ones_like(result, bool) if near is None else near)
    if not len(rows):
        return result
    ground = [shapely.polygons(bev_corners(boxes[:, :7]))[at]
              for boxes, at in ((first, rows), (second, columns))]
    one, other = first[rows], second[columns]
    tops = one[:, 2] + one[:, 5], other[:, 2] + other[:, 5]
    shared_height = np.maximum(0, np.minimum(*tops) - np.maximum(one[:, 2], other[:, 2]))
    whole_height = np.maximum(*tops) - np.minimum(one[:, 2], other[:, 2])
    shared = shapely.area(shapely.intersection(*ground)) * shared_height
    union = one[:, 3:6].prod(axis=1) + other[:, 3:6].prod(axis=1) - shared
    corners = np.concatenate([shapely.get_coordinates(polygon).reshape(len(rows), 5, 2)[:, :4]
                              for polygon in ground], axis=1)
    hull = shapely.area(shapely.convex_hull(shapely.multipoints(corners))) * whole_height
    result[rows, columns] = shared / union - (hull - union) / hull
    return result
