"""Voxels of MinkUNet and SPVCNN on the CPU.

Wrong upstream (mmdet3d 1.4.0): with ``voxel_type='minkunet'`` ``Det3DDataPreprocessor.voxelize``
sends the rows of the voxels to a GPU whatever the device of the points is.

Repair: for points on the CPU the same voxels are made without that. Other devices and kinds of
voxels go the original way.
"""
from __future__ import annotations

from functools import wraps

import numpy as np
import torch
from mmdet3d.models.data_preprocessors.data_preprocessor import Det3DDataPreprocessor
from torch import Tensor


def apply_patch() -> None:
    """Voxelize points where they are."""
    upstream = Det3DDataPreprocessor.voxelize
    if hasattr(upstream, 'upstream'):
        return

    @wraps(upstream)
    def voxelize(self, points: list[Tensor], data_samples: list) -> dict[str, Tensor]:
        if self.voxel_type != 'minkunet' or any(cloud.device.type != 'cpu' for cloud in points):
            return upstream(self, points, data_samples)
        made = [_voxels(self, cloud, sample, number)
                for number, (cloud, sample) in enumerate(zip(points, data_samples, strict=True))]
        voxels, coordinates = zip(*made, strict=True)
        return dict(voxels=torch.cat(voxels), coors=torch.cat(coordinates))

    voxelize.upstream = upstream
    Det3DDataPreprocessor.voxelize = voxelize


def _voxels(preprocessor: Det3DDataPreprocessor, points: Tensor, sample,
            number: int) -> tuple[Tensor, Tensor]:
    """Voxels of one cloud; what the losses and the prediction need is put into the sample."""
    size = points.new_tensor(preprocessor.voxel_layer.voxel_size)
    cells = torch.round(points[:, :3] / size).int()
    cells -= cells.amin(0)
    rows, voxel_of_point = preprocessor.sparse_quantize(
        cells.numpy(), return_index=True, return_inverse=True)
    if preprocessor.training and preprocessor.max_voxels is not None \
            and len(rows) > preprocessor.max_voxels:
        rows = np.random.choice(rows, preprocessor.max_voxels, replace=False)
    rows = torch.from_numpy(rows)
    if hasattr(sample.gt_pts_seg, 'pts_semantic_mask'):
        sample.gt_pts_seg.voxel_semantic_mask = sample.gt_pts_seg.pts_semantic_mask[rows]
    frame = torch.full((len(rows), 1), number, dtype=cells.dtype)
    both = [frame, cells[rows]] if preprocessor.batch_first else [cells[rows], frame]
    sample.batch_idx = frame[:, 0]
    sample.point2voxel_map = torch.from_numpy(voxel_of_point).long()
    return points[rows], torch.cat(both, 1)
