"""Arrays in the place of files: what a sample holds already is not read.

Every transform that loads looks into the sample first. Points are then an array with the columns
that the transform would have given, its :attr:`TakesPoints.point_columns`; images are a list of
arrays with their matrices, in the order of :attr:`TakesImages.image_cameras`. Who brings arrays
asks for these two attributes, and needs to know no transform by name.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.datasets.transforms import LoadPointsFromFile, LoadPointsFromMultiSweeps
from mmdet3d.structures import LiDARPoints

from sparse3d.errors import DataError
from sparse3d.transforms.named_columns import chosen_columns, column_names

MATRICES = ('lidar2img', 'lidar2cam', 'cam2img')
_WITH_RING = ('x', 'y', 'z', 'intensity', 'ring')  # of mmdet3d's loader of single nuScenes sweeps
_NO_IMAGE = (900, 1600)  # height and width of the black images where no camera delivered any


@dataclass(frozen=True)
class EarlierSweeps:
    """What a transform adds to the points of now, as its attribute ``earlier_sweeps``.

    Attributes:
        count: how many earlier sweeps, the newest.
        min_distance: points of theirs nearer than that in x and y [m] show the car itself and
            are left out; 0 for none.
        repeat_first: where there is no earlier sweep at all, the points of now stand in.
    """

    count: int = 0
    min_distance: float = 0.0
    repeat_first: bool = False


@runtime_checkable
class TakesPoints(Protocol):
    """A transform that takes ``points`` (N, C) from the sample if they are there."""

    point_columns: tuple[str, ...]  # names of the C columns, x, y, z first


@runtime_checkable
class TakesImages(Protocol):
    """A transform that takes ``img`` and its matrices from the sample if they are there."""

    image_cameras: tuple[str, ...]  # of one moment, in the order of the images


class TakePoints(BaseTransform):
    """Takes points and reads no file: what stands in for loaders that only read files.

    Args:
        point_columns: names of the columns, x, y, z first.
        earlier_sweeps: that the loader would have added.
    """

    def __init__(self, point_columns: Sequence[str],
                 earlier_sweeps: EarlierSweeps | None = None) -> None:
        self.point_columns = tuple(point_columns)
        self.earlier_sweeps = earlier_sweeps or EarlierSweeps()

    def transform(self, results: dict) -> dict:
        """Make ``points`` of the sample ``LiDARPoints``."""
        points = given_points(results, self.point_columns)
        if points is None:
            raise DataError(f'there are no points: {", ".join(self.point_columns)}')
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        return results


def taking_arrays(transform: BaseTransform) -> BaseTransform:
    """A transform that takes arrays in the place of one of mmdet3d's that reads points; any other
    transform itself."""
    if isinstance(transform, LoadPointsFromMultiSweeps):
        return TakePoints(chosen_columns(column_names(5), transform.use_dim), EarlierSweeps(
            transform.sweeps_num, 1.0 if transform.remove_close else 0.0,
            transform.pad_empty_sweeps))
    if isinstance(transform, LoadPointsFromFile):
        return TakePoints(chosen_columns(_WITH_RING, transform.use_dim))
    return transform


def given_points(results: Mapping[str, Any], columns: Sequence[str]) -> np.ndarray | None:
    """Points that the sample holds already, as a new float32 array; None if there are none.

    Raises:
        DataError: if they have another number of columns.
    """
    if results.get('points') is None:
        return None
    points = np.array(results['points'], np.float32)
    if points.ndim != 2 or points.shape[1] != len(columns):
        raise DataError(f'the points of the sample have the shape {points.shape}; '
                        f'(N, {len(columns)}) is needed: {", ".join(columns)}')
    return points


def given_images(results: Mapping[str, Any], cameras: Sequence[str]) -> dict[str, Any] | None:
    """Images that the sample holds already, as ``LoadMultiViewImages`` would have read them.

    Args:
        results: with ``img``, a list of (H, W, 3) uint8 BGR or None for a camera that delivered
            nothing, as many as there are cameras (a drive that begins now: the past looks like
            now) or cameras times ``num_frames`` (default 1), newest first; as many matrices
            (4, 4) in ``lidar2img`` and perhaps ``lidar2cam`` and ``cam2img``; perhaps
            ``img_timestamp`` in seconds.
        cameras: of one moment.

    Returns:
        What to update the sample with; None if it holds no images.

    Raises:
        DataError: for another number of images or matrices.
    """
    if results.get('img') is None:
        return None
    images, frames = list(results['img']), results.get('num_frames', 1)
    wanted = len(cameras) * frames
    if len(images) not in (len(cameras), wanted):
        raise DataError(f'{len(images)} images were given; this model takes {len(cameras)} of '
                        f'now, or {wanted} of {frames} frames, newest first')
    for name in (*MATRICES, 'img_timestamp'):
        if name in results and len(results[name]) != len(images):
            raise DataError(f'{len(images)} images were given, and {len(results[name])} of {name}; '
                            f'one for each image is needed')
    repeats = wanted // len(images)
    shape = next((image.shape[:2] for image in images if image is not None), _NO_IMAGE)
    valid = [image is not None for image in images]
    images = [np.zeros((*shape, 3), np.uint8) if image is None else image for image in images]
    times = np.asarray(results.get('img_timestamp', np.zeros(len(images))), np.float64)
    return dict(
        {name: np.tile(np.asarray(results[name], np.float64), (repeats, 1, 1))
         for name in MATRICES if name in results},
        img=images * repeats, image_valid=np.array(valid * repeats),
        img_timestamp=np.tile(times, repeats), view_names=list(cameras) * frames,
        num_views=len(cameras), num_frames=frames, ori_shape=shape, img_shape=shape,
        pad_shape=shape, img_path=[f'array {results.get("sample_idx", 0)}.{place}'
                                   for place in range(wanted)])
