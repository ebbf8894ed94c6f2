"""From voxels to maps: which way a middle encoder is called, and whose the modules are."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import nn

from sparse3d.errors import ConfigError
from sparse3d.models.detectors.voxel_backbone import LearningMiddleEncoder, VoxelBackbone
from sparse3d.models.layers.pruned_convolution import PrunedConvolution


class Plain(nn.Module):
    def forward(self, features, coordinates, batch_size):
        return features.new_full((batch_size, 1, 2, 2), float(len(coordinates)))


class Learning(Plain):
    def encode(self, features, coordinates, batch_size, *views):
        return self(features, coordinates, batch_size), ('auxiliary', *views)

    def auxiliary_losses(self, auxiliary, gt_boxes):
        return {'loss_own': torch.tensor(float(len(auxiliary) + sum(map(len, gt_boxes))))}


class Mean(nn.Module):
    def forward(self, voxels, num_points, coordinates):
        return voxels.mean(1)


class Dynamic(nn.Module):
    def forward(self, points, coordinates):
        return points[:1], coordinates[:1]


class Twice(nn.Module):
    def forward(self, maps):
        return [maps, maps + 1]


HARD = dict(voxels=torch.ones(3, 5, 4), num_points=torch.full((3,), 5),
            coors=torch.zeros(3, 4, dtype=torch.long))


def test_encoders_with_and_without_losses_of_their_own():
    plain = VoxelBackbone(Mean(), Plain(), Twice())(HARD, 2)
    assert [part.mean().item() for part in plain.maps] == [3, 4] and plain.auxiliary is None
    parts = VoxelBackbone(Mean(), Learning(), Twice(), nn.Identity())
    assert isinstance(parts.middle_encoder, LearningMiddleEncoder)
    assert parts(HARD, 2).auxiliary == ('auxiliary', )
    assert parts(HARD, 2, views='images').auxiliary == ('auxiliary', 'images')


def test_losses_of_the_middle_encoder():
    sample = Det3DDataSample()
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.ones(3, 9), box_dim=9))
    parts = VoxelBackbone(Mean(), Learning())
    assert parts.auxiliary_losses(('a', ), [sample, sample]) == {'loss_own': torch.tensor(7.0)}
    assert parts.auxiliary_losses(None, [sample]) == {}


def test_dynamic_encoders_find_the_voxels_themselves():
    points = dict(voxels=torch.ones(7, 4), coors=torch.zeros(7, 4, dtype=torch.long))
    encoded, _ = VoxelBackbone(Dynamic(), Plain()).encode(points, 1)
    assert encoded.max() == 1


def test_parts_that_are_exchanged_later_are_used():
    detector = nn.Module()
    detector.voxel_encoder, detector.middle_encoder = Mean(), Plain()
    assert VoxelBackbone.of(detector).backbone is None
    detector.backbone, detector.neck = Twice(), None
    assert len(VoxelBackbone.of(detector)(HARD, 1).maps) == 2
    assert [name for name, _ in detector.named_children()] == [
        'voxel_encoder', 'middle_encoder', 'backbone']


def test_any_sparse_encoder_is_pruned_by_an_option():
    encoder = dict(type='SparseEncoder', in_channels=4, sparse_shape=[9, 16, 16],
                   encoder_channels=((16,), (32, 32)), encoder_paddings=((1,), (1, 1)))
    detector = nn.Module()
    with DefaultScope.overwrite_default_scope('mmdet3d'):
        VoxelBackbone.build(detector, dict(type='HardSimpleVFE'), dict(
            encoder, pruning=dict(submanifold_keep_ratio=0.3)))
        pruned = [layer for layer in detector.middle_encoder.modules()
                  if isinstance(layer, PrunedConvolution)]
        assert [layer.keep_ratio for layer in pruned] == [0.3, 0.5, 0.3]
        VoxelBackbone.build(detector, dict(type='HardSimpleVFE'), dict(encoder, pruning=None))
        assert not any(isinstance(layer, PrunedConvolution)
                       for layer in detector.middle_encoder.modules())
        for pruning, words in ((dict(keep=0.3), "middle_encoder.pruning has no 'keep'"),
                               (0.3, 'middle_encoder.pruning is 0.3; give a dict with')):
            with pytest.raises(ConfigError, match=words):
                VoxelBackbone.build(detector, dict(type='HardSimpleVFE'),
                                    dict(encoder, pruning=pruning))
