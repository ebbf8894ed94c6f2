"""What mmdet3d, mmdet and mmcv ask of NumPy is there."""
from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from mmdet3d.datasets.transforms import ObjectSample
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints
from mmengine.registry import init_default_scope

from sparse3d.compat.numpy_names import MODULES, REMOVED


@pytest.fixture
def object_sample(tmp_path):
    """mmdet3d's own transform, with a database of one car of five points."""
    import pickle

    import torch
    init_default_scope('mmdet3d')
    torch.zeros(5, 4).numpy().tofile(tmp_path / 'car.bin')
    info = dict(name='Car', path='car.bin', box3d_lidar=np.array([20, 5, -1, 4, 2, 1.5, 0.]),
                num_points_in_gt=5, difficulty=0, group_id=0)
    (tmp_path / 'infos.pkl').write_bytes(pickle.dumps({'Car': [info]}))
    sampler = dict(
        type='DataBaseSampler', data_root=str(tmp_path), info_path=str(tmp_path / 'infos.pkl'),
        rate=1.0, prepare={}, classes=['Car'], sample_groups=dict(Car=2),
        points_loader=dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=4, use_dim=4))
    return TRANSFORMS.build(dict(type='ObjectSample', db_sampler=sampler))


def test_mmdet3ds_own_object_sample_pastes(object_sample):
    import torch
    assert isinstance(object_sample, ObjectSample)
    found = object_sample.transform(dict(
        gt_bboxes_3d=LiDARInstance3DBoxes([[5, 0, -1, 4, 2, 1.5, 0.]]),
        gt_labels_3d=np.array([0]), points=LiDARPoints(torch.ones(30, 4), 4)))
    assert found['gt_labels_3d'].tolist() == [0, 0] and found['gt_labels_3d'].dtype == np.int64
    assert len(found['points']) == 35


def removed_names(path):
    """Attributes of ``np`` that a file asks for and NumPy does not have."""
    return {node.attr for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            and node.value.id == 'np' and not hasattr(np, node.attr)}


@pytest.mark.parametrize('package', ['mmdet3d', 'mmdet', 'mmcv'])
def test_no_other_module_asks_for_a_removed_name(package):
    root = Path(importlib.util.find_spec(package).origin).parent
    for path in sorted(root.rglob('*.py')):
        if 'np.' not in path.read_text():
            continue
        missing = removed_names(path)
        name = '.'.join([package, *path.relative_to(root).with_suffix('').parts])
        assert not missing or (name in MODULES and missing <= set(REMOVED)), name


def test_numpy_itself_stays_as_it_is():
    assert 'float' not in vars(np)
    for name in MODULES:
        module = importlib.import_module(name)
        assert module.np.float is float and module.np.pi == np.pi
        with pytest.raises(AttributeError, match='no_such_name'):
            module.np.no_such_name  # noqa: B018


@pytest.mark.parametrize('name', REMOVED)
def test_a_name_that_numpy_has_is_numpys(name, monkeypatch):
    """Where upstream is sound the repair does nothing."""
    own = object()
    monkeypatch.setattr(np, name, own, raising=False)
    assert getattr(importlib.import_module(MODULES[0]).np, name) is own


def test_in1d_as_it_was():
    module = importlib.import_module(MODULES[-1])
    assert module.np.in1d(np.array([1, 5, 7]), [7, 1]).tolist() == [True, False, True]
