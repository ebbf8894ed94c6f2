"""Conversion of released files: names, layouts, one tensor too many or too few, quirks."""
from __future__ import annotations

import pytest
import torch

from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.load_config import find_config
from sparse3d.errors import CheckpointError
from sparse4d.key_points import FIXED
from sparse4d.published_checkpoint import CONFIGS, QUIRKS, Layout, convert, layout_of
from sparse4d.published_names import CONSTANTS, ours, place_of
from sparsebev_published import published_state

LISTINGS = {'v1': 'state_v1.json', 'v2': 'state_v2.json', 'v3': 'state.json'}


@pytest.fixture(scope='module')
def released(stored):
    """Released state dicts by version; those of v1 and v2 are of heads alone."""
    return {version: published_state(stored / name) for version, name in LISTINGS.items()}


def test_names():
    assert place_of(3) == (0, 'refinement') and place_of(38) == (5, 'refinement')
    assert place_of(7) == (1, 'aggregation') and place_of(4) == (1, 'temporal_attention')
    assert place_of(16, first_version=True) == (2, 'aggregation')
    assert ours('head.layers.7.weights_fc.bias') == \
        'bbox_head.layers.1.aggregation.weighting.weights.bias'
    assert ours('head.layers.1.layers.1.weight') == \
        'bbox_head.layers.0.feedforward.network.3.weight'
    assert ours('img_neck.fpn_convs.0.conv.bias') == 'neck.fpn_convs.0.conv.bias'
    assert ours('head.layers.7.something') is None and ours('tail.weight') is None


@pytest.mark.parametrize(('version', 'config', 'count', 'anchors'), [
    ('v1', 'sparse4d_v1_r101_nuscenes', 334, 40), ('v2', 'sparse4d_v2_r50_nuscenes', 386, 60),
    ('v3', 'sparse4d_v3_r50_nuscenes', 819, None)])
def test_a_released_layout_is_taken_completely(released, version, config, count, anchors):
    published = released[version]
    assert len(published) == count
    done = convert(published)
    assert done.config == config
    more = {} if anchors is None else dict(num_anchors=anchors)
    assert done.published == {**QUIRKS[version], **more}
    constants = sum(bool(CONSTANTS.fullmatch(name)) for name in published)
    fixed = 0 if version == 'v3' else 6  # the paper's key points, which older files leave out
    assert len(done.weights) == count - constants + fixed
    taken = {value.data_ptr() for value in done.weights.values()}
    assert all(value.data_ptr() in taken for name, value in published.items()
               if not CONSTANTS.fullmatch(name) and value.numel())
    if fixed:
        points = done.weights['bbox_head.layers.2.aggregation.key_points.fixed']
        assert torch.equal(points, torch.tensor(FIXED))


@pytest.mark.parametrize('version', LISTINGS)
def test_one_tensor_too_many_or_too_few_is_refused_and_named(released, version):
    published = released[version]
    names = sorted(published)
    for name in (*names[::len(names) // 3], names[-1], *filter(CONSTANTS.fullmatch, names)):
        lacking = {key: value for key, value in published.items() if key != name}
        with pytest.raises(CheckpointError):
            convert(lacking)
    with pytest.raises(CheckpointError, match='unknown to this model .*head.layers.5.extra'):
        convert({**published, 'head.layers.5.extra': torch.zeros(1)})
    with pytest.raises(CheckpointError, match='unknown to this model .*tail.weight'):
        convert({**published, 'tail.weight': torch.zeros(1)})
    last = 'head.layers.6.cls_layers.6.bias' if version == 'v1' else \
        'head.layers.3.cls_layers.6.bias'
    with pytest.raises(CheckpointError, match=r'refinement.classes.6.bias has shape \(3,\)'):
        convert({**published, last: torch.zeros(3)})


def test_layouts_of_other_backbones_and_other_files(released):
    assert layout_of(released['v3']) == Layout('v3', 'r50', 900)
    assert layout_of(released['v1']) == Layout('v1', None, 40)
    deep = {**released['v3'], 'img_backbone.layer3.22.conv1.weight': torch.zeros(1)}
    assert layout_of(deep) == Layout('v3', 'r101', 900)
    with pytest.raises(CheckpointError, match='not a checkpoint of Sparse4D'):
        convert({'conv.weight': torch.zeros(1)})
    with pytest.raises(CheckpointError, match='no config has Sparse4D v2 with r101'):
        convert({**released['v2'], 'img_backbone.layer3.22.conv1.weight': torch.zeros(1)})
    assert all(find_config(name) for name in CONFIGS.values())


def test_a_file_on_disk(released, tmp_path):
    """As a user does it; the head alone says that it is."""
    torch.save(dict(state_dict=released['v2']), tmp_path / 'released.pth')
    done = convert_checkpoint('sparse4d', tmp_path / 'released.pth', tmp_path / 'ours.pth')
    assert 'the head alone' in done.notes[1]
    opened = open_checkpoint(tmp_path / 'ours.pth')
    assert opened.options['model.published'] == {**QUIRKS['v2'], 'num_anchors': 60}
    assert len(opened.weights) == len(done.weights)
