"""A recorded drive and the same drive in nuScenes' layout give the same boxes, by the commands."""
from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from sparse3d.apis import build_model, load_config, load_detector
from sparse3d.apis.sample_frames import build_dataset
from sparse3d.recordings.detection_messages import boxes_of
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_types import type_store
from sparse3d.recordings.reading import read_messages

SIZE = ['--seconds', 1.5, '--image-width', 160, '--azimuths', 120, '--lidar-rate', 10, '--seed', 5]
# Untrained models are sure of nothing: all boxes are kept.
CONFIG = """
_base_ = ['sparse3d::{base}.py']
model = dict(bbox_head=dict({head}))
test_dataloader = dict(dataset=dict(data_root='data', ann_file='nuscenes_infos_train.pkl'))
"""
MODELS = {
    'baselines/centerpoint_simulated_nuscenes':
        'bbox_coder=dict(score_threshold=0.0), test_cfg=dict(score_threshold=0.0)',
    'sparsebev/sparsebev_simulated_nuscenes': 'detections=dict(score_threshold=0.0)',
    'sparsefusion/sparsefusion_simulated_nuscenes': ''}


@pytest.fixture(scope='module')
def drives(tmp_path_factory):
    from sparse3d_cli import main
    folder = tmp_path_factory.mktemp('drives')
    size = list(map(str, SIZE))
    assert main(['simulate', 'mcap', str(folder / 'drive.mcap'), *size]) == 0
    assert main(['simulate', 'nuscenes', str(folder / 'data'), '--scenes', '2', '--workers', '1',
                 *size]) == 0
    assert main(['create-data', 'nuscenes', str(folder / 'data'), '--workers', '1']) == 0
    return folder


def recorded(path, topic='/sparse3d/detections'):
    return [type_store().deserialize_cdr(raw.data, raw.channel.schema)
            for raw in read_messages(path, LeftOut()) if raw.channel.topic == topic]


@pytest.mark.slow
@pytest.mark.parametrize('base', MODELS)
def test_boxes_of_a_recording_are_those_of_the_same_drive(base, drives, monkeypatch, capsys):
    from mmengine.dataset import pseudo_collate

    from sparse3d_cli import main
    monkeypatch.chdir(drives)
    config, weights = drives / 'own.py', drives / 'own.pth'
    config.write_text(CONFIG.format(base=base, head=MODELS[base]))
    torch.manual_seed(0)
    torch.save({'state_dict': build_model(load_config(config)).state_dict(), 'meta': {}}, weights)
    lidar = [] if 'sparsebev' in base else ['--points', '/lidar_top/points']
    code = main(['detect', str(config), str(weights), 'drive.mcap', '--out', 'boxes.mcap', '--rate',
                 '2', '--score-threshold', '0', '--device', 'cpu', *lidar])
    assert code == 0, capsys.readouterr().err
    arrays = recorded('boxes.mcap')
    detector = load_detector(config, weights, 'cpu')
    dataset = build_dataset(load_config(config), 'test')
    assert len(arrays) == len(dataset) == 3
    for array, sample in zip(arrays, dataset, strict=True):
        with torch.no_grad():
            found = detector.model.test_step(pseudo_collate([sample]))[0].pred_instances_3d
        wanted = np.column_stack([found.bboxes_3d.tensor[:, :6].numpy(), found.scores_3d.numpy()])
        boxes = boxes_of(array, detector.class_names)
        rows = np.column_stack([boxes.boxes_3d[:, :6], boxes.scores])
        assert len(rows) > 20 and abs(len(rows) - len(wanted)) <= .03 * len(wanted)
        apart = np.abs(rows[:, None] - wanted[None]).max(axis=2).min(axis=1)
        assert (apart < 1e-2).mean() > .97, np.sort(apart)[-5:]


@pytest.mark.slow
def test_tracks_of_a_recording_keep_their_ids(drives, monkeypatch, capsys):
    from sparse3d_cli import main
    monkeypatch.chdir(drives)
    config, weights = drives / 'lidar.py', drives / 'lidar.pth'
    base = 'baselines/centerpoint_simulated_nuscenes'
    config.write_text(CONFIG.format(base=base, head=MODELS[base]))
    torch.save({'state_dict': build_model(load_config(config)).state_dict(), 'meta': {}}, weights)
    assert main(['detect', str(config), str(weights), 'drive.mcap', '--out', 'tracks.mcap',
                 '--track', 'greedy', '--rate', '2', '--score-threshold', '0']) == 0
    said = capsys.readouterr().out
    assert ' tracks in 3 moments' in said and '  tracker ' in said and '/lidar_front/points' in said
    ids = [{each.id for each in array.detections}
           for array in recorded('tracks.mcap', '/sparse3d/tracks')]
    assert len(ids) == 3 and ids[0] & ids[1] and ids[1] & ids[2]
