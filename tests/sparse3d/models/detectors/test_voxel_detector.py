"""The wiring of the voxel detector, with parts that show what they were given."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import nn

from sparse3d.models.detectors import VoxelDetector


class CountingEncoder(nn.Module):
    """Plain middle encoder: a map that holds the number of voxels of each sample."""

    def forward(self, features, coordinates, batch_size):
        counts = torch.bincount(coordinates[:, 0].long(), minlength=batch_size).float()
        return counts.view(-1, 1, 1, 1).expand(batch_size, 1, 4, 4)


class LearningEncoder(CountingEncoder):
    """Middle encoder with something of its own to learn."""

    def encode(self, features, coordinates, batch_size):
        return self(features, coordinates, batch_size), {'voxels': len(features)}

    def auxiliary_losses(self, auxiliary, gt_boxes):
        return {'loss_importance': torch.tensor(float(auxiliary['voxels'] + len(gt_boxes[0])))}


class EchoHead(nn.Module):
    """A head that detects one box per sample, with the mean of its map as the score."""

    def forward(self, features):
        return [features[0].mean(dim=(1, 2, 3))]

    def loss(self, features, data_samples):
        return {'loss_head': self(features)[0].sum()}

    def predict(self, features, data_samples):
        return [InstanceData(bboxes_3d=LiDARInstance3DBoxes(torch.zeros(1, 7)),
                             scores_3d=score[None], labels_3d=torch.zeros(1).long())
                for score in self(features)[0]]


class Same(nn.Module):
    def forward(self, x, *_):
        return [x] if x.dim() == 4 else x.mean(dim=1)


@pytest.fixture
def build():
    names = {'TestCounting': CountingEncoder, 'TestLearning': LearningEncoder,
             'TestEcho': EchoHead, 'TestSame': Same}
    for name, module in names.items():
        MODELS.register_module(name=name, module=module, force=True)
    yield lambda encoder: VoxelDetector(
        voxel_encoder=dict(type='TestSame'), middle_encoder=dict(type=encoder),
        backbone=dict(type='TestSame'), bbox_head=dict(type='TestEcho'))
    for name in names:
        MODELS.module_dict.pop(name)


def batch() -> tuple[dict, list[Det3DDataSample]]:
    """Two samples; the last one has no voxel."""
    samples = []
    for count in (2, 0):
        sample = Det3DDataSample()
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(torch.rand(count, 9), box_dim=9),
            labels_3d=torch.zeros(count).long())
        samples.append(sample)
    voxels = dict(voxels=torch.rand(3, 5, 4), num_points=torch.full((3,), 5),
                  coors=torch.tensor([[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]]))
    return dict(points=[torch.rand(15, 4), torch.rand(0, 4)], voxels=voxels), samples


def test_an_empty_last_sample_keeps_its_place(build):
    inputs, samples = batch()
    found = build('TestCounting')(inputs, samples, mode='predict')
    assert [sample.pred_instances_3d.scores_3d.item() for sample in found] == [3.0, 0.0]


def test_losses_of_the_middle_encoder_are_added(build):
    inputs, samples = batch()
    assert set(build('TestCounting')(inputs, samples, mode='loss')) == {'loss_head'}
    found = build('TestLearning')(inputs, samples, mode='loss')
    assert found['loss_head'] == 3.0 and found['loss_importance'] == 3 + 2


def test_tensor_mode_gives_the_raw_outputs(build):
    inputs, samples = batch()
    found = build('TestLearning')(inputs, samples, mode='tensor')
    assert set(found) == {'features', 'head'} and found['head'][0].tolist() == [3.0, 0.0]
