"""Conversion of released files: names, layouts, the older box convention, refusals."""
from __future__ import annotations

import pytest
import torch

from sparse3d.checkpoints.reading import PublishedWeights
from sparse3d.engine.load_config import find_config
from sparse3d.errors import CheckpointError
from sparse3d.models.query.box_code import query_to_box
from sparsebev.published_checkpoint import CONFIGS, convert, layout_of
from sparsebev.published_names import LAYER, from_legacy_convention, ours
from sparsebev.spatio_temporal_sampling import sampling_points

RANGE = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)


@pytest.fixture(scope='module')
def released(golden_dir, published_weights):
    """Released state dict of ResNet-50 with 400 queries."""
    return published_weights.published_state(golden_dir / 'sparsebev' / 'state.json')


def test_names():
    assert ours(f'{LAYER}norm2.weight') == 'bbox_head.layer.norms.1.weight'
    assert ours('img_backbone.layer1.0.conv1.weight') == 'backbone.layer1.0.conv1.weight'
    name = 'backbone.net.blocks.3.attn.q_bias'
    assert ours(f'img_backbone.{name}') == name
    name = 'backbone.simfp_2.4.norm.weight'
    assert ours(f'img_backbone.{name}') == name
    assert ours('img_backbone.backbone.net.blocks.0.attn.rope.freqs_cos') is None
    assert ours('pts_bbox_head.code_weights') is None and ours('something.else') is None


def test_a_released_file_gets_its_config_and_every_quirk(released):
    done = convert(released)
    assert done.config == 'sparsebev_r50_400q_nuscenes'
    assert all(done.published.values()) and len(done.published) == 4
    assert len(done.weights) == len(released) - 1  # the code weights are a constant


def test_other_code_weights_become_an_option(released):
    changed = {**released, 'pts_bbox_head.code_weights': torch.ones(10)}
    assert convert(changed).published['code_weights'] == [1.0] * 10


def test_every_layout_has_a_config_that_exists():
    assert all(find_config(name) for name in CONFIGS.values())
    assert len(set(CONFIGS.values())) == len(CONFIGS) == 5


@pytest.mark.parametrize(('backbone', 'path'), [
    (layout.backbone, path) for layout, path in CONFIGS.items()])
def test_the_layout_is_read_off_the_shapes(backbone, path, released):
    layout = next(layout for layout, config in CONFIGS.items() if config == path)
    groups, width = 4, 64
    shaped = {
        f'{LAYER}sampling.sampling_offset.weight': torch.empty(groups * layout.points * 3, 256),
        f'{LAYER}sampling.scale_weights.weight': torch.empty(
            groups * layout.points * layout.levels, 256),
        f'{LAYER}mixing.parameter_generator.weight': torch.empty(
            groups * (width ** 2 + 128 * layout.samples), 256, device='meta'),
        'pts_bbox_head.init_query_bbox.weight': torch.empty(layout.queries, 10)}
    shaped[{'eva02': 'img_backbone.backbone.net.pos_embed',
            'v299': 'img_backbone.stem.stem_1/conv.weight',
            'r101': 'img_backbone.layer3.22.conv1.weight',
            'r50': 'img_backbone.conv1.weight'}[backbone]] = torch.empty(1)
    assert layout_of(shaped) == layout


def test_what_does_not_fit_is_refused_and_named(released):
    with pytest.raises(CheckpointError, match='not a checkpoint of SparseBEV'):
        convert({'conv.weight': torch.zeros(1)})
    with pytest.raises(CheckpointError, match='unknown to this model .*img_backbone.extra'):
        convert({**released, 'img_backbone.extra': torch.zeros(1)})
    lacking = dict(released)
    del lacking['img_neck.fpn_convs.3.conv.weight']
    with pytest.raises(CheckpointError, match='missing in it .*neck.fpn_convs.3.conv.weight'):
        convert(lacking)
    with pytest.raises(CheckpointError, match='bbox_head.query_boxes has shape'):
        convert(released, config='sparsebev_r50_nuscenes')
    odd = {**released, 'pts_bbox_head.init_query_bbox.weight': torch.zeros(100, 10)}
    with pytest.raises(CheckpointError, match='no config has .*queries=100'):
        convert(odd)


def test_the_older_convention_means_the_same_boxes_and_points(released):
    old = {**released}
    new = from_legacy_convention(old)
    key = 'pts_bbox_head.init_query_bbox.weight'
    before, after = (query_to_box(state[key], RANGE) for state in (old, new))
    torch.testing.assert_close(after[:, [0, 1, 2, 5]], before[:, [0, 1, 2, 5]])
    torch.testing.assert_close(after[:, [3, 4]], before[:, [4, 3]])  # length was second
    turn = after[:, 6] - (-before[:, 6] - torch.pi / 2)
    torch.testing.assert_close(turn.sin(), torch.zeros(400), atol=1e-5, rtol=0)
    assert (turn.cos() > 0.99).all()
    # A point at an offset of the old kind: turned clockwise by the old yaw, sizes swapped.
    bias = f'{LAYER}sampling.sampling_offset.bias'
    offset = old[bias].view(1, 1, -1, 3)
    x, y, z = (offset * before[:, None, 3:6]).unbind(-1)
    sin, cos = before[:, 6:7].sin(), before[:, 6:7].cos()
    clockwise = torch.stack([cos * x + sin * y, -sin * x + cos * y, z], -1)[0]
    ours_ = sampling_points(new[key][None], new[bias].view(1, 1, -1, 3), RANGE)[0]
    torch.testing.assert_close(ours_ - after[:, None, :3], clockwise, atol=1e-4, rtol=1e-4)


def test_the_version_is_read_beside_the_weights(released):
    old = convert(PublishedWeights(released, {'version': 'v0.17.1'}))
    assert old.notes[-1].startswith('boxes of v0.17.1')
    name = 'bbox_head.query_boxes'
    assert not old.weights[name].equal(convert(released).weights[name])
    assert old.weights[name].equal(convert(released, version='v0.17.1').weights[name])
