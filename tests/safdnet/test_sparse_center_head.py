"""Tasks, single cells, samples; numbers for other classes than there are."""
from __future__ import annotations

import pytest
import torch
from spconv.pytorch import SparseConvTensor

from safdnet import SparseCenterHead
from sparse3d.errors import ConfigError

MAP = dict(point_cloud_range=[0, -8, -1, 32, 8, 1], voxel_size=[0.5, 0.5, 1], stride=1)
EVERYWHERE = [-100] * 3 + [100] * 3


def head(**more):
    settings = dict(tasks=[['car', 'truck'], ['person']], bbox_coder=MAP,
                    detections=dict(center_range=EVERYWHERE, score_threshold=0.0))
    return SparseCenterHead(4, **{**settings, **more}).eval()


def cells(coordinates):
    coordinates = torch.tensor(coordinates, dtype=torch.int32).reshape(-1, 3)
    return SparseConvTensor(torch.ones(len(coordinates), 4), coordinates, [32, 64], 3)


def test_neighbors_take_part_unless_they_shall_not():
    one = cells([[1, 4, 9]])
    assert len(head()(one).coordinates) == 9
    assert head(branches=dict(dilate=False))(one).coordinates.tolist() == [[1, 4, 9]]


def test_labels_count_through_the_tasks_and_samples_may_be_empty():
    found = head().predict(cells([[1, 4, 9]]))
    assert [len(sample.scores_3d) > 0 for sample in found] == [False, True, False]
    assert set(found[1].labels_3d.tolist()) <= {0, 1, 2} and 2 in found[1].labels_3d
    assert head().predict(cells([]))[2].bboxes_3d.tensor.shape == (0, 7)


def test_doubles_within_a_task_go_whatever_their_class():
    module = head(detections=dict(center_range=EVERYWHERE, score_threshold=0.0,
                                  iou_threshold=1e-4))
    with torch.no_grad():  # all boxes lie on each other
        for task in module.task_heads:
            for branch in task.values():
                branch.output.weight.zero_()
            task['dim'].output.bias.fill_(3)
    found = module.predict(cells([[1, 4, 9]]))[1]
    assert sorted(found.labels_3d.tolist())[-1] == 2 and len(found.scores_3d) == 2


@pytest.mark.parametrize('detections', [dict(rectifier=(0.5, )), dict(iou_threshold=(0.1, 0.2))])
def test_numbers_for_other_classes(detections):
    with pytest.raises(ConfigError, match='for 3 classes'):
        head(detections=dict(center_range=EVERYWHERE, **detections), branches=dict(iou=True))


def test_a_rectifier_without_overlaps():
    with pytest.raises(ConfigError, match='no branch for the overlap'):
        head(detections=dict(center_range=EVERYWHERE, rectifier=(0.5, 0.5, 0.5)))
