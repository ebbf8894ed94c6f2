"""A voxel detector that predicts with its exported graph."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from torch import Tensor, nn

from sparse3d.deploy.box_detections import detections_of
from sparse3d.deploy.graph_host import Run


def host(detector: nn.Module, config: Config, graphs: Mapping[str, Run]) -> None:
    """Replace all between voxels and boxes by the one graph of the export."""
    run, = graphs.values()
    detector.predict = VoxelHost(detector, run).predict  # found before the method of the class


class VoxelHost:
    """Predictions by a graph from voxels to boxes, one sample after the other.

    Args:
        detector: whose head makes detections of boxes.
        run: the graph.
    """

    def __init__(self, detector: nn.Module, run: Run) -> None:
        self.detector, self.run = detector, run
        self.map_size: tuple[int, int] | None = None

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs: Any) -> list[Det3DDataSample]:
        """What the detector's own ``predict`` gives."""
        if self.map_size is None:
            self.map_size = map_size(self.detector, batch_inputs)
        found = [detections_of(self.detector.bbox_head, self.run(inputs_of_sample(
                     batch_inputs['voxels'], number)), sample, self.map_size)
                 for number, sample in enumerate(data_samples)]
        return self.detector.add_pred_to_datasample(data_samples, found)


def inputs_of_sample(voxels: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    """Inputs of the graph for one sample of a batch."""
    rows = voxels['coors'][:, 0] == number
    coordinates = voxels['coors'][rows].int()
    coordinates[:, 0] = 0
    return {'voxels': voxels['voxels'][rows], 'num_points': voxels['num_points'][rows].int(),
            'coordinates': coordinates}


@torch.no_grad()
def map_size(detector: nn.Module, batch_inputs: dict) -> tuple[int, int]:
    """Rows and columns of the map that the head reads; PyTorch makes it once."""
    # Copies: some layers of mmdet3d write into what they are given.
    voxels = {name: value.clone() for name, value in batch_inputs['voxels'].items()
              if isinstance(value, Tensor)}
    found = detector.extract_feat(dict(batch_inputs, voxels=voxels))
    while not isinstance(found, Tensor):
        found = found[0]
    return tuple(found.shape[-2:])
