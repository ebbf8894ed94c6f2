"""The data set configs of nuScenes give samples that models can take."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmdet3d.models.data_preprocessors import Det3DDataPreprocessor
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
from sparse3d.transforms.data_root import move_data_root

CONFIGS = Path(__file__).parents[4] / 'configs/_base_/datasets'
SMALL = dict(lidar=None, camera=(128, 352), fusion=(192, 352))
FULL = dict(lidar=None, camera=(256, 704), fusion=(448, 800))


@pytest.fixture(scope='module')
def root(simulated_nuscenes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('configs') / 'nuscenes'
    prepare_nuscenes(simulated_nuscenes, out=out)
    return out


def build(name: str, root: Path, split: str):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    move_data_root(config, str(root))
    assert str(root) in config.val_evaluator.ann_file
    with DefaultScope.overwrite_default_scope('mmdet3d'):
        return DATASETS.build(config[f'{split}_dataloader'].dataset), config


@pytest.mark.parametrize(('name', 'size'), [
    *((f'simulated_nuscenes_{kind}', size) for kind, size in SMALL.items()),
    *((f'nuscenes_{kind}', size) for kind, size in FULL.items())])
def test_samples_of_training_and_testing(name, size, root):
    train, config = build(name, root, 'train')
    test, _ = build(name, root, 'test')
    frames = config.get('frames', dict(num_frames=1))['num_frames']
    for dataset in (train, test):
        dataset_sample = dataset[4]
        inputs, sample = dataset_sample['inputs'], dataset_sample['data_samples']
        assert ('points' in inputs) == config.modality.use_lidar
        assert ('img' in inputs) == config.modality.use_camera
        if size:
            assert inputs['img'].shape == (6 * frames, 3, *size)
            assert sample.img_shape == size and sample.num_frames == frames
            assert len(sample.lidar2img) == len(sample.img_timestamp) == 6 * frames
            assert sample.image_valid.all() and sample.lidar2global.shape == (4, 4)
    sample = train[4]['data_samples']
    truth = sample.gt_instances_3d
    assert len(truth.bboxes_3d) == len(truth.labels_3d) == len(truth.velocity_known) > 3
    assert truth.bboxes_3d.tensor.isfinite().all() and (truth.labels_3d >= 0).all()


def test_a_batch_reaches_the_model_as_designed(root):
    dataset, _ = build('simulated_nuscenes_fusion', root, 'train')
    preprocessor = Det3DDataPreprocessor(mean=[0, 0, 0], std=[1, 1, 1], pad_size_divisor=32)
    batch = preprocessor(pseudo_collate([dataset[1], dataset[3]]), training=True)
    assert batch['inputs']['imgs'].shape == (2, 6, 3, 192, 352)
    assert [points.shape[1] for points in batch['inputs']['points']] == [5, 5]
