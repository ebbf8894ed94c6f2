"""The fully sparse head: boxes, overlap, joints and visibility of people."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet3d.models.layers import make_sparse_convmodule
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.errors import DataError
from sparse3d.models.center.bev_grid import BEVGrid
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.layers.precision import at_least_float32, full_precision
from sparse3d.structures.box_tensors import at_centers
from sparse3d.structures.keypoints import JOINTS, Keypoints3D
from voxelkp.head_outputs import HeadOutputs
from voxelkp.keypoint_decoding import DecodingOptions, PredictedPeople, decode
from voxelkp.keypoint_losses import keypoint_losses
from voxelkp.keypoint_targets import People, assign_targets
from voxelkp.published import VoxelKPPublished

LAST_LAYER_SPREAD = 0.01


class HeadBranch(nn.Module):
    """A submanifold convolution, then one matrix per cell, the matrix in float32."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.convolution = make_sparse_convmodule(
            channels, channels, 3, 'bev', padding=1, conv_type='SubMConv2d',
            norm_cfg=dict(type='VoxelBN1d'))
        self.output = nn.Linear(channels, outputs)
        nn.init.normal_(self.output.weight, std=LAST_LAYER_SPREAD)
        nn.init.zeros_(self.output.bias)

    def forward(self, cells: SparseConvTensor) -> Tensor:  # [N, outputs] float32
        features = self.convolution(cells).features
        # Positions are told apart by centimeters: not in half precision.
        with full_precision(features):
            return self.output(at_least_float32(features))


@MODELS.register_module()
class SparseKeypointHead(BaseModule):
    """People with joints on the occupied cells of a sparse BEV map.

    Fits behind anything that gives a sparse 2D tensor (frame, y, x).

    Args:
        in_channels: width of the sparse features.
        voxel_size: meters along x, y, z.
        point_cloud_range: x, y, z minima, then maxima, in meters.
        stride: size of a cell in voxels.
        num_joints: joints per person.
        test_cfg: fields of :class:`~voxelkp.keypoint_decoding.DecodingOptions`; the
            ``center_range`` is the point cloud's range unless given.
        heading_weight: see :func:`~voxelkp.keypoint_losses.keypoint_losses`.
        published: quirks, see :class:`voxelkp.published.VoxelKPPublished`.

    Source: VoxelKP (ICCV 2025), sparse keypoint head.
    """

    published_set = VoxelKPPublished

    def __init__(self, in_channels: int, voxel_size: Sequence[float],
                 point_cloud_range: Sequence[float], stride: int = 8,
                 num_joints: int = len(JOINTS), test_cfg: dict | None = None,
                 heading_weight: float = 1.0,
                 published: dict | VoxelKPPublished | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.grid = BEVGrid.from_voxels(voxel_size, point_cloud_range, stride)
        self.num_joints = num_joints
        self.published, self.heading_weight = VoxelKPPublished.of(published), heading_weight
        self.options = DecodingOptions(
            **{'center_range': list(point_cloud_range), **(test_cfg or {})})
        widths = dict(
            heatmap=1,
            x=1 + num_joints,
            y=1 + num_joints,
            z=1 + num_joints,
            size=3,
            heading=2,
            iou=1,
            visibility=num_joints,
        )
        self.branches = nn.ModuleDict(
            {name: HeadBranch(in_channels, width) for name, width in widths.items()})
        nn.init.constant_(self.branches['heatmap'].output.bias, RARE_BIAS)

    def forward(self, cells: SparseConvTensor) -> HeadOutputs:
        """Raw predictions for every cell."""
        raw = {name: branch(cells) for name, branch in self.branches.items()}
        raw['heatmap'], raw['iou'] = raw['heatmap'].squeeze(1), raw['iou'].squeeze(1)
        return HeadOutputs(cells.indices, cells.batch_size, **raw)

    def loss(self, cells: SparseConvTensor, data_samples: list[Det3DDataSample],
             **kwargs: Any) -> dict[str, Tensor]:
        """Losses by name, for samples whose ``gt_instances_3d`` has boxes and keypoints."""
        outputs = self(cells)
        people = [labeled_people(sample.gt_instances_3d, self.num_joints).to(outputs.x.device)
                  for sample in data_samples]
        targets = assign_targets(outputs.coordinates, people, self.grid)
        return keypoint_losses(
            outputs, targets, self.grid, self.published.losses, self.heading_weight)

    def predict(self, cells: SparseConvTensor, data_samples: list[Det3DDataSample] | None = None,
                **kwargs: Any) -> list[InstanceData]:
        """People of each frame, best first: ``bboxes_3d``, ``scores_3d``, ``labels_3d`` (0) and
        ``keypoints_3d``, a :class:`~sparse3d.structures.keypoints.Keypoints3D`."""
        return [pred_instances(found) for found in decode(self(cells), self.grid, self.options)]


def labeled_people(instances: InstanceData, joints: int) -> People:
    """Ground truth of one frame; all joints of people without keypoints are missing.

    Raises:
        DataError: if the keypoints are not of ``joints`` joints.
    """
    boxes = instances.bboxes_3d
    center = at_centers(boxes.tensor[:, :7])
    keypoints = instances.get('keypoints_3d')
    if keypoints is None:
        keypoints = Keypoints3D(
            center.new_zeros(len(center), joints, 3), center.new_zeros(len(center), joints))
    if keypoints.points.shape[1] != joints:
        raise DataError(f'the head finds {joints} joints, the labels have '
                        f'{keypoints.points.shape[1]}; set joints of the head')
    return People(center, keypoints.points, keypoints.visibility)


def pred_instances(pred: PredictedPeople) -> InstanceData:
    """People as mmdet3d's instances; z of a box is its bottom there."""
    boxes = LiDARInstance3DBoxes(pred.boxes, box_dim=7, origin=(0.5, 0.5, 0.5))
    return InstanceData(
        bboxes_3d=boxes, scores_3d=pred.scores,
        labels_3d=torch.zeros(len(pred.scores), dtype=torch.int64, device=pred.scores.device),
        keypoints_3d=Keypoints3D(pred.joints, pred.visibility))
