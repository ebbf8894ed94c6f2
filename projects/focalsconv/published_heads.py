"""Names and layouts of released detectors outside their 3D encoder, and ours.

Boxes of the det3d release are (width, length) wide and its yaw is -yaw - pi / 2 of ours: the
last layers that predict them are rewritten so that they predict ours.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

ANCHOR_RULES = (
    (r'dense_head\.conv_(cls|dir_cls)\.(\w+)', r'rpn_head.conv_\1.\2'),
    (r'dense_head\.conv_box\.(\w+)', r'rpn_head.conv_reg.\1'),
)
VOXEL_RCNN_RULES = ANCHOR_RULES + (
    (r'roi_head\.roi_grid_pool_layers\.(\d)\.mlps_in\.0\.(.+)',
     r'roi_head.pooling.layers.\1.voxel_mlp.\2'),
    (r'roi_head\.roi_grid_pool_layers\.(\d)\.mlps_pos\.0\.(.+)',
     r'roi_head.pooling.layers.\1.position_mlp.\2'),
    (r'roi_head\.roi_grid_pool_layers\.(\d)\.mlps_out\.0\.(.+)',
     r'roi_head.pooling.layers.\1.output.\2'),
    (r'roi_head\.shared_fc_layer\.(.+)', r'roi_head.shared.\1'),
    (r'roi_head\.cls_fc_layers\.(.+)', r'roi_head.score.\1'),
    (r'roi_head\.reg_fc_layers\.(.+)', r'roi_head.box_delta.\1'),
    (r'roi_head\.cls_pred_layer\.(.+)', r'roi_head.score_out.\1'),
    (r'roi_head\.reg_pred_layer\.(.+)', r'roi_head.box_delta_out.\1'),
)
PV_RCNN_RULES = ANCHOR_RULES + (
    (r'pfe\.SA_layers\.(\d)\.mlps\.(.+)', r'keypoint_encoder.stage_layers.\1.layers.\2'),
    (r'pfe\.SA_rawpoints\.mlps\.(.+)', r'keypoint_encoder.raw_point_layer.layers.\1'),
    (r'pfe\.vsa_point_feature_fusion\.(.+)', r'keypoint_encoder.fusion.\1'),
    (r'point_head\.cls_layers\.6\.(.+)', r'keypoint_encoder.score_out.\1'),
    (r'point_head\.cls_layers\.(.+)', r'keypoint_encoder.score.\1'),
    (r'roi_head\.roi_grid_pool_layer\.mlps\.(.+)', r'roi_head.pooling.layer.layers.\1'),
    (r'roi_head\.shared_fc_layer\.(.+)', r'roi_head.shared.\1'),
    (r'roi_head\.cls_layers\.7\.(.+)', r'roi_head.score_out.\1'),
    (r'roi_head\.cls_layers\.(.+)', r'roi_head.score.\1'),
    (r'roi_head\.reg_layers\.7\.(.+)', r'roi_head.box_delta_out.\1'),
    (r'roi_head\.reg_layers\.(.+)', r'roi_head.box_delta.\1'),
)
CENTER_RULES = (
    (r'bbox_head\.shared_conv\.0\.(.+)', r'bbox_head.shared_conv.conv.\1'),
    (r'bbox_head\.shared_conv\.1\.(.+)', r'bbox_head.shared_conv.bn.\1'),
    (r'bbox_head\.tasks\.(\d)\.(\w+)\.0\.(.+)', r'bbox_head.task_heads.\1.\2.0.conv.\3'),
    (r'bbox_head\.tasks\.(\d)\.(\w+)\.1\.(.+)', r'bbox_head.task_heads.\1.\2.0.bn.\3'),
    (r'bbox_head\.tasks\.(\d)\.(\w+)\.3\.(.+)', r'bbox_head.task_heads.\1.\2.1.\3'),
)
RULES = dict(voxel_rcnn=VOXEL_RCNN_RULES, pv_rcnn=PV_RCNN_RULES, centerpoint=CENTER_RULES)
FIRST_OF_ROI_HEAD = 'roi_head.shared.0.weight'


def head_name(name: str, system: str) -> str | None:
    """Translate a released name outside the 3D encoder and the image branch; None if unknown.

    Args:
        system: a key of ``RULES``.
    """
    flat = re.fullmatch(r'(?:backbone_2d|neck)\.(blocks|deblocks)\.(\d)\.(\d+)\.(\w+)', name)
    if flat:
        part, block, layer, tensor = flat.groups()
        # A released block opens with a padding layer; ours pads in its first convolution.
        where = f'backbone.blocks.{block}.{int(layer) - 1}' if part == 'blocks' else \
            f'neck.deblocks.{block}.{layer}'
        return f'{where}.{tensor}'
    for pattern, ours in RULES[system]:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, ours, name).replace('.hm.', '.heatmap.')
    return None


def convert_heads(published: Mapping[str, Tensor], system: str, wanted: Mapping[str, Tensor],
                  ) -> tuple[dict[str, Tensor], list[str]]:
    """Rename and reshape released tensors outside the 3D encoder and the image branch.

    Args:
        wanted: names and shapes of our detector.

    Returns:
        our tensors, and the released names that have no place (or do not fit it).
    """
    converted, unknown, biases = {}, [], {}
    for name, value in published.items():
        ours = head_name(name, system)
        if ours is not None and ours.endswith('conv.bias') and ours not in wanted:
            biases[ours] = value  # in front of a batch normalization
            continue
        value = None if ours not in wanted else _fit(value, ours, system, wanted)
        if value is None:
            unknown.append(name)
        else:
            converted[ours] = value
    for ours, bias in biases.items():
        mean = ours.removesuffix('conv.bias') + 'bn.running_mean'
        converted[mean] = converted[mean] - bias
    if system == 'centerpoint':
        turn_boxes(converted)
    return converted, unknown


def _fit(value: Tensor, ours: str, system: str, wanted: Mapping[str, Tensor]) -> Tensor | None:
    """1 x 1 convolutions become matrices; None if the sizes differ."""
    shape = wanted[ours].shape
    if value.numel() != shape.numel():
        return None
    if system == 'pv_rcnn' and ours == FIRST_OF_ROI_HEAD:
        # Released: all grid points of a channel side by side; ours: all channels of a point.
        channels = wanted['roi_head.pooling.layer.layers.0.3.weight'].shape[0] * 2
        return value.reshape(shape[0], channels, -1).transpose(1, 2).reshape(shape).contiguous()
    if value.dim() > len(shape) or value.shape == shape:
        return value.reshape(shape)
    return None


def turn_boxes(converted: dict[str, Tensor]) -> None:
    """Last layers: (width, length) to (length, width); sine and cosine of -yaw - pi / 2 to yaw."""
    changes: dict[str, Callable[[Tensor], Tensor]] = {
        'dim': lambda value: value[[1, 0, 2]],
        'rot': lambda value: -value[[1, 0]],
    }
    for name in list(converted):
        match = re.fullmatch(r'bbox_head\.task_heads\.\d+\.(dim|rot)\.1\.(weight|bias)', name)
        if match:
            converted[name] = torch.as_tensor(changes[match[1]](converted[name])).contiguous()
