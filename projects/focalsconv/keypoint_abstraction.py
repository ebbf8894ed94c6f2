"""A scene told by a few thousand keypoints, and proposal features from them (PV-RCNN)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from torch import Tensor, nn

from focalsconv.shared_layers import connected, on_rows
from focalsconv.voxel_pooling import voxel_centers
from sparse3d.argument_objects import argument_object
from sparse3d.ops.ball_query import ball_query
from sparse3d.ops.furthest_point_sampling import furthest_points
from sparse3d.ops.points_in_boxes import points_in_boxes


@dataclass(frozen=True)
class Keypoints:
    """The keypoints of a batch."""

    positions: Tensor   # [P, 3] meters
    sample: Tensor      # [P] int64
    features: Tensor    # [P, C] fused
    logits: Tensor      # [P] whether the point lies on an object


class PointNeighborhood(nn.Module):
    """Pools the features of points in balls of several sizes around queries.

    Args:
        in_channels: of the points, coordinates not counted.
        channels: for each radius the widths of its layers.
        radii: meters.
        limits: most points of a ball.

    Source: PointNet++ (NeurIPS 2017), section 3.3, multi-scale grouping.
    """

    def __init__(self, in_channels: int, channels: Sequence[Sequence[int]],
                 radii: Sequence[float], limits: Sequence[int]) -> None:
        super().__init__()
        self.scales = list(zip(radii, limits, strict=True))
        self.layers = nn.ModuleList(connected([in_channels + 3, *widths]) for widths in channels)
        self.out_channels = sum(widths[-1] for widths in channels)

    def forward(self, points: Tensor, sample: Tensor, features: Tensor, queries: Tensor,
                query_sample: Tensor) -> Tensor:
        """[N, 3], [N], [N, C], [M, 3], [M] -> [M, out_channels]."""
        pooled = []
        for (radius, limit), layers in zip(self.scales, self.layers, strict=True):
            rows, empty = ball_query(points, sample, queries, query_sample, radius, limit)
            if len(points) == 0:
                points, features = queries.new_zeros(1, 3), features.new_zeros(
                    1, features.shape[1])
            grouped = torch.cat([points[rows] - queries[:, None], features[rows]], 2)
            grouped = grouped * (~empty).to(grouped.dtype)[:, None, None]  # [M, limit, 3 + C]
            pooled.append(on_rows(layers, grouped).amax(1))
        return torch.cat(pooled, 1)


@dataclass(frozen=True)
class MapOptions:
    """The encoder's map.

    Attributes:
        channels: of the map.
        stride: of its cells, in finest voxels.
    """

    channels: int
    stride: int = 8


@dataclass(frozen=True)
class ScoreOptions:
    """How keypoints are scored, and taught.

    Attributes:
        channels: widths of the layers.
        margin: meters around an object's box in which a keypoint teaches nothing, all sides
            together.
    """

    channels: Sequence[int] = (256, 256)
    margin: float = 0.2


@MODELS.register_module()
class KeypointEncoder(nn.Module):
    """Keypoints spread over the cloud, with features from map, points and all stages.

    Args:
        num_keypoints: keypoints of a sample.
        stages: number of a stage (from 1) -> options of its :class:`PointNeighborhood`.
        points: options of the neighborhood of raw points.
        bev: the encoder's map, see :class:`MapOptions`.
        out_channels: after fusion.
        score: how keypoints are scored, see :class:`ScoreOptions`.
        voxel_size, point_cloud_range: of the finest voxels, meters.

    Source: PV-RCNN (CVPR 2020), sections 3.2 and 3.3.
    """

    argument_objects = dict(bev=MapOptions, score=ScoreOptions)

    def __init__(self, num_keypoints: int, stages: dict[int, dict], points: dict,
                 bev: dict | MapOptions, voxel_size: Sequence[float],
                 point_cloud_range: Sequence[float], out_channels: int = 128,
                 score: dict | ScoreOptions | None = None) -> None:
        super().__init__()
        bev, score = (argument_object(self, 'bev', bev), argument_object(self, 'score', score))
        self.num_keypoints, self.bev_stride, self.margin = num_keypoints, bev.stride, score.margin
        self.stages = [int(stage) for stage in stages]
        self.raw_point_layer = PointNeighborhood(**points)
        self.stage_layers = nn.ModuleList(
            PointNeighborhood(**options) for options in stages.values())
        width = bev.channels + self.raw_point_layer.out_channels + sum(
            layer.out_channels for layer in self.stage_layers)
        self.fusion = connected([width, out_channels])
        self.score = connected([width, *score.channels])
        self.score_out = nn.Linear(score.channels[-1], 1)
        self.register_buffer('voxel_size', torch.tensor(list(voxel_size)).float(), persistent=False)
        self.register_buffer('range_minimum', torch.tensor(list(point_cloud_range[:3])).float(),
                             persistent=False)

    def forward(self, points: list[Tensor], features: dict[str, Any]) -> Keypoints:
        """Choose keypoints and describe them.

        Args:
            points: for each sample [N, >= 3], x, y, z in meters, then what was measured.
            features: ``bev`` [B, C, H, W] and ``stages``, sparse outputs of the encoder.
        """
        positions, sample = self._choose(points)
        own = torch.cat([torch.full((len(cloud),), index, device=cloud.device)
                         for index, cloud in enumerate(points)])
        cloud = torch.cat(points)
        parts = [self._from_map(features['bev'], positions, sample),
                 self.raw_point_layer(cloud[:, :3], own, cloud[:, 3:], positions, sample)]
        for number, layer in zip(self.stages, self.stage_layers, strict=True):
            voxels = features['stages'][number - 1]
            centers = voxel_centers(voxels, 2 ** (number - 1), self.voxel_size, self.range_minimum)
            parts.append(layer(centers, voxels.indices[:, 0].long(), voxels.features, positions,
                               sample))
        joined = torch.cat(parts, 1)
        logits = self.score_out(self.score(joined)).squeeze(1)
        return Keypoints(positions, sample, self.fusion(joined), logits)

    def _choose(self, points: list[Tensor]) -> tuple[Tensor, Tensor]:
        chosen = [cloud[furthest_points(cloud[:, :3], self.num_keypoints), :3] if len(cloud)
                  else cloud[:, :3] for cloud in points]
        sample = torch.cat([torch.full((len(cloud),), index, device=cloud.device)
                            for index, cloud in enumerate(chosen)])
        return torch.cat(chosen), sample

    def _from_map(self, bev: Tensor, positions: Tensor, sample: Tensor) -> Tensor:
        """Bilinear reading of the map, whose cell i stands for the place i * stride voxels."""
        cells = (positions - self.range_minimum)[:, :2] / self.voxel_size[:2] / self.bev_stride
        size = cells.new_tensor([bev.shape[3] - 1, bev.shape[2] - 1]).clamp(min=1)
        grid = cells / size * 2 - 1
        values = bev.new_zeros(len(positions), bev.shape[1])
        for index in range(len(bev)):
            rows = (sample == index).nonzero().squeeze(1)
            read = F.grid_sample(bev[index:index + 1], grid[rows].to(bev.dtype)[None, None],
                                 padding_mode='border', align_corners=True)
            values = values.index_copy(0, rows, read[0, :, 0].t())
        return values

    def losses(self, keypoints: Keypoints, boxes: list[Tensor]) -> dict[str, Tensor]:
        """Focal loss of the keypoints' scores.

        Args:
            boxes: for each sample [n, >= 7], z at the bottom face.
        """
        inside = torch.zeros_like(keypoints.sample, dtype=torch.bool)
        ignored = inside.clone()
        for index, of_sample in enumerate(boxes):
            rows = (keypoints.sample == index).nonzero().squeeze(1)
            of_sample = of_sample[:, :7].to(keypoints.positions)
            wider = of_sample.clone()
            wider[:, 3:6] += self.margin
            wider[:, 2] -= self.margin / 2
            positions = keypoints.positions[rows]
            inside[rows] = points_in_boxes(positions, of_sample) >= 0
            ignored[rows] = (points_in_boxes(positions, wider) >= 0) & ~inside[rows]
        logits, targets = keypoints.logits.float(), inside.float()
        of_target = torch.where(inside, logits.sigmoid(), 1 - logits.sigmoid())
        weight = torch.where(inside, 0.25, 0.75) * (1 - of_target).square() * ~ignored
        loss = F.binary_cross_entropy_with_logits(logits, targets, reduction='none') * weight
        return dict(loss_keypoint_score=loss.sum() / max(int(inside.sum()), 1))


@MODELS.register_module()
class KeypointRoIPooling(nn.Module):
    """Features of proposals from the keypoints around their grid points.

    Args:
        options: of the :class:`PointNeighborhood`.

    Source: PV-RCNN (CVPR 2020), section 3.3, RoI-grid pooling.
    """

    def __init__(self, **options) -> None:
        super().__init__()
        self.layer = PointNeighborhood(**options)
        self.out_channels = self.layer.out_channels

    def forward(self, features: dict[str, Any], queries: Tensor, sample: Tensor) -> Tensor:
        """[M, 3] meters, [M] -> [M, C]; ``features`` has ``keypoints``."""
        keypoints: Keypoints = features['keypoints']
        weighted = keypoints.features * keypoints.logits.sigmoid().unsqueeze(1)
        return self.layer(keypoints.positions, keypoints.sample, weighted, queries, sample)
