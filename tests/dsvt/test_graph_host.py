"""DSVT with its graphs predicts what it predicts; PyTorch stands for the graphs."""
from __future__ import annotations

import torch
from mmdet3d.structures import Det3DDataSample

from dsvt.deployable import DeployableDSVT, DeployableVoxelEncoder
from dsvt.graph_host import host


@torch.no_grad()
def predictions(detector, clouds):
    samples = [Det3DDataSample() for _ in clouds]
    batch = detector.data_preprocessor({'inputs': {'points': clouds}, 'data_samples': samples},
                                       False)
    return [sample.pred_instances_3d
            for sample in detector.predict(batch['inputs'], batch['data_samples'])]


def test_predictions_are_those_of_the_detector(tiny_detector, clouds):
    detector, points = tiny_detector().eval(), clouds(300, 120)
    expected = predictions(detector, points)
    graphs = dict(voxel_encoder=DeployableVoxelEncoder(detector.voxel_encoder),
                  dsvt=DeployableDSVT(detector))
    host(detector, None, graphs)
    for one, other in zip(predictions(detector, points), expected, strict=True):
        assert len(one.scores_3d) == len(other.scores_3d) > 3
        torch.testing.assert_close(one.scores_3d, other.scores_3d, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.bboxes_3d.tensor, other.bboxes_3d.tensor, rtol=1e-4,
                                   atol=1e-4)
