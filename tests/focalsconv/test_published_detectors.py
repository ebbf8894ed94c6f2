"""Whole released detectors become ours: every name, the order of every layer, the boxes."""
from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from torch import Tensor

from focalsconv.published_checkpoint import convert
from focalsconv_published import BRANCHES, PV_RCNN, VOXEL_RCNN, build, det3d, released
from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(('name', 'rules'), [
    ('focalsconv_f_voxel_rcnn_kitti_car', VOXEL_RCNN),
    ('focalsconv_voxel_rcnn_kitti_3class', VOXEL_RCNN),
    ('focalsconv_f_pv_rcnn_kitti_3class', PV_RCNN),
    ('focalsconv_pv_rcnn_kitti_3class', PV_RCNN),
])
def test_two_stage_detectors(name, rules):
    model = build(name)
    published = released(model, rules)
    done = convert(published)
    assert done.config == name
    for key, value in model.state_dict().items():
        assert torch.equal(done.weights[key], value), key
    assert done.published['float32_keys'] is True
    images = '_f_' in name
    assert ('truncation' in done.published) is images
    options = load_config(name, done.options)  # as the tools do by themselves
    with_quirks = MODELS.build(options.model)
    with_quirks.load_state_dict(done.weights)
    assert with_quirks.middle_encoder.focal_layers.stage1.options.published.float32_keys
    if images:
        assert with_quirks.middle_encoder.image_layer.fusion.options.published.depth
        assert with_quirks.middle_encoder.image_layer.fusion.join == 'concatenate'
    extra = {**published, 'roi_head.extra.weight': torch.zeros(1)}
    with pytest.raises(CheckpointError, match='roi_head.extra.weight'):
        convert(extra)
    published.pop('dense_head.conv_box.bias')
    with pytest.raises(CheckpointError, match='rpn_head.conv_reg.bias'):
        convert(published)


def apply(stored: dict[str, Tensor], name: str, features: Tensor) -> Tensor:
    """Convolution, normalization, ReLU as det3d stores them under ``name``.0 and .1."""
    features = torch.nn.functional.conv2d(
        features, stored[f'{name}.0.weight'], stored[f'{name}.0.bias'], padding=1)
    features = torch.nn.functional.batch_norm(
        features, stored[f'{name}.1.running_mean'], stored[f'{name}.1.running_var'],
        stored[f'{name}.1.weight'], stored[f'{name}.1.bias'])
    return features.relu()


def test_centerpoint_with_images_predicts_the_boxes_of_the_release():
    model = build('focalsconv_f_centerpoint_nuscenes')
    published = det3d(model)
    done = convert(published)
    assert done.config == 'focalsconv_f_centerpoint_nuscenes'
    model = MODELS.build(load_config(done.config, done.options).model)
    assert model.middle_encoder.image_layer.fusion.options.published.image_scale == 2 / 3
    model.load_state_dict(done.weights)
    features = torch.randn(1, 512, 5, 6)
    with torch.no_grad():
        tasks = model.eval().bbox_head([features])[0]
        shared = apply(published, 'bbox_head.shared_conv', features)
        for task, ours in enumerate(tasks):
            theirs = {}
            for branch in (*BRANCHES, 'hm'):
                name = f'bbox_head.tasks.{task}.{branch}'
                theirs[branch] = torch.nn.functional.conv2d(
                    apply(published, name, shared), published[f'{name}.3.weight'],
                    published[f'{name}.3.bias'], padding=1)
            torch.testing.assert_close(ours['heatmap'], theirs['hm'], rtol=0, atol=1e-4)
            for same in ('reg', 'height', 'vel'):
                torch.testing.assert_close(ours[same], theirs[same], rtol=0, atol=1e-4)
            width, length, height = theirs['dim'].unbind(1)
            torch.testing.assert_close(ours['dim'], torch.stack([length, width, height], 1),
                                       rtol=0, atol=1e-4)
            yaw = -torch.atan2(*theirs['rot'].unbind(1)) - math.pi / 2
            turn = torch.atan2(*ours['rot'].unbind(1)) - yaw
            torch.testing.assert_close(turn.cos(), torch.ones_like(turn), rtol=0, atol=1e-4)


def test_through_files(tmp_path):
    """What tools/convert_checkpoint.py and tools/test.py do, with a file in spconv 1.x order."""
    model = build('focalsconv_voxel_rcnn_kitti_3class')
    published = {name: value.permute(1, 2, 3, 4, 0).contiguous() if value.dim() == 5 else value
                 for name, value in released(model, VOXEL_RCNN).items()}
    torch.save(dict(model_state=published, epoch=80, version='pcdet+0.5.2'), tmp_path / 'in.pth')
    done = convert_checkpoint('focalsconv', tmp_path / 'in.pth', tmp_path / 'out.pth')
    options = open_checkpoint(tmp_path / 'out.pth').options
    assert options == done.options
    config = load_config(done.config, options)
    loaded = build_model(config, tmp_path / 'out.pth')
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    assert loaded.middle_encoder.published.corners


def test_what_is_no_released_detector():
    with pytest.raises(CheckpointError, match='none of the detectors'):
        convert({'backbone_3d.conv_input.0.weight': torch.zeros(16, 3, 3, 3, 4)})
