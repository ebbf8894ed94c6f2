"""Which detections lie where nothing is labeled."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from sparse3d.structures.box_geometry import bev_corners


def overlap_zones(boxes: np.ndarray, zones: Sequence, ego2global: np.ndarray) -> np.ndarray:
    """Whether boxes overlap a no-label zone, in BEV.

    Args:
        boxes: (N, 7) x, y, z, length, width, height, heading; vehicle frame.
        zones: polygons (V, 2), convex or not, in the global frame.
        ego2global: (4, 4) pose of the vehicle.

    Returns:
        (N,) bool.
    """
    inside = np.zeros(len(boxes), dtype=bool)
    area = _area(zones, np.asarray(ego2global, dtype=np.float64))
    if area.is_empty or not len(boxes):
        return inside
    left, bottom, right, top = area.bounds
    reach = np.hypot(boxes[:, 3], boxes[:, 4]) / 2
    near = np.flatnonzero((boxes[:, 0] > left - reach) & (boxes[:, 0] < right + reach)
                          & (boxes[:, 1] > bottom - reach) & (boxes[:, 1] < top + reach))
    inside[near] = shapely.intersects(shapely.polygons(bev_corners(boxes[near])), area)
    return inside


def _area(zones: Sequence, ego2global: np.ndarray) -> shapely.Geometry:
    """All zones together in the vehicle frame."""
    polygons = []
    for zone in zones:
        zone = np.asarray(zone, dtype=np.float64).reshape(-1, 2)
        if len(zone) >= 3:
            # The height of a zone is not known; vehicles are level to a few degrees.
            offset = np.column_stack([zone - ego2global[:2, 3], np.zeros(len(zone))])
            polygons.append(shapely.make_valid(shapely.polygons(
                (offset @ ego2global[:3, :3])[:, :2])))
    area = shapely.union_all(polygons) if polygons else shapely.Polygon()
    shapely.prepare(area)
    return area
