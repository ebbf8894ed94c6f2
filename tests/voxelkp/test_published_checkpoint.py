"""The converter: complete, versioned, explicit about 1x1 layers, and strict."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from spconv.pytorch import SparseConvTensor, SubMConv2d

from sparse3d.checkpoints import Conversion
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError
from voxelkp.published_checkpoint import convert, convert_weights, published_to_ours

ROOT = Path(__file__).resolve().parents[2]
STATE = json.loads((ROOT / 'tests/fixtures/voxelkp/state.json').read_text())
POINTWISE = 'dense_head.heads_list.0.dim.1.weight'


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    """The released names and shapes without memory for values."""
    return {name: torch.zeros(()).expand(shape) for name, shape, *_ in STATE}


def test_all_of_it_converts(published):
    conversion = convert(published)
    assert isinstance(conversion, Conversion)
    config = load_config(conversion.config, dict(conversion.options))
    assert config.model.published == dict(cell_offsets=True, level_weights=True)
    init_default_scope('mmdet3d')
    config.model.pop('data_preprocessor')
    with torch.device('meta'):
        wanted = MODELS.build(config.model).state_dict()
    assert {name: value.shape for name, value in wanted.items()} == {
        name: value.shape for name, value in conversion.weights.items()}
    versions = conversion.weights._metadata
    assert {name: wanted._metadata[name] for name in versions if name} == {
        name: version for name, version in versions.items() if name}
    assert conversion.weights._metadata['middle_encoder.conv_input.0']['version'] == 2


def test_pointwise_layers_keep_what_they_computed():
    torch.manual_seed(0)
    layer = SubMConv2d(6, 3, 1, bias=True)
    cells = torch.tensor([[0, 1, 1], [0, 2, 5], [0, 7, 7]]).int()
    features = torch.randn(3, 6)
    expected = layer(SparseConvTensor(features, cells, [8, 8], 1)).features
    weights, unknown = convert_weights({POINTWISE: layer.weight.data})
    ours = weights['bbox_head.branches.size.output.weight']
    assert unknown == [] and ours.shape == (3, 6)
    torch.testing.assert_close(features @ ours.T + layer.bias, expected)
    assert not torch.allclose(features @ layer.weight.view(3, 6).T + layer.bias, expected)


def test_biases_in_front_of_norms_move_into_their_means():
    prefix = 'backbone_3d.conv3.1.point_conv'
    weights, _ = convert_weights({f'{prefix}.3.bias': torch.tensor([1.0, 2.0]),
                                  f'{prefix}.4.running_mean': torch.tensor([5.0, 5.0]),
                                  f'{prefix}.4.bias': torch.tensor([7.0, 7.0])})
    ours = 'middle_encoder.stages.2.point_branch.layers.4'
    assert {name: value.tolist() for name, value in weights.items()} == {
        f'{ours}.running_mean': [4.0, 3.0], f'{ours}.bias': [7.0, 7.0]}


def test_names():
    assert published_to_ours('backbone_3d.conv2.1.bn2.weight') == \
        'middle_encoder.stages.1.blocks.0.second.1.weight'
    assert published_to_ours('backbone_3d.conv5.1.voxel_conv.3.norm1.ln.bias') == \
        'middle_encoder.stages.4.blocks.3.attention_norm.bias'
    assert published_to_ours('dense_head.heads_list.0.kp_vis.0.1.weight') == \
        'bbox_head.branches.visibility.convolution.1.weight'
    for unknown in ('backbone_3d.conv7.0.0.weight', 'dense_head.heads_list.1.dim.1.weight',
                    'backbone_3d.conv3.1.voxel_conv.0.sk.conv3.weight'):
        assert published_to_ours(unknown) is None


@pytest.mark.parametrize(('change', 'message'), [
    (lambda state: state.update({'extra.weight': torch.zeros(1)}), 'extra.weight'),
    (lambda state: state.pop(POINTWISE), 'size.output.weight'),
    (lambda state: state.update({'backbone_3d.conv_out.1.weight': torch.zeros(8)}),
     'conv_out.1.weight has the shape'),
])
def test_what_does_not_fit_is_refused(published, change, message):
    change(published)
    with pytest.raises(CheckpointError, match=message):
        convert(published)
