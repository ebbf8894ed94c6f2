"""Released names and layouts become ours; whatever does not fit is refused by name."""
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from focalsconv import FocalSparseEncoder
from focalsconv.published_checkpoint import convert_published, published_to_ours
from sparse3d.errors import CheckpointError

SETTINGS = dict(in_channels=4, sparse_shape=[41, 48, 40], voxel_size=[0.05, 0.05, 0.1],
                point_cloud_range=[0, -1.2, -3, 2, 1.2, 1],
                focal=dict(enlarge_channels=64, stages=(1, 2)))


@pytest.mark.parametrize(('name', 'residual', 'ours'), [
    ('conv_input.0.weight', False, 'conv_input.0.weight'),
    ('conv1.0.1.bias', False, 'encoder_layers.encoder_layer1.0.1.bias'),
    ('conv1.1.conv_imp.weight', False, 'focal_layers.stage1.predictor.importance.weight'),
    ('conv2.3.conv_enlarge.1.running_var', False,
     'focal_layers.stage2.predictor.enlarge.1.running_var'),
    ('conv3.3.conv.weight', False, 'focal_layers.stage3.convolution.weight'),
    ('conv4.2.0.weight', False, 'encoder_layers.encoder_layer4.2.0.weight'),
    ('conv1.1.bn2.weight', True, 'encoder_layers.encoder_layer1.1.bn2.weight'),
    ('conv1.2.bn1.weight', True, 'focal_layers.stage1.norm.weight'),
    ('conv2.0.0.weight', True, 'encoder_layers.encoder_layer1.2.0.weight'),
    ('conv2.1.conv1.weight', True, 'encoder_layers.encoder_layer2.0.conv1.weight'),
    ('extra_conv.1.bias', True, 'conv_out.1.bias'),
    ('semseg.reduce_blocks.0.conv.weight', False, None),
])
def test_names(name, residual, ours):
    assert published_to_ours(name, residual) == ours


def released(encoder: FocalSparseEncoder) -> dict[str, Tensor]:
    """The encoder's weights under the names of the OpenPCDet release, spelled out by hand."""
    names = {}
    for name, value in encoder.state_dict().items():
        for ours, theirs in (
                ('encoder_layers.encoder_layer', 'conv'), ('focal_layers.stage1', 'conv1.1'),
                ('focal_layers.stage2', 'conv2.3'), ('predictor.enlarge', 'conv_enlarge'),
                ('predictor.importance', 'conv_imp'), ('convolution', 'conv'), ('norm', 'bn1')):
            name = name.replace(ours, theirs)
        names[f'backbone_3d.{name}'] = value.clone()
    return names


@pytest.mark.parametrize('spconv_version', [1, 2])
def test_both_weight_orders(spconv_version):
    encoder, other = FocalSparseEncoder(**SETTINGS), FocalSparseEncoder(**SETTINGS)
    published = released(encoder)
    if spconv_version == 1:
        published = {name: value.permute(1, 2, 3, 4, 0).contiguous() if value.dim() == 5 else value
                     for name, value in published.items()}
    published['dense_head.conv_cls.weight'] = torch.zeros(1)
    other.load_state_dict(convert_published(published, other))
    for name, value in encoder.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_missing_and_unknown_tensors_are_named():
    encoder = FocalSparseEncoder(**SETTINGS)
    published = released(encoder)
    incomplete = {name: value for name, value in published.items() if 'conv_imp' not in name}
    with pytest.raises(CheckpointError, match='needs focal_layers.stage1.predictor.importance'):
        convert_published(incomplete, encoder)
    extra = {**published, 'backbone_3d.conv3.3.conv_imp.weight': torch.zeros(1)}
    with pytest.raises(CheckpointError, match='no place for conv3.3.conv_imp.weight'):
        convert_published(extra, encoder)
    misshapen = {**published, 'backbone_3d.conv_input.0.weight': torch.zeros(16, 3, 3, 3, 5)}
    with pytest.raises(CheckpointError, match='conv_input.0.weight has shape'):
        convert_published(misshapen, encoder)
    with pytest.raises(CheckpointError, match='needs'):
        convert_published({}, encoder)
