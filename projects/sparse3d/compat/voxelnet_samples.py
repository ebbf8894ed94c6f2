"""Batches of mmdet3d's SECOND and PointPillars whose last cloud has no voxel.

Wrong upstream (mmdet3d 1.4.0): ``VoxelNet`` and ``DynamicVoxelNet`` take the number of samples
from the last voxel. Without any voxel that is an IndexError; where the last cloud alone has none,
the map lacks a sample, and the losses end in a mismatch of shapes.

Repair: the number of samples is that of the clouds. It is there without waiting for a GPU.
"""
from __future__ import annotations

from typing import Any

from mmdet3d.models.detectors import DynamicVoxelNet, VoxelNet
from torch import Tensor

DETECTORS = (VoxelNet, DynamicVoxelNet)


def apply_patch() -> None:
    """Count the clouds."""
    for detector in DETECTORS:
        if not hasattr(detector.extract_feat, 'upstream'):
            detector.extract_feat = _counting_clouds(detector.extract_feat)


def _counting_clouds(upstream: Any) -> Any:
    def extract_feat(self: VoxelNet | DynamicVoxelNet, batch_inputs_dict: dict) -> tuple[Tensor]:
        if 'points' not in batch_inputs_dict:
            return upstream(self, batch_inputs_dict)
        voxels = batch_inputs_dict['voxels']
        if isinstance(self, DynamicVoxelNet):
            features, coordinates = self.voxel_encoder(voxels['voxels'], voxels['coors'])
        else:
            features = self.voxel_encoder(voxels['voxels'], voxels['num_points'], voxels['coors'])
            coordinates = voxels['coors']
        maps = self.backbone(self.middle_encoder(
            features, coordinates, len(batch_inputs_dict['points'])))
        return self.neck(maps) if self.with_neck else maps

    extract_feat.upstream = upstream  # type: ignore[attr-defined]
    return extract_feat
