"""The comparison table: what must agree with what, how, and what to do where it does not."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparse3d.errors import CheckpointError, ConfigError, DataError, Sparse3DError

SMALLEST = 1e-3   # meters; nearer numbers are one
ANCHOR_EDGE = .02  # of the extent; anchors may end so far before the range does


@dataclass(frozen=True)
class Row:
    """Two kinds of statements that must agree.

    Attributes:
        what: the subject of the sentence.
        first, second: kinds of statements; the same kind twice for places that must say the same.
        agree: of two values.
        way_out: the end of the sentence.
        error: what a disagreement is.
    """

    what: str
    first: str
    second: str
    agree: Callable[[Any, Any], bool]
    way_out: str
    error: type[Sparse3DError] = ConfigError


def same(first: Any, second: Any) -> bool:
    """Equal numbers or names."""
    return first == second


def same_names(first: Sequence[str], second: Sequence[str]) -> bool:
    """Equal names in one order, for a label is a place in the list."""
    return list(first) == list(second)


def as_many(names: Sequence[str], count: int) -> bool:
    """So many names."""
    return len(names) == count


def all_there(have: Sequence[str], wanted: Sequence[str]) -> bool:
    """Nothing is wanted that is not there."""
    return set(wanted) <= set(have)


def same_lengths(first: Sequence[float], second: Sequence[float]) -> bool:
    """Equal meters; of x, y beside x, y, z the first two."""
    shared = min(len(first), len(second))
    return bool(np.allclose(first[:shared], second[:shared], rtol=0, atol=SMALLEST))


def inside(objects: Sequence[float], model: Sequence[float]) -> bool:
    """Seen from above, a range within another one; of which two numbers are the lower corner."""
    low = np.subtract(objects[:2], model[:2]) >= -SMALLEST
    high = np.subtract(model[3:5], objects[3:5]) >= -SMALLEST if len(model) == 6 else True
    return bool(low.all() and np.all(high))


def holds(shape: Sequence[int], grid: Sequence[int]) -> bool:
    """Cells along z, y, x as many as voxels; along z one more is usual."""
    return list(shape[1:]) == list(grid[1:]) and shape[0] - grid[0] in (0, 1)


def whole_multiple(cell: Sequence[float], size: Sequence[float]) -> bool:
    """Cells of a map that are made of whole voxels."""
    voxels = np.divide(cell[:2], size[:2])
    return bool(np.allclose(voxels, voxels.round(), rtol=0, atol=1e-3) and (voxels > 0.5).all())


def covers(extent: Sequence[float], limits: Sequence[float]) -> bool:
    """A map as long and as wide as the range, meters; a lower corner alone tells nothing."""
    return len(limits) < 6 or same_lengths(extent, np.subtract(limits[3:5], limits[:2]))


def reach(anchors: Sequence[float], limits: Sequence[float]) -> bool:
    """Anchors as far as the range, or nearly; a lower corner alone tells nothing."""
    if len(limits) < 6:
        return True
    slack = ANCHOR_EDGE * np.subtract(limits[3:5], limits[:2])
    return bool((np.abs(np.subtract(anchors[:2], limits[:2])) <= slack).all()
                and (np.abs(np.subtract(anchors[2:], limits[3:5])) <= slack).all())


ONE_LIST = 'give both one list, in one order'
ONE_NUMBER = 'give both one number'
ONE_RANGE = 'give both one range'
ROWS: tuple[Row, ...] = (  # the first that does not hold is told: one side first, then both
    Row('frames in the model', 'model.frames', 'model.frames', same, ONE_NUMBER),
    Row('frames of data and model', 'data.frames', 'model.frames', same, ONE_NUMBER),
    Row('kind of frames of data and model', 'data.frame_kind', 'model.frame_kind', same,
        'give both one kind'),
    Row('cameras of data and model', 'data.cameras', 'model.cameras', as_many,
        'load as many cameras as the model was made for'),
    Row('cameras of the data set and of the config', 'files.cameras', 'data.cameras', all_there,
        'name the cameras that the data set has', DataError),
    Row('classes of the parts of the data', 'data.classes', 'data.classes', same_names, ONE_LIST),
    Row('classes of data and head', 'data.classes', 'model.classes', same_names, ONE_LIST),
    Row('classes of data and head', 'data.classes', 'model.num_classes', as_many,
        'name as many classes as the head has, or give it as many'),
    Row('classes of a data set and of its transform', 'data.classes', 'data.listed_classes',
        same_names, ONE_LIST),
    Row('classes of checkpoint and config', 'checkpoint.classes', 'data.classes', same_names,
        'use the config that the checkpoint was trained with', CheckpointError),
    Row('ranges in the model', 'model.range', 'model.range', same_lengths, ONE_RANGE),
    Row('range of points and of voxels', 'data.points_range', 'model.range', same_lengths,
        ONE_RANGE),
    Row('range of objects and of the model', 'data.objects_range', 'model.range', inside,
        'keep objects only where the model looks'),
    Row('sizes of voxels in the model', 'model.voxel_size', 'model.voxel_size', same_lengths,
        'give both one size'),
    Row('cells of the encoder and voxels', 'model.sparse_shape', 'model.grid', holds,
        'cells along z, y, x are range / voxel_size, along z one more'),
    Row('cells of the map and voxels', 'model.map_cell', 'model.voxel_size', whole_multiple,
        'a cell of the map is voxel_size times the stride of the network'),
    Row('cells of the map', 'model.map_cell', 'model.map_cell', same_lengths,
        'give both one voxel_size and one stride'),
    Row('extent of the map and of the range', 'model.map_extent', 'model.range', covers,
        'grid_size along x, y is range / voxel_size'),
    Row('range of anchors and of voxels', 'model.anchor_range', 'model.range', reach,
        'let the anchors cover the range'),
    Row('columns of a point in data and model', 'data.columns', 'model.columns', same, ONE_NUMBER),
    Row('columns of a point and of a pasted one', 'data.columns', 'data.pasted_columns', same,
        ONE_NUMBER),
    Row('columns of the files and of the config', 'files.columns', 'data.file_columns', same,
        'set the columns of the files, or prepare the data again', DataError),
)
