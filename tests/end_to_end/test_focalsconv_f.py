"""Focals Conv-F on a simulated drive: images pasted into, one epoch, scores, importance."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.apis import test as evaluate
from sparse3d.apis import train, visualize
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.prepare.crops import cut_crops
from sparse3d.datasets.kitti.simulate import KittiOptions, simulate_kitti

CONFIG = str(Path(__file__).resolve().parents[2]
             / 'configs/focalsconv/focalsconv_f_centerpoint_simulated_kitti_car.py')
IN_PROCESS = {'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False,
              'val_dataloader.num_workers': 0, 'val_dataloader.persistent_workers': False,
              'test_dataloader.num_workers': 0, 'test_dataloader.persistent_workers': False}


@pytest.mark.slow
def test_from_a_drive_to_pictures_of_importance(tmp_path, monkeypatch):
    data = tmp_path / 'drive'
    simulate_kitti(data, 4, options=KittiOptions(frames_per_drive=2, azimuths=500),
                   val_fraction=0.5)
    prepare_kitti(data, data)
    assert cut_crops(data, 1)['crops'] > 0
    monkeypatch.setenv('SPARSE3D_SIMULATED_KITTI', str(data))
    quick = {**IN_PROCESS, 'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1,
             'default_hooks.validate_first.max_batches': 1}
    result = train(CONFIG, tmp_path / 'work', quick)
    weights = torch.load(result.checkpoint)['state_dict']
    assert any(name.startswith('image_encoder.backbone.layer1') for name in weights)
    metrics = evaluate(CONFIG, result.checkpoint, tmp_path / 'test', IN_PROCESS)
    assert 0 <= metrics['kitti/Car_3D_R40_moderate'] <= 100
    paths = visualize(CONFIG, result.checkpoint, tmp_path / 'pictures', frames=1,
                      cfg_options=IN_PROCESS, pictures=['importance'],
                      html=tmp_path / 'scene.html', color_by='importance')
    assert '"importance":"' in (tmp_path / 'scene.html').read_text()   # the layer is filled
    drawn = [path.name for path in paths if 'importance' in path.name]
    assert len(drawn) == 2 and any('camera' in name for name in drawn)
    assert np.all([path.stat().st_size > 10_000 for path in paths])
