"""Statistics of a training's points, from a dataset to a checkpoint and to warnings of a test."""
from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

from sparse3d.datasets.custom.dataset import CustomDetectionDataset
from sparse3d.datasets.custom.prepare.frames import prepare_custom
from sparse3d.engine.hooks.point_statistics import (
    PointStatisticsHook,
    TrainingComparisonHook,
    names_of_columns,
    statistics_of_dataset,
    voxel_range,
)
from sparse3d.structures.point_statistics import META_KEY, PointStatistics
from sparse3d.transforms.class_balanced_dataset import ClassBalancedDataset
from sparse3d.transforms.joined_dataset import JoinedDataset
from sparse3d.transforms.load_points import LoadPoints

LIMITS = [-20, -20, -3, 20, 20, 1]
PIPELINE = [dict(type='LoadPointFile', columns=4),
            dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
            dict(type='AugmentScene', rotation=[-3, 3], scale=[3, 4]),
            dict(type='PackSample', keys=['points'])]


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp('mine')
    for folder in ('points', 'boxes'):
        (root / folder).mkdir()
    random = np.random.default_rng(0)
    for name in 'abcdefgh':
        xyz = random.uniform([-30, -30, -1.71], [30, 30, -1.69], (3000, 3))
        np.save(root / f'points/{name}.npy', np.column_stack([xyz, random.uniform(size=3000)]))
        (root / f'boxes/{name}.csv').write_text('class,x,y,z_bottom,dx,dy,dz,yaw\n'
                                                'Car,10,2,-1.7,4,2,1.6,0.5\n')
    prepare_custom(root)
    init_default_scope('mmdet3d')
    return CustomDetectionDataset(str(root), 'own_infos_train.pkl', dict(classes=['Car']),
                                  pipeline=PIPELINE)


def test_clouds_are_read_without_augmentation_and_alike_each_time(dataset):
    state = np.random.get_state()[1].copy()
    found = statistics_of_dataset(dataset)
    assert found == statistics_of_dataset(dataset)
    assert (np.random.get_state()[1] == state).all()
    assert found.frames == len(dataset) == 6 and found.columns == ('x', 'y', 'z', 'intensity')
    assert found.points == (3000, 3000, 3000)
    np.testing.assert_allclose(found.ground, -1.71, atol=0.005)
    np.testing.assert_allclose(found.intensity, [0.01, 0.5, 0.99], atol=0.03)
    assert statistics_of_dataset(dataset, 3).frames == 3
    assert statistics_of_dataset(dataset, 3, LIMITS).points[2] < 1500


def test_wrapped_datasets_and_those_without_points(dataset):
    wrapped = ClassBalancedDataset(JoinedDataset([dataset, dataset]))
    assert statistics_of_dataset(wrapped).frames == 12
    assert statistics_of_dataset(SimpleNamespace()) is None


def test_names_of_chosen_columns():
    assert names_of_columns([LoadPoints(5, [0, 1, 2, 4])], 4) == ('x', 'y', 'z', 'age')
    assert names_of_columns([LoadPoints(4), nn.Identity()], 4) == ('x', 'y', 'z', 'intensity')


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Module()
        self.layer.point_cloud_range = LIMITS


def test_the_range_of_a_model():
    assert voxel_range(Model()) == LIMITS and voxel_range(nn.Linear(1, 1)) is None


def test_from_a_training_into_its_checkpoint_and_to_a_test(dataset):
    hook, checkpoint = PointStatisticsHook(), dict(meta={})
    runner = SimpleNamespace(train_dataloader=SimpleNamespace(dataset=dataset), model=Model())
    hook.before_train(runner)
    hook.before_save_checkpoint(runner, checkpoint)
    training = PointStatistics.from_meta(checkpoint['meta'])
    assert set(checkpoint['meta']) == {META_KEY} and 1000 < training.points[1] < 1500
    sample = SimpleNamespace(metainfo=dict(sample_idx=7))
    cloud = torch.from_numpy(np.load(f'{dataset.data_root}/points/a.npy').astype(np.float32))
    cropped = SimpleNamespace(metainfo=dict(sample_idx=8, evaluation_variant='people'))

    def said(points, sample=sample, training=training):
        test = TrainingComparisonHook(training)
        test.before_test(runner)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            for _ in range(2):
                test.before_test_iter(runner, 0, dict(inputs=dict(points=[points]),
                                                      data_samples=[sample]))
        return [str(item.message) for item in caught]

    brighter = cloud * torch.tensor([1, 1, 1, 255.0])
    assert said(cloud) == [] and said(brighter, training=None) == []
    assert said(brighter, cropped) == []
    sentence, = said(brighter)
    assert 'the points of frame 7 do not look like' in sentence and '--intensity-scale' in sentence
