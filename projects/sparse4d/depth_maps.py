"""Depth maps of LiDAR points in the cells of feature maps, the targets of the depth branch."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.projection import project_points

NEAREST = 0.1  # meters; what is nearer does not count
NOTHING = -1.0


def depth_maps(points: np.ndarray, lidar2img: np.ndarray, image_size: Sequence[int],
               strides: Sequence[int], max_depth: float, drop_far: bool = False
               ) -> list[np.ndarray]:
    """Depth of the nearest point in every cell of an image, for each stride.

    Args:
        points: (P, >= 3) in the LiDAR frame, meters.
        lidar2img: (4, 4) to pixels (u * depth, v * depth, depth, 1).
        image_size: height and width in pixels.
        strides: pixels of a cell.
        max_depth: meters; what lies beyond counts as this.
        drop_far: leave out what lies beyond, as published for Sparse4D v2.

    Returns:
        (height // stride, width // stride) float32 each, ``NOTHING`` where no point lies.
    """
    matrix = np.asarray(lidar2img, np.float64)
    pixels, depth = project_points(points[:, :3].astype(np.float64), matrix, NEAREST)
    near = depth >= NEAREST
    if drop_far:
        near &= depth <= max_depth
    depth, pixels = depth[near], np.round(pixels[near])
    height, width = image_size
    inside = ((pixels >= 0) & (pixels < (width, height))).all(1)
    depth, pixels = np.clip(depth[inside], NEAREST, max_depth), pixels[inside].astype(np.int64)
    found = []
    for stride in strides:
        nearest = np.full((height // stride, width // stride), np.inf)
        cells = pixels // stride
        np.minimum.at(nearest, (cells[:, 1], cells[:, 0]), depth)
        found.append(np.where(np.isinf(nearest), NOTHING, nearest).astype(np.float32))
    return found


@TRANSFORMS.register_module()
class DepthMaps(BaseTransform):
    """Add ``depth_maps``, for each stride (N, h, w) float32, to a sample with points and images.

    ``lidar2img`` and the points have to lie in one frame: put it before a transform that turns the
    scene, or behind one that turns both. An image that is missing has no depth.

    Args:
        strides: of the feature maps that have a depth branch.
        max_depth: meters.
        drop_far: see :func:`depth_maps`.

    Raises:
        ConfigError: for a stride that is not positive.
        DataError: if the image is not a multiple of a stride high and wide.

    Source: Sparse4D v2 (arXiv 2305.14018) and the released code.
    """

    def __init__(self, strides: Sequence[int] = (4, 8, 16), max_depth: float = 60.0,
                 drop_far: bool = False) -> None:
        if not strides or min(strides) < 1:
            raise ConfigError(f'strides of DepthMaps are {tuple(strides)}; give positive numbers')
        self.strides, self.max_depth, self.drop_far = tuple(strides), max_depth, drop_far

    def transform(self, results: dict) -> dict:
        """Add the depth maps of one sample."""
        height, width = results['img_shape'][:2]
        for stride in self.strides:
            if height % stride or width % stride:
                raise DataError(f'images of {height} x {width} pixels are no multiple of the '
                                f'stride {stride} of DepthMaps; change the size of the images')
        points = results['points'].tensor.numpy()
        views = len(results['img'])
        maps = [depth_maps(points, matrix, (height, width), self.strides, self.max_depth,
                           self.drop_far) for matrix in np.asarray(results['lidar2img'])[:views]]
        results['depth_maps'] = [np.stack(level) for level in zip(*maps, strict=True)]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(strides={self.strides}, max_depth={self.max_depth})'
