from pathlib import Path

import pytest
from mmdet3d.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from sparse3d.datasets.nuscenes.prepare.frames import prepare_nuscenes
from sparse3d.transforms.data_root import move_data_root
from sparse3d.transforms.epoch_sampler import EpochSampler

CONFIG = Path(__file__).parents[4] / 'configs/_base_/datasets/nuscenes_lidar_balanced.py'


@pytest.mark.filterwarnings('ignore')
def test_the_recipe_on_a_simulated_drive(simulated_nuscenes, tmp_path):
    """Balanced frames with added objects that move; none in the last epochs."""
    init_default_scope('mmdet3d')
    prepare_nuscenes(simulated_nuscenes, out=tmp_path)
    config = Config.fromfile(CONFIG)
    move_data_root(config, str(tmp_path))
    pipeline = config.train_dataloader.dataset.dataset.pipeline
    sampling = next(item for item in pipeline if item.type == 'GroundTruthSampling')
    sampling.groups, sampling.stop_epoch = dict(car=60), 1
    dataset = DATASETS.build(config.train_dataloader.dataset)
    sampler = EpochSampler(dataset, seed=0)
    counts = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        sample = dataset[0]
        truth, points = sample['data_samples'].gt_instances_3d, sample['inputs']['points']
        assert points.shape[1] == 5 and points.isfinite().all()
        assert truth.bboxes_3d.tensor.isfinite().all() and len(truth.velocity_known) == len(truth)
        counts.append(len(truth))
    real = dataset.get_data_info(0)['ann_info']['gt_labels_3d']
    assert counts[0] > len(real) >= counts[1]
