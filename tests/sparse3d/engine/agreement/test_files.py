"""Files and checkpoints beside a config: columns, cameras, classes."""
from __future__ import annotations

import json
import logging
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sparse3d.apis import load_config, load_detector, test, train, visualize
from sparse3d.apis.analyze import analyze
from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom
from sparse3d.engine.build_model import build_model
from sparse3d.errors import CheckpointError, DataError

CONFIG = Path(__file__).resolve().parents[4] / \
    'configs/focalsconv/focalsconv_centerpoint_custom_data.py'
ALONE = {f'{split}_dataloader.{key}': value for split in ('train', 'val', 'test')
         for key, value in (('num_workers', 0), ('persistent_workers', False))}
VERBS = {
    'train': lambda config, file, out: train(config, out, dry_run=True),
    'test': lambda config, file, out: test(config, file, out),
    'visualize': lambda config, file, out: visualize(config, file, out),
    'analyze': lambda config, file, out: analyze(config, file, out),
}


def write_data(root: Path, columns: int) -> Path:
    """Four frames of custom data with a camera called FRONT."""
    for folder in ('points', 'boxes', 'images/FRONT'):
        (root / folder).mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(4):
        points = random.uniform([0, -19, -2, 0, 0], [50, 19, 0, 1, 1], (600, 5))
        points[:40, :3] = random.uniform([18, 0, -2], [22, 2, -.5], (40, 3))
        points[:, :columns].astype('<f4').tofile(root / f'points/{number}.bin')
        (root / f'boxes/{number}.csv').write_text(
            'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,20,1,-2,4,2,1.5,0\n')
        cv2.imwrite(str(root / f'images/FRONT/{number}.png'), np.full((9, 16, 3), 90, np.uint8))
    (root / 'calibration.json').write_text(json.dumps(dict(FRONT=dict(
        cam2img=[[10, 0, 8], [0, 10, 4], [0, 0, 1]],
        lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]))))
    prepare_custom(root, CustomPreparation(columns=columns))
    return root


@pytest.fixture(scope='module')
def config_of_five_columns(tmp_path_factory):
    """Data of five columns beside a config of four: 4 divides the bytes of 4 rows of 5."""
    root = write_data(tmp_path_factory.mktemp('five'), 5)
    return load_config(CONFIG, dict(ALONE, data_root=str(root)))


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    root = write_data(tmp_path_factory.mktemp('four'), 4)
    return load_config(CONFIG, dict(ALONE, data_root=str(root)))


@pytest.fixture(scope='module')
def weights(config):
    return build_model(config).state_dict()


def saved(path: Path, weights: dict, classes=None) -> Path:
    meta = {} if classes is None else dict(dataset_meta=dict(classes=classes))
    torch.save(dict(meta=meta, state_dict=weights), path)
    return path


@pytest.mark.parametrize('verb', VERBS)
def test_columns_of_the_files(config_of_five_columns, weights, verb, tmp_path):
    with pytest.raises(DataError, match=r'columns of the files and of the config differ: '
                       r'5 \(\S+own_infos_\w+.pkl\) and 4 \(LoadPointFile.columns\); set'):
        VERBS[verb](config_of_five_columns, saved(tmp_path / 'a.pth', weights), tmp_path / 'out')


@pytest.mark.parametrize('verb', VERBS)
def test_cameras_of_the_files(config, weights, verb, tmp_path):
    config = deepcopy(config)
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        dataset.modality = dict(use_lidar=True, use_camera=True)
        dataset.pipeline.insert(0, dict(type='LoadMultiViewImages', cameras=['FRONT', 'REAR']))
    with pytest.raises(DataError, match=r'1 \(FRONT\) \(\S+own_infos_\w+.pkl\) and '
                       r'2 \(FRONT, REAR\) \(LoadMultiViewImages.cameras\); name'):
        VERBS[verb](config, saved(tmp_path / 'a.pth', weights), tmp_path / 'out')


@pytest.mark.parametrize('verb, classes', [
    ('test', ['Pedestrian']), ('visualize', ['Car', 'Van']), ('analyze', ('Van', 'Car')),
    ('load_detector', ['Pedestrian']), ('load_detector', ('Van', 'Car')), ('resume', ['Van'])])
def test_classes_of_a_checkpoint(config, weights, verb, classes, tmp_path):
    verbs = {**VERBS, 'load_detector': lambda config, file, out: load_detector(config, file),
             'resume': lambda config, file, out: train(config, out, resume=file, dry_run=True)}
    file = saved(tmp_path / 'a.pth', weights, classes)
    with pytest.raises(CheckpointError, match=r'classes of checkpoint and config differ .*: '
                       rf'{len(classes)} \({", ".join(classes)}\) \(\S+a.pth, '
                       r'meta.dataset_meta.classes\) and 1 \(Car\) \(\S+metainfo.classes\); use'):
        verbs[verb](config, file, tmp_path / 'out')


def test_weights_of_other_classes_may_start_a_training_and_are_told(
        config, weights, tmp_path, caplog, monkeypatch):
    monkeypatch.setitem(train.__globals__, 'prepare_and_stop', lambda runner: 'ready to train')
    config = deepcopy(config)
    config.load_from = str(saved(tmp_path / 'a.pth', weights, ['Van']))
    with caplog.at_level(logging.WARNING):
        assert 'ready to train' in str(train(config, tmp_path / 'out', dry_run=True))
    assert '1 (Van)' in caplog.text and '1 (Car)' in caplog.text


@pytest.mark.parametrize('classes', [None, ['Car'], ('Car',), 'Car', [3]])
def test_a_checkpoint_of_the_same_classes_or_of_none_is_taken(config, weights, classes, tmp_path):
    detector = load_detector(config, saved(tmp_path / 'a.pth', weights, classes), 'cpu')
    assert tuple(detector.class_names) == ('Car',)


def test_a_checkpoint_of_openpcdet_is_told_the_way(config, weights, tmp_path):
    torch.save(dict(model_state=dict(weights), epoch=80, version='pcdet+0.5.2'),
               tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'convert it first .*convert-checkpoint'):
        load_detector(config, tmp_path / 'a.pth', 'cpu')
