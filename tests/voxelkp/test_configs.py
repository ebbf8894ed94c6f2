"""The configs: the published sizes, the head on Focals Conv, one idea left out at a time."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import voxelkp.register  # noqa: F401  (registers the detector)
from sparse3d.engine.load_config import load_config
from sparse3d.structures.keypoints import Keypoints3D
from voxelkp.published_architecture import PUBLISHED_MODEL

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'voxelkp'
SMALL = sorted(path.name for path in CONFIGS.glob('*simulated*.py'))


def model_of(name: str, device: str = 'cpu'):
    config = load_config(CONFIGS / name)
    init_default_scope('mmdet3d')
    settings = {key: value for key, value in config.model.items()
                if device == 'cpu' or key != 'data_preprocessor'}
    with torch.device(device):
        return config, MODELS.build(settings)


def crowd(seed: int = 0) -> list[torch.Tensor]:
    """Two clouds [N, 5] with points all over the range."""
    random = torch.Generator().manual_seed(seed)
    low, high = torch.tensor([-8., -8, -1, 0, 0]), torch.tensor([8., 8, 2, 1, 1])
    return [low + (high - low) * torch.rand(500, 5, generator=random) for _ in range(2)]


def labeled() -> Det3DDataSample:
    sample = Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes))
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.tensor([[2., 3, -1, .8, .8, 1.8, .3]])),
        labels_3d=torch.zeros(1).long(),
        keypoints_3d=Keypoints3D(torch.rand(1, 14, 3) + torch.tensor([1.5, 2.5, -1])))
    return sample


def test_the_published_config_is_the_published_model():
    config, model = model_of('voxelkp_waymo.py', 'meta')
    expected = dict(model.named_parameters())
    with torch.device('meta'):
        for part, settings in PUBLISHED_MODEL.items():
            built = MODELS.build(dict(settings))
            for name, parameter in built.named_parameters():
                assert expected.pop(f'{part}.{name}').shape == parameter.shape
    assert expected == {}
    # 111,111,202 in the release, of which the biases in front of norms are not needed.
    assert sum(parameter.numel() for parameter in model.parameters()) == 111_111_202 - 10_112
    assert [part.pipeline[-2].variant for part in config.val_dataloader.dataset.datasets] == [
        'raw', 'cleaned']


@pytest.mark.parametrize('name', SMALL)
def test_every_small_config_trains_and_predicts(name):
    _, model = model_of(name)
    data = dict(inputs=dict(points=crowd()), data_samples=[labeled(), labeled()])
    data = model.data_preprocessor(data, True)
    inputs, samples = data['inputs'], data['data_samples']
    losses = model.train()(inputs, samples, mode='loss')
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    idle = [weight for weight, parameter in model.named_parameters() if parameter.grad is None]
    assert idle == []
    assert ('loss_importance_stage1' in losses) == name.startswith('focalsconv')
    with torch.no_grad():
        found = model.eval()(inputs, samples, mode='predict')
    assert len(found) == 2


def test_each_ablation_leaves_out_one_idea():
    sizes = {name: sum(parameter.numel() for parameter in model_of(name)[1].parameters())
             for name in SMALL if 'no_' in name}
    assert len(sizes) == 4
    full = sum(parameter.numel() for parameter in
               model_of('voxelkp_simulated_waymo.py')[1].parameters())
    assert all(size < full for size in sizes.values())
    assert len(set(sizes.values())) == 4
