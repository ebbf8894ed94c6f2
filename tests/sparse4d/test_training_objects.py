"""Who an object is in other frames, and which objects are learned."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.errors import ConfigError, DataError
from sparse4d.training_objects import KeepNearObjects, LoadTrackIds


def labeled(tokens, name='instance_tokens'):
    return dict(token='s1', ann_info={'gt_labels_3d': np.zeros(2, int), name: np.array(tokens)})


@pytest.mark.parametrize('name', ['instance_tokens', 'track_ids'])
def test_an_object_has_one_number_in_all_frames(name):
    first, second = (LoadTrackIds()(labeled(tokens, name))['gt_track_ids']
                     for tokens in (['a1', 'b2'], ['b2', 'c3']))
    assert first[1] == second[0] and len({*first, *second}) == 3
    assert first.dtype == np.int64 and first.min() >= 0


def test_no_objects():
    empty = dict(ann_info=dict(gt_labels_3d=np.zeros(0), instance_tokens=np.zeros(0, str)))
    assert len(LoadTrackIds()(empty)['gt_track_ids']) == 0


@pytest.mark.parametrize('sample', [labeled(['a', '']), labeled(['a']),
                                    dict(token='s1', ann_info=dict(gt_labels_3d=[0]))])
def test_labels_that_do_not_say_who_is_who(sample):
    with pytest.raises(DataError, match='the labels of sample s1 do not say .*create-data'):
        LoadTrackIds()(sample)


def test_objects_within_a_circle():
    boxes = torch.zeros(4, 9)
    boxes[:, :2] = torch.tensor([[54.9, 0], [40, 40], [0, 55.0], [0, 55.1]])
    boxes[:, 2] = 90  # in BEV
    sample = KeepNearObjects(55.0)(dict(
        gt_bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=9), gt_labels_3d=np.arange(4),
        gt_track_ids=np.arange(4)))
    assert sample['gt_labels_3d'].tolist() == sample['gt_track_ids'].tolist() == [0, 2]
    with pytest.raises(ConfigError, match='has to be positive, not 0'):
        KeepNearObjects(0)
