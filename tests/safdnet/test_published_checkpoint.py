"""The five published layouts become ours, whole; whatever does not fit is refused by name."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from safdnet.published_checkpoint import CONFIGS, QUIRKS, convert, system_of
from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

# Entries and millions of parameters.
SIZES = dict(argo=('argoverse2', 847, 6.11), waymo=('waymo_frames', 629, 10.0),
             nus=('nuscenes', 866, 15.7), hed=('hednet_waymo', 915, 12.6),
             hednus=('hednet_nuscenes', 875, 15.3))


@pytest.mark.parametrize('kind', SIZES)
def test_everything_converts_and_loads(golden, kind):
    published = golden.published_state(kind)
    system, entries, millions = SIZES[kind]
    assert len(published) == entries and system_of(published) == system
    conversion = convert(published)
    assert conversion.config == CONFIGS[system] and conversion.published == QUIRKS[system]
    init_default_scope('mmdet3d')
    model = MODELS.build(load_config(conversion.config, dict(conversion.options)).model)
    model.load_state_dict(conversion.weights)
    folded = sum(value.numel() for name, value in published.items()
                 if name.startswith('backbone_3d.') and name.endswith(('conv1.bias', 'conv2.bias')))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert (parameters + folded) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize('kind', SIZES)
def test_a_tensor_more_or_less_is_refused_by_name(golden, kind):
    published = golden.published_state(kind)
    names = [name for name in published if name != 'global_step']
    removed = {names[len(names) // 2], next(
        name for name in names if name.endswith(('conv2.bias', 'running_var')))}
    for name in removed:
        fewer = {key: value for key, value in published.items() if key != name}
        with pytest.raises(CheckpointError, match='missing in it'):
            convert(fewer)
    with pytest.raises(CheckpointError, match='unknown to this model'):
        convert({**published, f'{names[0]}.again': torch.zeros(1)})


def test_biases_that_are_folded_and_cell_centers_may_not_be_missing(golden):
    for kind, name in (('argo', 'backbone_3d.stem.1.conv1.bias'), ('nus', 'dense_head.bev_pos')):
        published = golden.published_state(kind)
        del published[name]
        with pytest.raises(CheckpointError, match='1 tensors of this model are missing'):
            convert(published)


def test_a_misshapen_tensor_is_refused_with_the_way_out(golden):
    published = golden.published_state('argo')
    name = 'vfe.pfn_layers.0.linear.weight'
    with pytest.raises(CheckpointError, match=r'has shape \(32, 11\).*--config'):
        convert({**published, name: torch.zeros(32, 11)})


def test_from_the_published_file_to_a_detector(golden, tmp_path):
    torch.save(dict(model_state=golden.published_state('nus'), epoch=20), tmp_path / 'theirs.pth')
    convert_checkpoint('safdnet', tmp_path / 'theirs.pth', tmp_path / 'ours.pth')
    options = open_checkpoint(tmp_path / 'ours.pth').options
    assert options['model.published'] == QUIRKS['nuscenes']
    model = build_model(load_config(CONFIGS['nuscenes'], options), tmp_path / 'ours.pth')
    assert model.bbox_head.published.inverted_mask
    assert model.voxel_encoder.int32_keys and model.bbox_head.losses.iou_shift == 0.5
