"""A whole detector on batches with almost nothing in them."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData


def samples(count: int, boxes: int = 0) -> list[Det3DDataSample]:
    found = []
    for _ in range(count):
        sample = Det3DDataSample()
        box = torch.tensor([[4.0, 1.0, -1.0, 3.0, 1.5, 1.5, 0.3]])[:boxes]
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(box), labels_3d=torch.zeros(len(box), dtype=torch.long))
        found.append(sample)
    return found


@pytest.mark.parametrize('boxes', [0, 1])
@pytest.mark.parametrize('counts', [(0, ), (0, 0), (1, ), (50, 0)])
def test_trains_and_predicts(tiny_detector, clouds, counts, boxes):
    detector = tiny_detector().train()
    batch = detector.data_preprocessor(
        {'inputs': {'points': clouds(*counts)}, 'data_samples': samples(len(counts), boxes)}, True)
    losses = detector(**batch, mode='loss')
    assert all(loss.isfinite().all() for loss in losses.values())
    sum(losses.values()).backward()
    detector.eval()
    with torch.no_grad():
        found = detector(**batch, mode='predict')
    assert len(found) == len(counts)


def test_points_outside_and_invalid_points_change_nothing(tiny_detector, clouds):
    detector = tiny_detector()
    cloud, = clouds(200)
    far = torch.tensor([[99.0, 0, 0, 0.5], [1, 1, -9, 0.5], [torch.nan, 0, 0, 0.5],
                        [torch.inf, 0, 0, 0.5]])
    maps = []
    for points in (cloud, torch.cat([far, cloud, far])):
        batch = detector.data_preprocessor({'inputs': {'points': [points]}, 'data_samples': None})
        with torch.no_grad():
            maps.append(detector(**batch, mode='tensor')['head']['hm'])
    assert torch.equal(*maps)


def test_a_batch_gives_what_its_samples_give_alone(tiny_detector, clouds):
    detector = tiny_detector()
    together = clouds(200, 90)
    with torch.no_grad():
        maps = [detector(**detector.data_preprocessor(
            {'inputs': {'points': points}, 'data_samples': None}), mode='tensor')['head']['hm']
            for points in (together, together[:1], [together[1][torch.randperm(90)]])]
    torch.testing.assert_close(maps[0], torch.cat(maps[1:]), rtol=1e-5, atol=1e-5)
