"""mmdet3d's own sampler with a database that lacks classes, or everything."""
from __future__ import annotations

import pickle

import numpy as np
import pytest
from mmdet3d.datasets.transforms.dbsampler import DataBaseSampler
from mmengine.registry import init_default_scope

import sparse3d.compat.applied  # noqa: F401
from sparse3d.compat.empty_object_database import apply_patch
from sparse3d.errors import Sparse3DWarning


def car(points: int) -> dict:
    return dict(name='Car', path='car.bin', box3d_lidar=np.array([20, 5, -1, 4, 2, 1.5, 0.]),
                num_points_in_gt=points, difficulty=0, group_id=0)


@pytest.fixture
def sampler(tmp_path):
    def build(infos: dict) -> DataBaseSampler:
        init_default_scope('mmdet3d')
        np.zeros((5, 4), np.float32).tofile(tmp_path / 'car.bin')
        (tmp_path / 'infos.pkl').write_bytes(pickle.dumps(infos))
        return DataBaseSampler(
            data_root=str(tmp_path), info_path=str(tmp_path / 'infos.pkl'), rate=1.0,
            prepare=dict(filter_by_difficulty=[-1],
                         filter_by_min_points=dict(Car=5, Pedestrian=5, Cyclist=5)),
            classes=['Pedestrian', 'Cyclist', 'Car'],
            sample_groups=dict(Car=2, Pedestrian=1, Cyclist=1),
            points_loader=dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=4,
                               use_dim=4))
    return build


@pytest.mark.parametrize('infos', [{}, {'Car': []}, {'Car': [car(4)], 'Pedestrian': []}])
def test_nothing_to_paste_is_normal(sampler, infos):
    with pytest.warns(Sparse3DWarning, match='no object of Car, Pedestrian, Cyclist'):
        built = sampler(infos)
    for boxes in (np.zeros((0, 7)), np.array([[10, 0, -1, 4, 2, 1.5, 0.]])):
        assert built.sample_all(boxes, np.full(len(boxes), 2)) is None


def test_classes_that_are_there_are_pasted(sampler):
    with pytest.warns(Sparse3DWarning, match='no object of Pedestrian, Cyclist:'):
        built = sampler({'Car': [car(5)], 'Pedestrian': []})
    pasted = built.sample_all(np.array([[10, 0, -1, 4, 2, 1.5, 0.]]), np.array([2]))
    assert pasted['gt_labels_3d'].tolist() == [2] and len(pasted['points']) == 5


def test_upstream_fails_on_a_class_without_objects(sampler):
    with pytest.warns(Sparse3DWarning):
        built = sampler({'Car': []})
    with pytest.raises((ValueError, KeyError)):
        DataBaseSampler.sample_class_v2.upstream(built, 'Car', 2, np.zeros((0, 7)))


def test_repairing_twice_is_repairing_once():
    apply_patch()
    once = DataBaseSampler.sample_class_v2, DataBaseSampler.__init__
    apply_patch()
    assert once == (DataBaseSampler.sample_class_v2, DataBaseSampler.__init__)
