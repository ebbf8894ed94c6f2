"""Public weights of the baselines become ours: real lists of names and shapes, layer by layer.

The lists in tests/fixtures/baseline_layouts were written by OpenPCDet's and mmdet3d's own model
definitions; the values are random.
"""
from __future__ import annotations

import math
import re
from pathlib import Path

import mmdet3d
import pytest
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmengine.config import Config
from torch import Tensor

from baseline_layouts import NORM, tensors
from focalsconv.baseline_checkpoints import convert
from focalsconv.published_checkpoint import build_detector
from sparse3d.checkpoints import convert_checkpoint
from sparse3d.checkpoints.open import load_weights, open_checkpoint
from sparse3d.checkpoints.reading import PublishedWeights
from sparse3d.errors import CheckpointError

MMDET3D_CONFIGS = Path(mmdet3d.__file__).parent / '.mim' / 'configs'
MMDET3D_1 = dict(meta=dict(mmengine_version='0.8.4', cfg='voxel_size = [0.075, 0.075, 0.2]\n'))


def in_spconv_1_order(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.permute(1, 2, 3, 4, 0).contiguous() if value.dim() == 5 else value
            for name, value in weights.items()}


@pytest.mark.parametrize('order', [1, 2])
@pytest.mark.parametrize(('layout', 'config', 'tensor', 'ours'), [
    ('openpcdet_pv_rcnn_kitti', 'pv_rcnn_kitti_3class',
     'pfe.SA_layers.2.mlps.1.3.weight', 'keypoint_encoder.stage_layers.2.layers.1.3.weight'),
    ('openpcdet_voxel_rcnn_kitti_car', 'voxel_rcnn_kitti_car',
     'roi_head.roi_grid_pool_layers.0.mlps_in.0.0.weight',
     'roi_head.pooling.layers.0.voxel_mlp.0.weight'),
])
def test_two_stage_detectors_of_openpcdet(layout, config, tensor, ours, order):
    published = tensors(layout)
    stored = in_spconv_1_order(published) if order == 1 else published
    done = convert(stored)
    assert done.config == config and not done.options and not done.notes
    assert torch.equal(done.weights[ours], published[tensor].reshape(done.weights[ours].shape))
    assert torch.equal(done.weights['middle_encoder.encoder_layers.encoder_layer3.0.0.weight'],
                       published['backbone_3d.conv3.0.0.weight'])
    assert torch.equal(done.weights['neck.deblocks.0.0.weight'],
                       published['backbone_2d.deblocks.0.0.weight'])


def test_centerpoint_of_openpcdet_predicts_the_same_boxes():
    published = tensors('openpcdet_centerpoint_nuscenes')
    done = convert(in_spconv_1_order(published), 'centerpoint_nuscenes')
    model = build_detector('centerpoint_nuscenes').eval()
    model.load_state_dict(done.weights)
    features = [torch.randn(1, 128, 6, 8), torch.randn(1, 256, 3, 4)]
    with torch.no_grad():
        joined = model.neck(features)[0]
        theirs = torch.cat([_upsampled(published, level, value)
                            for level, value in enumerate(features)], 1)
        torch.testing.assert_close(joined, theirs, rtol=1e-4, atol=1e-3)
        tasks = model.bbox_head([theirs])[0]
        shared = _convolved(published, 'dense_head.shared_conv', theirs)
        for number, ours in enumerate(tasks):
            head = f'dense_head.heads_list.{number}'
            of_task = {branch: F.conv2d(
                _convolved(published, f'{head}.{branch}.0', shared),
                published[f'{head}.{branch}.1.weight'], published[f'{head}.{branch}.1.bias'],
                padding=1) for branch in ('center', 'center_z', 'dim', 'rot', 'vel', 'hm')}
            for branch, name in dict(center='reg', center_z='height', dim='dim', vel='vel',
                                     hm='heatmap').items():
                torch.testing.assert_close(ours[name], of_task[branch], rtol=1e-4, atol=1e-2)
            cosine, sine = of_task['rot'].unbind(1)
            torch.testing.assert_close(ours['rot'], torch.stack([sine, cosine], 1),
                                       rtol=1e-4, atol=1e-2)


def test_the_residual_blocks_of_openpcdet_keep_their_bias():
    published = tensors('openpcdet_centerpoint_nuscenes')
    weights = convert(published, 'centerpoint_nuscenes').weights
    # A stage of theirs opens with its down-sampling; ours closes the stage before with it.
    assert torch.equal(weights['middle_encoder.encoder_layers.encoder_layer1.2.0.weight'],
                       published['backbone_3d.conv2.0.0.weight'])
    block, ours = 'backbone_3d.conv2.1', 'middle_encoder.encoder_layers.encoder_layer2.0'
    torch.testing.assert_close(
        weights[f'{ours}.bn1.running_mean'],
        published[f'{block}.bn1.running_mean'] - published[f'{block}.conv1.bias'])


def _upsampled(published: dict[str, Tensor], level: int, value: Tensor) -> Tensor:
    name = f'backbone_2d.deblocks.{level}'
    value = F.conv_transpose2d(value, published[f'{name}.0.weight'], stride=level + 1)
    return _normalized(published, f'{name}.1', value, 1e-3).relu()


def _convolved(published: dict[str, Tensor], name: str, value: Tensor) -> Tensor:
    value = F.conv2d(value, published[f'{name}.0.weight'], published[f'{name}.0.bias'], padding=1)
    return _normalized(published, f'{name}.1', value, 1e-5).relu()


def _normalized(published: dict[str, Tensor], name: str, value: Tensor, eps: float) -> Tensor:
    weight, bias, mean, variance = (published[f'{name}.{part}'] for part in NORM)
    return F.batch_norm(value, mean, variance, weight, bias, eps=eps)


def test_layers_of_mmdet3ds_pv_rcnn_give_the_same():
    published = tensors('mmdet3d_pv_rcnn_kitti')
    done = convert(PublishedWeights(in_spconv_1_order(published), MMDET3D_1))
    assert done.config == 'pv_rcnn_kitti_3class'
    ours = build_detector(done.config).eval()
    ours.load_state_dict(done.weights)
    theirs = MODELS.build(Config.fromfile(
        MMDET3D_CONFIGS / 'pv_rcnn' / 'pv_rcnn_8xb2-80e_kitti-3d-3class.py').model).eval()
    theirs.load_state_dict(_marked(published, theirs))
    with torch.no_grad():
        # Grid points of proposals: theirs (x, y, z, channel), ours (point, channel).
        pooled = torch.randn(3, 6, 6, 6, 128)
        scores, deltas = theirs.roi_head.bbox_head(pooled)
        shared = ours.roi_head.shared(pooled.reshape(3, -1))
        torch.testing.assert_close(ours.roi_head.score_out(ours.roi_head.score(shared)), scores,
                                   rtol=1e-3, atol=1e-2)
        torch.testing.assert_close(ours.roi_head.box_delta_out(ours.roi_head.box_delta(shared)),
                                   deltas, rtol=1e-3, atol=1e-2)
        for layers, mlp in (
                (ours.keypoint_encoder.stage_layers[2].layers[1],
                 theirs.points_encoder.voxel_sa_layers[2].mlps[1]),
                (ours.keypoint_encoder.raw_point_layer.layers[0],
                 theirs.points_encoder.rawpoints_sa_layer.mlps[0]),
                (ours.roi_head.pooling.layer.layers[1],
                 theirs.roi_head.bbox_roi_extractor.roi_grid_pool_layer.mlps[1])):
            rows = torch.randn(9, layers[0].in_features)
            theirs_of_rows = mlp(rows.t()[None, :, :, None])[0, :, :, 0].t()
            torch.testing.assert_close(layers(rows), theirs_of_rows, rtol=1e-3, atol=1e-2)
        features = torch.randn(5, 640)
        torch.testing.assert_close(
            ours.keypoint_encoder.score_out(ours.keypoint_encoder.score(features)),
            theirs.roi_head.semantic_head(features)['seg_preds'], rtol=1e-3, atol=1e-2)
        _same_anchors(ours.rpn_head, theirs.rpn_head)


def _same_anchors(ours: torch.nn.Module, theirs: torch.nn.Module) -> None:
    """Each anchor has the same score of each class, the same deltas and direction."""
    features = torch.randn(1, 512, 4, 3)
    order = [2, 0, 1]  # Car, Pedestrian, Cyclist in their Pedestrian, Cyclist, Car
    sizes = [generator.sizes for generator in (ours.prior_generator, theirs.prior_generator)]
    assert [list(size) for size in sizes[0]] == [list(sizes[1][place]) for place in order]
    for kind, (mine, other) in enumerate(zip(ours([features]), theirs([features]), strict=True)):
        mine, other = (maps[0].reshape(3, 2, -1, 4, 3) for maps in (mine, other))
        other = other[order]
        torch.testing.assert_close(mine, other[:, :, order] if kind == 0 else other,
                                   rtol=1e-3, atol=1e-2)


def _marked(weights: dict[str, Tensor], model: torch.nn.Module) -> dict[str, Tensor]:
    state = model.state_dict()
    marked = type(state)((name, weights[name]) for name in state)
    marked._metadata = state._metadata
    return marked


def test_centerpoint_of_mmdet3d_1_keeps_every_tensor():
    published = tensors('mmdet3d_centerpoint_nuscenes')
    done = convert(PublishedWeights(in_spconv_1_order(published), MMDET3D_1))
    assert done.config == 'centerpoint_nuscenes'
    assert len(done.weights) == len(published)
    for name, value in published.items():
        assert torch.equal(done.weights[name.removeprefix('pts_')], value), name


def test_boxes_of_mmdet3d_0_are_turned():
    published = tensors('mmdet3d_centerpoint_nuscenes')
    about = dict(meta=dict(mmdet3d_version='0.17.1', config='voxel_size = [0.1, 0.1, 0.2]'))
    done = convert(PublishedWeights(published, about))
    assert done.config == 'centerpoint_voxel01_nuscenes'
    head = 'bbox_head.task_heads.3'
    assert torch.equal(done.weights[f'{head}.dim.1.bias'],
                       published[f'pts_{head}.dim.1.bias'][[1, 0, 2]])
    old, new = published[f'pts_{head}.rot.1.bias'], done.weights[f'{head}.rot.1.bias']
    turn = torch.atan2(*new) - (-torch.atan2(*old) - math.pi / 2)  # sine, cosine
    assert torch.isclose(turn.cos(), torch.tensor(1.0), atol=1e-5)


@pytest.mark.parametrize(('about', 'config', 'message'), [
    ({}, None, '0.075 m and of 0.1 m; name the one .*--config centerpoint_nuscenes'),
    (dict(meta=dict(cfg='voxel_size=[0.2, 0.2, 8]', mmengine_version='1')), None, 'and of 0.1 m'),
    ({}, 'centerpoint_nuscenes', 'does not say which mmdet3d wrote it'),
    (dict(meta='text'), 'centerpoint_nuscenes', 'does not say which mmdet3d wrote it'),
])
def test_what_the_weights_cannot_tell_is_asked_for(about, config, message):
    published = PublishedWeights(tensors('mmdet3d_centerpoint_nuscenes'), about)
    with pytest.raises(CheckpointError, match=message):
        convert(published, config)


@pytest.mark.parametrize(('name', 'message'), [
    ('pts_voxel_encoder.pfn_layers.0.linear.weight', 'has learned voxels or pillars'),
    ('vfe.pfn_layers.0.linear.weight', 'has learned voxels or pillars'),
    ('pts_bbox_head.task_heads.0.feature_adapt_cls.weight', 'deformable convolutions'),
    ('pfe.SA_layers.0.layer_0.post_mlps.0.weight', 'vector pooling'),
    ('backbone_3d.conv1.1.conv_imp.weight', 'converter is called focalsconv'),
    ('backbone_3d.conv_up_t4.conv1.weight', 'Part-A2'),
    ('backbone_3d.SA_modules.0.mlps.0.0.weight', 'a backbone on points'),
    ('dense_head.conv_cls.weight', 'none of the baselines; what can be converted is PV-RCNN, Cent'),
])
def test_other_layouts_are_refused_by_their_modules(name, message):
    with pytest.raises(CheckpointError, match=message):
        convert({name: torch.zeros(1)})


def test_a_center_head_below_a_second_stage_is_refused():
    with pytest.raises(CheckpointError, match='a center head below a second stage'):
        convert({'dense_head.heads_list.0.hm.1.bias': torch.zeros(1),
                 'roi_head.shared_fc_layer.0.weight': torch.zeros(1)})


@pytest.mark.parametrize(('layout', 'config'), [
    ('openpcdet_centerpoint_nuscenes', 'centerpoint_nuscenes'),
    ('mmdet3d_pv_rcnn_kitti', None),
])
def test_a_missing_and_an_unknown_tensor_are_named(layout, config):
    published = tensors(layout)
    name = next(name for name in published if name.startswith(('backbone_2d.blocks', 'rpn_head')))
    value = published.pop(name)
    with pytest.raises(CheckpointError, match='missing'):
        convert(published, config)
    with pytest.raises(CheckpointError, match='strange.weight'):
        convert({**published, name: value, 'strange.weight': value}, config)
    with pytest.raises(CheckpointError, match=re.escape('has shape (3, 2)')):
        convert({**published, name: torch.zeros(3, 2)}, config)


def test_through_files(tmp_path):
    published = tensors('openpcdet_voxel_rcnn_kitti_car')
    torch.save(dict(model_state=in_spconv_1_order(published), epoch=80, it=1, optimizer_state=None,
                    version='pcdet+0.5.2'), tmp_path / 'in.pth')
    done = convert_checkpoint('baselines', tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert open_checkpoint(tmp_path / 'out.pth').options == {}
    model = build_detector(done.config)
    load_weights(model, tmp_path / 'out.pth')
    assert torch.equal(model.state_dict()['middle_encoder.conv_out.0.weight'],
                       published['backbone_3d.conv_out.0.weight'])


@pytest.mark.parametrize('order', [1, 2])
@pytest.mark.parametrize(('layout', 'config'), [
    ('mmdet3d_pv_rcnn_kitti', 'pv_rcnn/pv_rcnn_8xb2-80e_kitti-3d-3class.py'),
    ('mmdet3d_centerpoint_nuscenes',
     'centerpoint/centerpoint_voxel0075_second_secfpn_8xb4-cyclic-20e_nus-3d.py'),
])
def test_mmdet3ds_own_detectors_load_their_weights_as_they_are(tmp_path, layout, config, order):
    """The published file with mmdet3d's own config: no converter, the safe loader."""
    published = tensors(layout)
    stored = in_spconv_1_order(published) if order == 1 else published
    torch.save(dict(meta=dict(mmdet3d_version='1.0.0rc4', CLASSES=('Car', )), state_dict=stored),
               tmp_path / 'published.pth')
    model = MODELS.build(Config.fromfile(MMDET3D_CONFIGS / config).model)
    load_weights(model, tmp_path / 'published.pth')
    for name, value in model.state_dict().items():
        assert torch.equal(value, published[name]), name
