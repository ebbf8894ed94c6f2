"""Every config of the folder says what it means."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

import sparse_dense_fusion.register  # noqa: F401
from sparse3d.engine.load_config import load_config

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'sparse_dense_fusion'
SAME_MODEL = ('front_camera_lost', 'half_beams', 'night')  # of the config that they test


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.py')), ids=lambda path: path.stem)
def test_a_model_and_a_schedule_can_be_built(path):
    config = load_config(path)
    assert config.custom_imports.imports == ['sparse_dense_fusion.register']
    if path.stem.endswith(SAME_MODEL):
        bare = path.stem.partition('_simulated_nuscenes')[0] + '_simulated_nuscenes'
        assert config.model == load_config(FOLDER / f'{bare}.py').model
        return
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model)
    names = [name for name, _ in model.named_parameters()]
    for key in config.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {}):
        assert any(key in name for name in names), key
    branches = (model.map_fusion is not None, model.query_fusion is not None)
    assert branches == ('sparse_only' not in path.stem and 'lidar_only' not in path.stem,
                        'dense_only' not in path.stem and 'lidar_only' not in path.stem)
    assert model.use_lidar == ('cameras_only' not in path.stem) and model.use_cameras
    assert (model.image_backbone is None) == ('lidar_only' in path.stem)


def test_all_of_a_data_set_are_compared_on_the_same_data_and_schedule():
    """LiDAR's head and schedule as TransFusion-L has them, data as SparseFusion."""
    ours = load_config('sdf_simulated_nuscenes')
    lidar, fused = (load_config(f'{name}_simulated_nuscenes') for name in (
        'transfusion_l', 'sparsefusion'))
    assert ours.model.bbox_head == lidar.model.bbox_head
    for other in (lidar, fused):
        for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
            assert ours[key] == other[key]
    assert ours.train_dataloader == fused.train_dataloader
    assert ours.test_dataloader == fused.test_dataloader
    for part in ('image_backbone', 'image_neck', 'voxel_encoder', 'middle_encoder'):
        assert ours.model[part] == fused.model[part]


def test_the_second_stage_freezes_the_lidar_and_learns_slowly_what_was_trained():
    config = load_config('sdf_r50_nuscenes')
    assert config.model.freeze_lidar and config.train_cfg.max_epochs == 6
    assert config.train_dataloader.batch_size == 4
    assert config.optim_wrapper.clip_grad.max_norm == 0.1
    assert config.optim_wrapper.optimizer.lr == 8e-4
    assert set(config.optim_wrapper.paramwise_cfg.custom_keys) == {
        'image_backbone', 'image_neck', 'bbox_head'}
    lidar = load_config('transfusion_l_nuscenes')
    assert config.model.bbox_head == lidar.model.bbox_head


@pytest.mark.parametrize('branch', ['', 'dense_only_', 'sparse_only_'])
def test_what_is_lost_in_the_comparison(branch):
    plain = load_config(f'sdf_{branch}simulated_nuscenes').test_dataloader.dataset
    for what, kind in (('front_camera_lost', 'DropCameras'), ('half_beams', 'DropBeams')):
        steps = load_config(f'sdf_{branch}simulated_nuscenes_{what}').test_dataloader.dataset
        types = [step.type for step in steps.pipeline]
        assert kind in types and len(types) == len(plain.pipeline) + 1
    night = load_config(f'sdf_{branch}simulated_nuscenes_night')
    assert night.test_dataloader.dataset.data_root == 'data/simulated_nuscenes_night'
    assert night.test_evaluator.data_root == 'data/simulated_nuscenes_night'
    assert night.test_evaluator.ann_file.startswith('data/simulated_nuscenes_night/')
    assert night.train_dataloader.dataset.data_root == plain.data_root == 'data/simulated_nuscenes'
