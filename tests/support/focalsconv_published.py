"""Weights of our detectors as OpenPCDet and det3d would have stored them."""
from __future__ import annotations

import re

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

import focalsconv.register  # noqa: F401  (registers the detectors)
from sparse3d.engine.load_config import find_config

DEEPLAB = {'layer2.0.conv1.weight': (128, 256, 1, 1)}  # one of the many that are left behind
BRANCHES = dict(reg=2, height=1, dim=3, rot=2, vel=2)
# Our names -> those of the OpenPCDet release, written down from its modules.
OPENPCDET = [
    (r'image_encoder\.backbone\.', 'backbone_3d.semseg.ifn.model.backbone.'),
    (r'image_encoder\.reduction\.', 'backbone_3d.semseg.reduce_blocks.0.'),
    (r'middle_encoder\.image_layer\.', 'backbone_3d.conv_focal_multimodal.'),
    (r'middle_encoder\.encoder_layers\.encoder_layer', 'backbone_3d.conv'),
    (r'middle_encoder\.focal_layers\.stage1\.', 'backbone_3d.conv1.1.'),
    (r'middle_encoder\.focal_layers\.stage([23])\.', r'backbone_3d.conv\1.3.'),
    (r'middle_encoder\.', 'backbone_3d.'),
    (r'^(backbone_3d.+)predictor\.enlarge\.', r'\1conv_enlarge.'),
    (r'^(backbone_3d.+)predictor\.importance\.', r'\1conv_imp.'),
    (r'^(backbone_3d.+)convolution\.', r'\1conv.'),
    (r'^(backbone_3d.+)norm\.', r'\1bn1.'),
    (r'^backbone\.blocks\.', 'backbone_2d.blocks.'),
    (r'^neck\.', 'backbone_2d.'),
    (r'rpn_head\.conv_reg', 'dense_head.conv_box'),
    (r'rpn_head\.', 'dense_head.'),
]
VOXEL_RCNN = [
    (r'pooling\.layers\.(\d)\.voxel_mlp\.', r'roi_grid_pool_layers.\1.mlps_in.0.'),
    (r'pooling\.layers\.(\d)\.position_mlp\.', r'roi_grid_pool_layers.\1.mlps_pos.0.'),
    (r'pooling\.layers\.(\d)\.output\.', r'roi_grid_pool_layers.\1.mlps_out.0.'),
    (r'roi_head\.shared\.', 'roi_head.shared_fc_layer.'),
    (r'roi_head\.score\.', 'roi_head.cls_fc_layers.'),
    (r'roi_head\.box_delta\.', 'roi_head.reg_fc_layers.'),
    (r'roi_head\.score_out\.', 'roi_head.cls_pred_layer.'),
    (r'roi_head\.box_delta_out\.', 'roi_head.reg_pred_layer.'),
]
PV_RCNN = [
    (r'keypoint_encoder\.stage_layers\.(\d)\.layers\.', r'pfe.SA_layers.\1.mlps.'),
    (r'keypoint_encoder\.raw_point_layer\.layers\.', 'pfe.SA_rawpoints.mlps.'),
    (r'keypoint_encoder\.fusion\.', 'pfe.vsa_point_feature_fusion.'),
    (r'keypoint_encoder\.score\.', 'point_head.cls_layers.'),
    (r'keypoint_encoder\.score_out\.', 'point_head.cls_layers.6.'),
    (r'pooling\.layer\.layers\.', 'roi_grid_pool_layer.mlps.'),
    (r'roi_head\.shared\.', 'roi_head.shared_fc_layer.'),
    (r'roi_head\.score\.', 'roi_head.cls_layers.'),
    (r'roi_head\.box_delta\.', 'roi_head.reg_layers.'),
    (r'roi_head\.score_out\.', 'roi_head.cls_layers.7.'),
    (r'roi_head\.box_delta_out\.', 'roi_head.reg_layers.7.'),
]


def build(config: str):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(find_config(config)).model)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model


def released(model, rules: list[tuple[str, str]]) -> dict[str, Tensor]:
    """The weights of our model as OpenPCDet would have stored them."""
    stored = {'global_step': torch.zeros(1)}
    for name, value in model.state_dict().items():
        for pattern, theirs in OPENPCDET + rules:
            name = re.sub(pattern, theirs, name)
        # Each block opens with a padding layer.
        name = re.sub(r'(backbone_2d\.blocks\.\d\.)(\d+)',
                      lambda m: f'{m[1]}{int(m[2]) + 1}', name)
        if rules is PV_RCNN and name == 'roi_head.shared_fc_layer.0.weight':
            channels = model.roi_head.pooling.out_channels
            value = value.view(len(value), -1, channels).transpose(1, 2).reshape(
                len(value), -1)  # [256, channel, grid point]
        pointwise = 'mlps' in name or 'mlp_' in name or (rules is PV_RCNN and 'roi_head' in name)
        if pointwise and value.dim() == 2:
            value = value[:, :, None] if 'mlps_pos' not in name and 'mlps.' not in name \
                else value[:, :, None, None]
        stored[name] = value.clone()
    if any('semseg' in name for name in stored):
        stored.update({f'backbone_3d.semseg.ifn.model.backbone.{name}': torch.zeros(shape)
                       for name, shape in DEEPLAB.items()})
        stored['backbone_3d.semseg.ifn.model.classifier.4.bias'] = torch.zeros(21)
    return stored


def det3d(model) -> dict[str, Tensor]:
    """A det3d checkpoint with the encoder and map of our model and random heads."""
    stored = {}
    for name, value in model.state_dict().items():
        name = re.sub(r'^backbone\.blocks\.(\d)\.(\d+)',
                      lambda m: f'neck.blocks.{m[1]}.{int(m[2]) + 1}', name)
        name = re.sub(r'^image_encoder\.backbone\.', 'network2d.ifn.model.backbone.', name)
        name = re.sub(r'^image_encoder\.reduction\.', 'network2d.reduce_blocks.0.', name)
        for stage, index in ((1, 2), (2, 2), (3, 2)):  # the layer that closes ours opens theirs
            name = re.sub(rf'^middle_encoder\.encoder_layers\.encoder_layer{stage}\.{index}\.',
                          f'backbone.conv{stage + 1}.0.', name)
        name = re.sub(r'^middle_encoder\.encoder_layers\.encoder_layer(\d)\.(\d)\.',
                      lambda m: f'backbone.conv{m[1]}.{int(m[2]) + (m[1] > "1")}.', name)
        name = name.replace('middle_encoder.conv_out', 'backbone.extra_conv')
        name = name.replace('middle_encoder.image_layer.predictor.importance',
                            'backbone.conv_focal_multimodal.conv_imp')
        name = name.replace('middle_encoder.image_layer.convolution',
                            'backbone.conv_focal_multimodal.conv')
        name = name.replace('middle_encoder.image_layer.norm',
                            'backbone.conv_focal_multimodal.bn1')
        name = name.replace('middle_encoder.', 'backbone.')
        if not name.startswith('bbox_head'):
            stored[name] = value.clone()
        if re.fullmatch(r'backbone\.conv[1-4]\.\d\.conv[12]\.weight', name):
            stored[name.replace('weight', 'bias')] = torch.randn(len(value))
    return {**stored, **det3d_head()}


def det3d_head() -> dict[str, Tensor]:
    stored = convolution('bbox_head.shared_conv.0', 64, 512) | norm('bbox_head.shared_conv.1')
    for task, classes in enumerate((1, 2, 2, 1, 2, 2)):
        for branch, width in {**BRANCHES, 'hm': classes}.items():
            name = f'bbox_head.tasks.{task}.{branch}'
            stored |= convolution(f'{name}.0', 64, 64) | norm(f'{name}.1')
            stored |= convolution(f'{name}.3', width, 64)
    return stored


def convolution(name: str, outputs: int, inputs: int) -> dict[str, Tensor]:
    return {f'{name}.weight': torch.randn(outputs, inputs, 3, 3) / 20,
            f'{name}.bias': torch.randn(outputs) / 5}


def norm(name: str) -> dict[str, Tensor]:
    return {f'{name}.weight': torch.rand(64) + 0.5, f'{name}.bias': torch.randn(64),
            f'{name}.running_mean': torch.randn(64), f'{name}.running_var': torch.rand(64) + 0.5,
            f'{name}.num_batches_tracked': torch.tensor(5)}
