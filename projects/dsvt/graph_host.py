"""DSVT that predicts with its exported graphs; sorting and counting stay PyTorch's."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor, nn

from dsvt.deployable import DeployableDSVT, DeployableVoxelEncoder
from dsvt.iou_center_head import IoUCenterHead
from sparse3d.deploy.box_detections import detections_of
from sparse3d.deploy.graph_host import Run
from sparse3d.deploy.voxel_host import map_size


def host(detector: nn.Module, config: Config, graphs: Mapping[str, Run]) -> None:
    """Replace the voxel encoder, and all between its features and the head's maps or boxes."""
    detector.predict = DSVTHost(detector, graphs).predict  # found before the method of the class


class DSVTHost:
    """Predictions by both graphs, one sample after the other.

    Args:
        detector: whose head makes detections.
        graphs: ``voxel_encoder`` and ``dsvt``.
    """

    def __init__(self, detector: nn.Module, graphs: Mapping[str, Run]) -> None:
        self.detector, self.graphs = detector, graphs
        self.encoder = DeployableVoxelEncoder(detector.voxel_encoder)
        self.tables = DeployableDSVT(detector)
        self.map_size: tuple[int, int] | None = None

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs: Any) -> list[Det3DDataSample]:
        """What the detector's own ``predict`` gives."""
        if self.map_size is None:
            self.map_size = map_size(self.detector, batch_inputs)
        found = [self._detections(batch_inputs['voxels'], number, sample)
                 for number, sample in enumerate(data_samples)]
        return self.detector.add_pred_to_datasample(data_samples, found)

    def _detections(self, voxels: Mapping[str, Tensor], number: int,
                    sample: Det3DDataSample) -> InstanceData:
        rows = voxels['coors'][:, 0] == number
        coordinates = voxels['coors'][rows].clone()
        coordinates[:, 0] = 0
        points = self.encoder.inputs_of(voxels['voxels'][rows], coordinates)
        features = self.graphs['voxel_encoder'](points)['features']
        outputs = self.graphs['dsvt'](self.tables.inputs_of(features, points['coordinates']))
        head = self.detector.bbox_head
        if isinstance(head, IoUCenterHead):
            return head.predict_by_maps(outputs)[0]
        return detections_of(head, outputs, sample, self.map_size)
