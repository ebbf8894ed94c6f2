"""Test-time augmentation as published for nuScenes: mirrored copies and turned runs."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from focalsconv.camera_views import CameraViews
from sparse3d.errors import ConfigError
from sparse3d.models.center.selection import suppress_by_class
from sparse3d.models.detectors import VoxelDetector

FLIPS = tuple(product((False, True), repeat=2))  # of x, of y


@MODELS.register_module()
class AugmentedVoxelDetector(VoxelDetector):
    """``VoxelDetector`` with a center head that looks at each cloud several times in testing.

    Mirrored copies of a cloud are averaged on the head's maps; turned copies are separate
    runs whose boxes are turned back and merged class by class. Training is unchanged, and so
    are all names of weights.

    Args:
        double_flip: average over x and y mirrored or not; the range must be as symmetric.
        rotations: radians, one run each. Published: 0 and +-0.10908 (6.25 degrees).
        iou_thresholds: label -> BEV IoU, beyond which the weaker of two
            boxes of several runs goes; others 0.1.
        max_detections: detections of a sample after merging.

    Source: released test-time augmentation of Focals Conv, CenterPoint half.
    """

    def __init__(
        self,
        *args,
        double_flip: bool = True,
        rotations: Sequence[float] = (0.0,),
        iou_thresholds: Mapping[int, float] | None = None,
        max_detections: int = 500,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not rotations:
            raise ConfigError('rotations is empty; give [0.0] for a single run')
        self.flips = FLIPS if double_flip else FLIPS[:1]
        self.rotations, self.max_detections = tuple(rotations), max_detections
        self.iou_thresholds = {int(label): value for label, value in (iou_thresholds or {}).items()}

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """Merged ``pred_instances_3d`` of all runs."""
        views = None if self.image_encoder is None else self.image_encoder(
            batch_inputs['imgs'], data_samples)
        runs = [self._run(batch_inputs['points'], data_samples, views, yaw)
                for yaw in self.rotations]
        if len(runs) == 1:
            return self.add_pred_to_datasample(data_samples, runs[0])
        merged = [self._merge(list(of_sample)) for of_sample in zip(*runs, strict=True)]
        return self.add_pred_to_datasample(data_samples, merged)

    def _run(self, points: list[Tensor], data_samples: list[Det3DDataSample],
             views: CameraViews | None, yaw: float) -> list[InstanceData]:
        """Detections of clouds turned by ``yaw``, turned back."""
        motions = [motion(yaw, *flips) for flips in self.flips]
        clouds = [moved(cloud, each) for cloud in points for each in motions]
        samples = [sample for sample in data_samples for _ in motions]
        voxels = self.data_preprocessor.voxelize(clouds, samples)
        copied = None if views is None else _copies(views, motions, self.flips)
        maps, _ = self.extract_maps(voxels, len(clouds), copied)
        outputs = self.bbox_head(maps)
        for task in outputs:
            task[0] = average_flips(task[0], self.flips)
        found = self.bbox_head.predict_by_feat(outputs, [s.metainfo for s in data_samples])
        for instances in found:
            if yaw:
                instances.bboxes_3d.rotate(-yaw)
        return found

    def _merge(self, runs: list[InstanceData]) -> InstanceData:
        """One sample's detections of all runs, thinned out class by class."""
        found = InstanceData.cat(runs)
        thresholds = {label: self.iou_thresholds.get(label, 0.1)
                      for label in found.labels_3d.unique().tolist()}
        rows = suppress_by_class(found.bboxes_3d.tensor, found.scores_3d, found.labels_3d,
                                 thresholds)
        best = found.scores_3d[rows].argsort(descending=True, stable=True)[:self.max_detections]
        return found[rows[best]]


def motion(yaw: float, flip_x: bool, flip_y: bool) -> Tensor:
    """Turn counter-clockwise about z, then mirror: [4, 4] float64."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    turn = torch.eye(4, dtype=torch.float64)
    turn[:2, :2] = torch.tensor([[cos, -sin], [sin, cos]])
    signs = torch.tensor([-1. if flip_x else 1, -1. if flip_y else 1, 1, 1], dtype=torch.float64)
    return signs[:, None] * turn


def moved(cloud: Tensor, by: Tensor) -> Tensor:
    """Points [N, >= 3] in another place; what else was measured stays."""
    places = cloud[:, :3] @ by[:3, :3].to(cloud).t()
    return torch.cat([places, cloud[:, 3:]], 1)


def average_flips(outputs: dict[str, Tensor], flips: Sequence[tuple[bool, bool]],
                  ) -> dict[str, Tensor]:
    """Mean of a task's maps over mirrored copies, in the frame of the unmirrored one.

    Args:
        outputs: ``heatmap`` (logits), ``reg`` (place in the cell, 0 to 1), ``height``, ``dim``
            (logarithms), ``rot`` (sine, cosine), maybe ``vel``: [B * F, C, H, W], copies of a
            sample one after the other. Columns of the map go along x, rows along y.
        flips: of the F copies.

    Returns:
        the same names, [B, C, H, W]; probabilities and sizes are averaged, not logits.
    """
    if len(flips) == 1:
        return outputs
    maps = {name: value.unflatten(0, (-1, len(flips))).clone() for name, value in outputs.items()}
    for copy, (flip_x, flip_y) in enumerate(flips):
        axes = [axis for axis, flipped in ((-1, flip_x), (-2, flip_y)) if flipped]
        for name in maps:
            maps[name][:, copy] = maps[name][:, copy].flip(axes)
        for axis, flipped in enumerate((flip_x, flip_y)):
            if flipped:
                maps['reg'][:, copy, axis] = 1 - maps['reg'][:, copy, axis]
                maps['rot'][:, copy, 1 - axis] *= -1  # x: cosine, y: sine
                if 'vel' in maps:
                    maps['vel'][:, copy, axis] *= -1
    mean: dict[str, Any] = {name: value.mean(1) for name, value in maps.items()}
    mean['dim'] = maps['dim'].exp().mean(1).log()
    mean['heatmap'] = maps['heatmap'].sigmoid().mean(1).logit(eps=1e-7)
    return mean


def _copies(views: CameraViews, motions: list[Tensor],
            flips: Sequence[tuple[bool, bool]]) -> CameraViews:
    """The same images for moved clouds; each sample's copies one after the other."""
    count, batch = len(motions), len(views.rectified_depth)
    flipped = torch.tensor(flips, device=views.rectified_depth.device).repeat(batch, 1)
    return replace(
        views, cameras=views.cameras.moved(torch.stack(motions)),
        rectified_depth=views.rectified_depth.repeat_interleave(count, 0),
        features=views.features.repeat_interleave(count, 0), flipped=flipped)
