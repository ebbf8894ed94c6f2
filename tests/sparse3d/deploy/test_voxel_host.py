"""What a graph gives becomes what the detector itself predicts; PyTorch stands for the graph."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes

from sparse3d.deploy.voxel_export import VoxelsToBoxes
from sparse3d.deploy.voxel_host import host
from tiny_voxel_detectors import HEADS, cloud, tiny_detector


@torch.no_grad()
def predictions(detector, clouds):
    samples = [Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes)) for _ in clouds]
    batch = detector.data_preprocessor({'inputs': {'points': clouds}, 'data_samples': samples},
                                       False)
    return [sample.pred_instances_3d
            for sample in detector.predict(batch['inputs'], batch['data_samples'])]


@pytest.mark.parametrize('pillars', [False, True], ids=['voxels', 'pillars'])
@pytest.mark.parametrize('head', HEADS)
def test_predictions_are_those_of_the_detector(head, pillars):
    if pillars and head != 'anchors':
        pytest.skip('one head on pillars is enough')
    detector, clouds = tiny_detector(head, pillars=pillars), [cloud(300), cloud(90, seed=4)]
    expected = predictions(detector, clouds)
    calls, graph = [], VoxelsToBoxes(detector).eval()

    def run(inputs):
        calls.append(len(inputs['voxels']))
        return graph({name: value.clone() for name, value in inputs.items()})

    host(detector, None, {'detector': run})
    found = predictions(detector, clouds)
    assert len(calls) == 2 and calls[0] > calls[1] > 0
    for one, other in zip(found, expected, strict=True):
        assert len(one.scores_3d) == len(other.scores_3d) >= 3
        torch.testing.assert_close(one.scores_3d, other.scores_3d, rtol=1e-4, atol=1e-5)
        assert torch.equal(one.labels_3d, other.labels_3d)
        apart = (one.bboxes_3d.tensor - other.bboxes_3d.tensor).abs()
        turned = apart[:, 6] % (2 * torch.pi)
        apart[:, 6] = torch.minimum(turned, 2 * torch.pi - turned)
        assert apart.max() < 2e-3
