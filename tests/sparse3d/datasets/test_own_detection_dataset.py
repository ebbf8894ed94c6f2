"""Own data as a dataset: samples, classes, velocities, missing files."""
from __future__ import annotations

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from sparse3d.datasets import OwnDetectionDataset
from sparse3d.errors import ConfigError, DataError
from sparse3d.prepare.own import prepare_own

ROWS = ('class,x,y,z_bottom,dx,dy,dz,yaw,vx,vy\n'
        'Car,10,2,-1,4,2,1.6,0.5,3,1\nDog,5,0,-1,1,.4,.6,0,nan,nan\n')
LOAD = [dict(type='LoadCloud', columns=4),
        dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
        dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d'])]


@pytest.fixture
def own(tmp_path):
    (tmp_path / 'points').mkdir()
    (tmp_path / 'boxes').mkdir()
    for name in ('a', 'b', 'c'):
        points = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
        points[3, 1] = np.nan
        np.save(tmp_path / f'points/{name}.npy', points)
        (tmp_path / f'boxes/{name}.csv').write_text(ROWS)
    prepare_own(tmp_path)
    return tmp_path


def dataset(root, classes, split='train', **options):
    init_default_scope('mmdet3d')
    return OwnDetectionDataset(str(root), f'own_infos_{split}.pkl', dict(classes=classes),
                               pipeline=LOAD, **options)


def test_a_sample_has_points_boxes_and_labels_in_the_order_of_the_classes(own):
    sample = dataset(own, ['Dog', 'Car'])[0]
    assert sample['inputs']['points'].shape == (19, 4)  # the point with NaN is left out
    truth = sample['data_samples'].gt_instances_3d
    assert truth.labels_3d.tolist() == [1, 0]
    np.testing.assert_allclose(truth.bboxes_3d.tensor[0], [10, 2, -1, 4, 2, 1.6, 0.5], rtol=1e-6)


def test_classes_left_out_and_velocities(own):
    truth = dataset(own, ['Dog'], velocities=True)[0]['data_samples'].gt_instances_3d
    np.testing.assert_allclose(truth.bboxes_3d.tensor, [[5, 0, -1, 1, .4, .6, 0, 0, 0]], rtol=1e-6)


def test_a_misspelt_class_is_named_with_the_nearest(own):
    with pytest.raises(ConfigError, match="'car' .* did you mean 'Car'"):
        dataset(own, ['car'])


def test_missing_files_are_named_at_the_start(own):
    (own / 'points/a.npy').unlink()
    with pytest.raises(DataError, match='a.npy .* does not exist'):
        dataset(own, ['Car'])
    with pytest.raises(DataError, match='create_data.py own'):
        dataset(own, ['Car'], split='absent')
