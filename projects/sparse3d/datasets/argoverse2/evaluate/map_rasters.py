"""The region of interest of Argoverse 2: within 5 m of the drivable area, as rasters."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_json

CELLS_PER_METER = 10
DILATION = 50.0           # cells: 5 m
MAP_FILES = 'log_map_archive_*.json'
_MAX_CELLS = 1 << 30      # 10 km x 10 km; a log covers less than 1 km


@dataclass(frozen=True)
class RegionOfInterest:
    """Where a log is evaluated.

    Attributes:
        cells: (H, W) bool, 0.1 m each.
        origin: (2,) x, y of the first corner in the city [m].
    """

    cells: np.ndarray
    origin: np.ndarray

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(...) which points (..., >= 2) of the city lie in a cell of the region.

        Cells are found by cutting toward zero, so that up to 0.1 m before the first cell still
        belong to it, as in the official tool.
        """
        cells = np.trunc((points[..., :2] * CELLS_PER_METER) - self.origin * CELLS_PER_METER)
        height, width = self.cells.shape
        x, y = cells[..., 0], cells[..., 1]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        found = np.zeros(inside.shape, bool)
        found[inside] = self.cells[y[inside].astype(np.int64), x[inside].astype(np.int64)]
        return found

    def contains_box(self, corners: np.ndarray) -> np.ndarray:
        """(N,) which boxes have any of their corners (N, 8, 3), city frame, in the region."""
        return self.contains(corners).any(axis=-1)


def drivable_raster(polygons: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Cells (H, W) bool in any of the polygons [(N, >= 2) x, y in the city], and the origin (2,).

    Outlines belong to it.
    """
    vertices = np.concatenate([polygon[:, :2] for polygon in polygons])
    low, high = np.floor(vertices.min(axis=0)), np.ceil(vertices.max(axis=0))
    width, height = ((high - low + 1) * CELLS_PER_METER).astype(int).tolist()
    if width * height > _MAX_CELLS:
        raise DataError(f'the drivable area is {width / CELLS_PER_METER:.0f} m x '
                        f'{height / CELLS_PER_METER:.0f} m: one log does not go that far')
    image = Image.new('L', (width, height), 0)
    draw = ImageDraw.Draw(image)
    for polygon in polygons:
        closed = np.concatenate([polygon, polygon[:1]])[:, :2]
        cells = np.round((closed - low) * CELLS_PER_METER).astype(int)
        draw.polygon([tuple(cell) for cell in cells.tolist()], outline=1, fill=1)
    return np.asarray(image) > 0, low


def region_of_interest(polygons: Sequence[np.ndarray]) -> RegionOfInterest:
    """The cells at most 5 m from the drivable area, inside of its bounding rectangle."""
    drivable, origin = drivable_raster(polygons)
    distance = cv2.distanceTransform((~drivable).astype(np.uint8), cv2.DIST_L2,
                                     cv2.DIST_MASK_PRECISE)
    return RegionOfInterest(distance <= DILATION, origin)


def read_region(log: Path) -> RegionOfInterest:
    """The region of a log, from its map.

    Raises:
        DataError: for a log without a map, or a map without a drivable area.
    """
    return region_of_interest(read_drivable_areas(find_map(log)))


def find_map(log: Path) -> Path:
    """The vector map of a log.

    Raises:
        DataError: if there is none.
    """
    maps = sorted((log / 'map').glob(MAP_FILES))
    if not maps:
        raise DataError(f'{log / "map"} has no {MAP_FILES}: without a map there is no region of '
                        f'interest; fetch it, or evaluate everywhere with '
                        f'region_of_interest=False')
    return maps[0]


def read_drivable_areas(path: Path) -> list[np.ndarray]:
    """Polygons (N, 2) x, y in the city [m].

    Raises:
        DataError: for a damaged map, or one without a drivable area.
    """
    content = read_json(path)
    try:
        polygons = [np.array([[vertex['x'], vertex['y']] for vertex in area['area_boundary']],
                             np.float64) for area in content['drivable_areas'].values()]
        if not all(polygon.ndim == 2 and np.isfinite(polygon).all() for polygon in polygons):
            raise ValueError('a vertex is no two finite numbers')
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f'{path} has drivable areas of another layout ({type(error).__name__}: '
                        f'{error}); fetch it again') from error
    if not polygons:
        raise DataError(f'{path} has no drivable area: without one there is no region of '
                        f'interest; evaluate everywhere with region_of_interest=False')
    return polygons
