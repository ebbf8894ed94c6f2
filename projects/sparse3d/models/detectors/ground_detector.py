"""A detector that finds the ground by itself, for a LiDAR mounted at any height."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.models import Det3DDataPreprocessor
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from sparse3d.models.detectors.voxel_detector import VoxelDetector
from sparse3d.structures.point_statistics import ground_height

SHIFT_KEY = 'ground_shift'  # in a sample's meta: what was added to z, meters
USUAL_HEIGHT = 1.8          # of a sensor where no ground is seen [m]


@MODELS.register_module()
class GroundPreprocessor(Det3DDataPreprocessor):
    """mmdet3d's preprocessor on clouds whose ground was moved to z = 0.

    The height of the ground is estimated in each cloud
    (:func:`~sparse3d.structures.point_statistics.ground_height`), in training as in a test, or
    given. Labels move along in training.

    Args:
        sensor_height: above the ground in meters; None estimates it.
        jitter: standard deviation of a random error of the height in training, meters.
    """

    def __init__(self, sensor_height: float | None = None, jitter: float = 0.0,
                 **options) -> None:
        super().__init__(**options)
        self.sensor_height, self.jitter = sensor_height, jitter
        self._trains = False

    def simple_process(self, data: dict, training: bool = False) -> dict:
        """As the parent, remembering whether the labels have to move."""
        self._trains = training
        return super().simple_process(data, training)

    def collate_data(self, data: dict) -> dict:
        """As the parent; then every cloud is moved."""
        data = super().collate_data(data)
        samples = data['data_samples'] or [None] * len(data['inputs']['points'])
        pairs = [self._moved(points, sample)
                 for points, sample in zip(data['inputs']['points'], samples, strict=True)]
        data['inputs']['points'] = pairs
        return data

    def height_of(self, points: Tensor) -> float:
        """Of the sensor above the ground in meters, given or estimated."""
        if self.sensor_height is not None:
            return float(self.sensor_height)
        ground = ground_height(points[:, :3].detach().cpu().numpy())
        return USUAL_HEIGHT if ground is None else -ground

    def _moved(self, points: Tensor, sample: Det3DDataSample | None) -> Tensor:
        shift = self.height_of(points)
        if self._trains and self.jitter:
            shift += float(torch.randn(()) * self.jitter)
        moved = points.clone()
        moved[:, 2] += shift
        if sample is not None:
            sample.set_metainfo({SHIFT_KEY: shift})
            if self._trains and 'bboxes_3d' in sample.get('gt_instances_3d', {}):
                boxes = sample.gt_instances_3d.bboxes_3d.clone()
                boxes.tensor[:, 2] += shift
                sample.gt_instances_3d.bboxes_3d = boxes
        return moved


@MODELS.register_module()
class GroundDetector(VoxelDetector):
    """A :class:`VoxelDetector` behind :class:`GroundPreprocessor`: boxes come back in the frame
    of the cloud, whatever the height of its sensor.

    Args:
        cloud_range: x, y, z from, x, y, z to in the frame of the sensor, meters: what of a
            cloud its statistics are about, before the ground is known.
        parts: as of :class:`VoxelDetector`.
    """

    def __init__(self, cloud_range: Sequence[float], **parts) -> None:
        super().__init__(**parts)
        self.point_cloud_range = tuple(cloud_range)

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """``pred_instances_3d`` for each sample: boxes in the frame of its sensor."""
        samples = super().predict(batch_inputs, data_samples, **kwargs)
        for sample in samples:
            sample.pred_instances_3d.bboxes_3d.tensor[:, 2] -= sample.metainfo[SHIFT_KEY]
        return samples
