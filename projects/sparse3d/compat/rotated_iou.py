"""Rotated IoU of mmdet3d's KITTI evaluation without CUDA, right for coincident edges.

Wrong upstream: ``mmdet3d.evaluation.functional.kitti_utils.rotate_iou`` (1.4.0)
compiles numba.cuda kernels when it is imported, so ``kitti_eval`` fails where
there is no GPU driver; and the kernels return 0 for equal boxes, boxes turned by
pi and boxes that share the line of an edge (0 / 0), so that a perfect result
scores nothing.

Repair: a module of the same name with the one function that is used,
:func:`rotate_iou_gpu_eval`, on top of :mod:`sparse3d.ops.rotated_iou`.
"""
from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import torch

from sparse3d.ops.rotated_iou import close_pairs, intersection_area

PACKAGE = 'mmdet3d.evaluation.functional.kitti_utils'
MODULE = f'{PACKAGE}.rotate_iou'


def apply_patch() -> None:
    """Put a module without CUDA in the place of the kernels."""
    module = sys.modules.get(MODULE)
    if getattr(module, 'rotate_iou_gpu_eval', None) is rotate_iou_gpu_eval:
        return
    module = ModuleType(MODULE, __doc__)
    module.rotate_iou_gpu_eval = rotate_iou_gpu_eval
    sys.modules[MODULE] = module
    import_module(PACKAGE).rotate_iou = module


def rotate_iou_gpu_eval(
        boxes: np.ndarray,        # [N, 5]  x, z, dx, dz, angle  KITTI camera frame, clockwise
        query_boxes: np.ndarray,  # [K, 5]
        criterion: int = -1,
        device_id: int = 0,
) -> np.ndarray:                  # [N, K]  float32
    """Overlap of all pairs, as mmdet3d's function of this name means it.

    Args:
        criterion: common area over: -1 the union, 0 the query box, 1 the box, 2 nothing.
        device_id: ignored; the work is done on the CPU in float64.
    """
    boxes, queries = (_counter_clockwise(table) for table in (boxes, query_boxes))
    rows, columns = close_pairs(boxes, queries)
    common = intersection_area(boxes[rows], queries[columns])
    box_area, query_area = boxes[rows, 2:4].prod(1), queries[columns, 2:4].prod(1)
    whole = {-1: box_area + query_area - common, 0: query_area, 1: box_area}.get(criterion)
    if whole is not None:
        common = torch.where(common > 0, common / whole, common)
    overlap = torch.zeros((len(boxes), len(queries)), dtype=torch.float32)
    overlap[rows, columns] = common.float()
    return overlap.numpy()


def _counter_clockwise(boxes: np.ndarray) -> torch.Tensor:  # [N, 5]  float64
    table = torch.tensor(np.asarray(boxes, np.float64)).reshape(-1, 5)
    table[:, 4].neg_()
    return table
