"""The three published layouts become ours; whatever does not fit is refused by name."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from dsvt.published_checkpoint import CONFIGS, QUIRKS, convert, system_of, translate
from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

SIZES = dict(pillar=(391, 8.65), voxel=(412, 9.10), nus=(449, 7.12))


@pytest.mark.parametrize(('name', 'kind', 'ours'), [
    ('vfe.pfn_layers.0.linear.weight', 'pillar', 'voxel_encoder.pfn_layers.0.linear.weight'),
    ('backbone_3d.input_layer.posembed_layers.0.3.1.position_embedding_head.0.bias', 'pillar',
     'middle_encoder.stages.0.embeddings.3.1.position_embedding_head.0.bias'),
    ('backbone_3d.stage_2.0.encoder_list.1.win_attn.self_attn.in_proj_weight', 'voxel',
     'middle_encoder.stages.2.blocks.0.encoder_list.1.win_attn.self_attn.in_proj_weight'),
    ('backbone_3d.stage_1_reduction.pos_embedding', 'voxel',
     'middle_encoder.poolings.1.pos_embedding'),
    ('backbone_2d.blocks.1.0.downsample_layer.1.weight', 'pillar',
     'backbone.blocks.1.0.shortcut.1.weight'),
    ('dense_head.heads_list.0.rot.1.bias', 'pillar', 'bbox_head.branches.rot.3.bias'),
    ('dense_head.decoder.norm2.bias', 'nuscenes',
     'bbox_head.decoder.layers.0.cross_attention.norm.bias'),
    ('roi_head.something', 'pillar', None),
])
def test_names(name, kind, ours):
    assert translate(name, kind) == ours


@pytest.mark.parametrize('kind', SIZES)
def test_everything_converts_and_loads(golden, kind):
    published = golden.published_state(kind)
    entries, millions = SIZES[kind]
    assert len(published) == entries
    conversion = convert(published)
    system = 'nuscenes' if kind == 'nus' else kind
    assert system_of(published) == system
    assert conversion.config == CONFIGS[system]
    assert conversion.published == QUIRKS[system]
    init_default_scope('mmdet3d')
    model = MODELS.build(load_config(conversion.config, dict(conversion.options)).model)
    model.load_state_dict(conversion.weights)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters / 1e6 == pytest.approx(millions, abs=0.01)


def test_unknown_missing_and_misshapen_tensors_are_named(golden):
    published = golden.published_state('pillar')
    extra = {**published, 'roi_head.reg.weight': torch.zeros(1)}
    with pytest.raises(CheckpointError, match='roi_head.reg.weight'):
        convert(extra)
    fewer = dict(published)
    del fewer['vfe.pfn_layers.1.norm.bias']
    with pytest.raises(CheckpointError, match='voxel_encoder.pfn_layers.1.norm.bias'):
        convert(fewer)
    six_columns = {**published, 'vfe.pfn_layers.0.linear.weight': torch.zeros(96, 12)}
    with pytest.raises(CheckpointError, match=r'pfn_layers.0.linear.weight has shape \(96, 12\)'):
        convert(six_columns)
    frames = convert(six_columns, 'dsvt_pillar_waymo_2frames_24e')
    assert frames.weights['voxel_encoder.pfn_layers.0.linear.weight'].shape == (96, 12)


def test_from_the_published_file_to_a_detector(golden, tmp_path):
    published = dict(model_state=golden.published_state('pillar'), epoch=24, version='0.5')
    torch.save(published, tmp_path / 'published.pth')
    convert_checkpoint('dsvt', tmp_path / 'published.pth', tmp_path / 'ours.pth')
    options = open_checkpoint(tmp_path / 'ours.pth').options
    assert options['model.published']['turned_nms'] is True
    model = build_model(load_config(CONFIGS['pillar'], options), tmp_path / 'ours.pth')
    weight = model.bbox_head.branches['hm'][3].bias
    assert torch.equal(weight, published['model_state']['dense_head.heads_list.0.hm.1.bias'])
    assert model.middle_encoder.stages[0].embedded == [(0, 1)] * 4
