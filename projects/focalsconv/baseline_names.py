"""Names of OpenPCDet's and mmdet3d's modules, as rules from theirs to those of the baselines."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Rules = Sequence[tuple[str, str]]
BRANCHES = dict(center='reg', center_z='height', hm='heatmap')

OPENPCDET_CENTER_RULES: Rules = (
    (r'dense_head\.shared_conv\.0\.(.+)', r'bbox_head.shared_conv.conv.\1'),
    (r'dense_head\.shared_conv\.1\.(.+)', r'bbox_head.shared_conv.bn.\1'),
    (r'dense_head\.heads_list\.(\d+)\.(\w+)\.0\.0\.(.+)',
     r'bbox_head.task_heads.\1.\2.0.conv.\3'),
    (r'dense_head\.heads_list\.(\d+)\.(\w+)\.0\.1\.(.+)', r'bbox_head.task_heads.\1.\2.0.bn.\3'),
    (r'dense_head\.heads_list\.(\d+)\.(\w+)\.1\.(.+)', r'bbox_head.task_heads.\1.\2.1.\3'),
    (r'backbone_2d\.deblocks\.(.+)', r'neck.deblocks.\1'),
    (r'backbone_2d\.blocks\.(.+)', r'backbone.blocks.\1'),
)


def _pointwise(theirs: str, ours: str, scale: int = 1) -> Rules:
    """Two layers of a set abstraction; ``scale`` is the group of the pattern that says which."""
    return tuple((rf'{theirs}\.mlps\.(\d)\.layer{layer}\.{part}\.(.+)',
                  rf'{ours}.layers.\{scale}.{3 * layer + place}.\{scale + 1}')
                 for layer in (0, 1) for place, part in enumerate(('conv', 'bn')))


def _connected(theirs: str, ours: str) -> Rules:
    """Two layers with dropout between them; theirs count it once, ours each part."""
    return tuple((rf'roi_head\.bbox_head\.{theirs}\.{2 * layer}\.{part}\.(.+)',
                  rf'roi_head.{ours}.{4 * layer + place}.\1')
                 for layer in (0, 1) for place, part in enumerate(('conv', 'bn')))


PV_RCNN_RULES: Rules = (
    (r'((?:middle_encoder|backbone|neck|rpn_head)\..+)', r'\1'),
    *_pointwise(r'points_encoder\.rawpoints_sa_layer', 'keypoint_encoder.raw_point_layer'),
    *_pointwise(r'points_encoder\.voxel_sa_layers\.(\d)', r'keypoint_encoder.stage_layers.\1', 2),
    (r'points_encoder\.point_feature_fusion_layer\.0\.conv\.(.+)', r'keypoint_encoder.fusion.0.\1'),
    (r'points_encoder\.point_feature_fusion_layer\.0\.bn\.(.+)', r'keypoint_encoder.fusion.1.\1'),
    (r'roi_head\.semantic_head\.seg_cls_layer\.6\.(.+)', r'keypoint_encoder.score_out.\1'),
    (r'roi_head\.semantic_head\.seg_cls_layer\.(.+)', r'keypoint_encoder.score.\1'),
    *_pointwise(r'roi_head\.bbox_roi_extractor\.roi_grid_pool_layer', 'roi_head.pooling.layer'),
    *_connected('shared_fc_layer', 'shared'),
    *_connected('cls_layer', 'score'),
    *_connected('reg_layer', 'box_delta'),
    (r'roi_head\.bbox_head\.cls_layer\.3\.(.+)', r'roi_head.score_out.\1'),
    (r'roi_head\.bbox_head\.reg_layer\.3\.(.+)', r'roi_head.box_delta_out.\1'),
)
GRID_POINTS = 6 ** 3


def rename(weights: Mapping[str, Tensor], rules: Rules) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors under our names, and their names that no rule knows.

    1 x 1 convolutions of the second stage become matrices; its first layer, that reads all grid
    points of a channel side by side, reads all channels of a point.
    """
    ours: dict[str, Tensor] = {}
    unknown = []
    for name, value in weights.items():
        target = _our_name(name, rules)
        if target is None:
            unknown.append(name)
        else:
            ours[target] = _as_matrix(target, value)
    return ours, unknown


def classes_first_to_last(weights: Mapping[str, Tensor], classes: int = 3, rotations: int = 2,
                          ) -> dict[str, Tensor]:
    """The anchor head's outputs with the last class (Car) first, in anchors and in scores.

    Channels are (size of the anchor, rotation, output); sizes stand in the order of the classes.
    """
    order = [classes - 1, *range(classes - 1)]
    turned = dict(weights)
    for name, value in weights.items():
        match = re.fullmatch(r'(?:rpn|bbox)_head\.conv_(cls|reg|dir_cls)\.(weight|bias)', name)
        if match and len(value) % (classes * rotations) == 0:
            outputs = value.reshape(classes, rotations, -1, *value.shape[1:])[order]
            if match[1] == 'cls' and outputs.shape[2] == classes:
                outputs = outputs[:, :, order]
            turned[name] = outputs.reshape(value.shape).contiguous()
    return turned


def _our_name(name: str, rules: Rules) -> str | None:
    for pattern, ours in rules:
        match = re.fullmatch(pattern, name)
        if match:
            target = match.expand(ours)
            branch = re.fullmatch(r'(bbox_head\.task_heads\.\d+)\.(\w+)\.(.+)', target)
            if branch:
                return f'{branch[1]}.{BRANCHES.get(branch[2], branch[2])}.{branch[3]}'
            # A block of OpenPCDet opens with a padding layer; ours pads in its first convolution.
            flat = re.fullmatch(r'backbone\.blocks\.(\d)\.(\d+)\.(\w+)', target)
            if flat and name.startswith('backbone_2d.'):
                return f'backbone.blocks.{flat[1]}.{int(flat[2]) - 1}.{flat[3]}'
            return target
    return None


def _as_matrix(target: str, value: Tensor) -> Tensor:
    if not target.startswith(('keypoint_encoder.', 'roi_head.')) or value.dim() != 4:
        return value
    matrix = value.flatten(1)
    if target != 'roi_head.shared.0.weight' or matrix.shape[1] % GRID_POINTS:
        return matrix
    of_channels = matrix.reshape(len(matrix), -1, GRID_POINTS)
    return torch.as_tensor(of_channels.transpose(1, 2).reshape(matrix.shape)).contiguous()
