"""Public weights of the baselines, from OpenPCDet and mmdet3d: their layouts, and ours.

- PV-RCNN on KITTI (OpenPCDet, mmdet3d): ``pv_rcnn_kitti_3class``
- Voxel R-CNN on KITTI (OpenPCDet): ``voxel_rcnn_kitti_car`` or ``voxel_rcnn_kitti_3class``
- SECOND and PointPillars on KITTI (OpenPCDet, mmdet3d 1.x): ``second_kitti_3class``,
  ``pointpillars_kitti_3class``
- CenterPoint on nuScenes (OpenPCDet, mmdet3d, det3d): ``centerpoint_nuscenes`` (voxels of 7.5 cm)
  or ``centerpoint_voxel01_nuscenes`` (10 cm)

Layouts are told by names and shapes. Kernels of spconv 1.x are [kz, ky, kx, in, out], of
spconv 2.x [out, kz, ky, kx, in]. Other pillars, deformable heads and second stages of other kinds
have modules that the baselines lack: they are refused by name.
"""
from __future__ import annotations

import dataclasses
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from focalsconv.baseline_names import (
    OPENPCDET_CENTER_RULES,
    PV_RCNN_RULES,
    classes_first_to_last,
    rename,
)
from focalsconv.one_stage_baselines import CONFIGS as ONE_STAGE_CONFIGS
from focalsconv.one_stage_baselines import (
    QUIRKS,
    of_mmdet3d,
    of_openpcdet,
    one_stage_layout,
)
from focalsconv.published_checkpoint import (
    build_detector,
    convert_published,
    kernel_in_order,
)
from focalsconv.published_checkpoint import convert as convert_released
from focalsconv.published_heads import turn_boxes
from sparse3d.checkpoints import Conversion, refuse_unmatched
from sparse3d.errors import CheckpointError

CENTERPOINT_CONFIGS = {0.075: 'centerpoint_nuscenes', 0.1: 'centerpoint_voxel01_nuscenes'}
# Modules that none of the baselines has: a pattern of their names, and what they are.
OTHER_DETECTORS = (
    (r'(pts_)?voxel_encoder\.(pfn|vfe)_layers\.|vfe\.pfn_layers\.',
     'learned voxels or pillars, which but for PointPillars on KITTI the baselines lack'),
    (r'.*\.feature_adapt_(cls|reg)\.|.*conv_offset\.',
     'deformable convolutions in its head, which the baselines lack'),
    (r'(pfe\.SA_\w+|roi_head\.roi_grid_pool_layer)\.(\d\.)?(layer_\d|msg_post_mlps)\.',
     'the vector pooling of PV-RCNN++, which the baselines lack'),
    (r'.*conv_imp\.', 'focal convolutions: its converter is called focalsconv'),
    (r'img_(backbone|neck)\.|fusion_layer\.', 'a camera branch, which the baselines lack'),
    (r'unet_|backbone_3d\.(conv_up|inv_conv)|middle_encoder\.(lateral|merge|upsample)_layer',
     'the sparse U-Net of Part-A2, which the baselines lack'),
    (r'backbone(_3d)?\.(SA|FP)_modules\.',
     'a backbone on points, and the baselines have voxels'),
)
CAN_BE = ('PV-RCNN, CenterPoint, SECOND and PointPillars of mmdet3d and OpenPCDet, Voxel R-CNN of '
          'OpenPCDet, CenterPoint of det3d')
MMDET3D_WAY = "a checkpoint of mmdet3d loads as it is with mmdet3d's own config"


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """A public detector as one of the baselines.

    Args:
        published: the bare state dict; what stood beside it in the file (``about``) tells the
            version of mmdet3d, and with that the convention of its boxes.
        config: our config, where the weights do not tell: CenterPoint's are the same for every
            size of voxels.

    Raises:
        CheckpointError: if the layout is none of these, the size of the voxels or the convention
            of the boxes is not known, or a tensor is unknown, misshapen or missing.
    """
    about = getattr(published, 'about', {})
    weights = {name: value for name, value in published.items() if name != 'global_step'}
    found = one_stage_layout(weights)
    for pattern, what in OTHER_DETECTORS:
        if found and 'pfn' in pattern:
            continue
        name = next((name for name in weights if re.match(pattern, name)), None)
        if name is not None:
            raise CheckpointError(f'the published checkpoint has {what} ({name}); what can be '
                                  f'converted is {CAN_BE}; {MMDET3D_WAY}')
    if found:
        return _one_stage(weights, about, *found, config)
    layout = _layout(weights)
    if layout == 'mmdet3d PV-RCNN':
        return _whole(_mmdet3d_pv_rcnn(weights), config or 'pv_rcnn_kitti_3class')
    if 'CenterPoint' not in layout:
        return dataclasses.replace(convert_released(weights, config), published={}, notes=())
    config = config or _centerpoint_config(about)
    if layout == 'mmdet3d CenterPoint':
        return _whole(_mmdet3d_centerpoint(weights, about), config)
    if layout == 'det3d CenterPoint':
        return dataclasses.replace(convert_released(weights, config), published={}, notes=())
    return _openpcdet_centerpoint(weights, config)


def _layout(weights: Mapping[str, Tensor]) -> str:
    has = {start: any(name.startswith(start) for name in weights) for start in (
        'points_encoder.', 'pts_bbox_head.task_heads.', 'dense_head.heads_list.',
        'backbone_3d.conv_input.', 'pfe.', 'roi_head.', 'bbox_head.tasks.')}
    if has['points_encoder.']:
        return 'mmdet3d PV-RCNN'
    if has['pts_bbox_head.task_heads.']:
        return 'mmdet3d CenterPoint'
    if has['bbox_head.tasks.']:
        return 'det3d CenterPoint'
    if has['dense_head.heads_list.'] and has['roi_head.']:
        raise CheckpointError('the published checkpoint has a center head below a second stage; '
                              'the two-stage baselines have anchors; what can be converted is '
                              f'{CAN_BE}')
    if has['dense_head.heads_list.'] and has['backbone_3d.conv_input.']:
        return 'OpenPCDet CenterPoint'
    if has['pfe.'] or any(name.startswith('roi_head.roi_grid_pool_layers.') for name in weights):
        return 'OpenPCDet'
    raise CheckpointError(f'the published checkpoint is none of the baselines; what can be '
                          f'converted is {CAN_BE}; {MMDET3D_WAY}')


def _centerpoint_config(about: Mapping[str, Any]) -> str:
    """The config by the size of voxels that a stored config of mmdet3d names."""
    meta = about.get('meta')
    text = (meta.get('cfg') or meta.get('config')) if isinstance(meta, dict) else None
    sizes = set(re.findall(r'\bvoxel_size\s*=\s*\[\s*([\d.]+)', text)) \
        if isinstance(text, str) else set()
    known = {CENTERPOINT_CONFIGS[float(size)] for size in sizes
             if size.count('.') < 2 and float(size) in CENTERPOINT_CONFIGS}
    if len(known) == 1:
        return known.pop()
    raise CheckpointError(
        'the weights of CenterPoint are the same for voxels of 0.075 m and of 0.1 m; name the one '
        f'it was trained with: --config {CENTERPOINT_CONFIGS[0.075]} or --config '
        f'{CENTERPOINT_CONFIGS[0.1]}')


def _mmdet3d_centerpoint(weights: Mapping[str, Tensor], about: Mapping[str, Any],
                         ) -> dict[str, Tensor]:
    """mmdet3d's names without ``pts_``; boxes of mmdet3d 0.x are turned."""
    ours = {name.removeprefix('pts_'): value for name, value in weights.items()}
    if _boxes_are_old(about):
        turn_boxes(ours)
    return ours


def _boxes_are_old(about: Mapping[str, Any]) -> bool:
    """Whether mmdet3d 0.x wrote it, whose boxes are (width, length) and turn the other way."""
    meta = about.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    if 'mmengine_version' in meta:  # from mmdet3d 1.1 on
        return False
    version = re.match(r'(\d+)\.', str(meta.get('mmdet3d_version', '')))
    if version is None:
        raise CheckpointError(
            'the published checkpoint does not say which mmdet3d wrote it (meta.mmdet3d_version), '
            'and boxes of 0.x are another width, length and yaw; take the file as it was '
            'published, with its meta')
    return int(version[1]) < 1


def _one_stage(weights: Mapping[str, Tensor], about: Mapping[str, Any], whose: str, detector: str,
               config: str | None) -> Conversion:
    """SECOND or PointPillars; boxes of mmdet3d 0.x had other anchors."""
    if whose == 'mmdet3d':
        if _boxes_are_old(about):
            raise CheckpointError(
                f'the published checkpoint is a {detector} of mmdet3d 0.x, whose anchors have '
                f'another width, length and yaw; take the one that mmdet3d published since 1.0')
        ours = of_mmdet3d(weights)
    else:
        ours, unknown = of_openpcdet(weights)
        refuse_unmatched(unknown, ())
    done = _whole(ours, config or ONE_STAGE_CONFIGS[detector])
    return dataclasses.replace(done, published=QUIRKS.get((whose, detector), {}))


def _mmdet3d_pv_rcnn(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """mmdet3d's names; its anchors and classes are Pedestrian, Cyclist, Car, ours Car first."""
    ours, unknown = rename(weights, PV_RCNN_RULES)
    refuse_unmatched(unknown, ())
    return classes_first_to_last(ours)


def _openpcdet_centerpoint(weights: Mapping[str, Tensor], config: str) -> Conversion:
    """OpenPCDet's names; its first up-sampling is a transposed 1 x 1, its yaw cosine first."""
    encoder = {name.replace('backbone_3d.', 'backbone.', 1): value
               for name, value in weights.items() if name.startswith('backbone_3d.')}
    heads, unknown = rename({name: value for name, value in weights.items()
                             if not name.startswith('backbone_3d.')}, OPENPCDET_CENTER_RULES)
    refuse_unmatched(unknown, ())
    for name in [name for name in heads if name.endswith('.conv.bias')]:
        # A bias in front of a batch normalization moves its mean: the same function.
        mean = name.removesuffix('conv.bias') + 'bn.running_mean'
        if mean not in heads:
            raise CheckpointError(f'the published checkpoint lacks {mean} (our name)')
        heads[mean] = heads[mean] - heads.pop(name)
    first = 'neck.deblocks.0.0.weight'
    if first in heads:
        heads[first] = heads[first].transpose(0, 1).contiguous()
    for name in heads:
        if re.fullmatch(r'bbox_head\.task_heads\.\d+\.rot\.1\.(weight|bias)', name):
            heads[name] = heads[name].flip(0)
    model = build_detector(config)
    of_encoder = {f'middle_encoder.{name}': value for name, value in convert_published(
        encoder, model.middle_encoder).items()}
    return _whole({**of_encoder, **heads}, config, model.state_dict())


def _whole(weights: Mapping[str, Tensor], config: str,
           wanted: Mapping[str, Tensor] | None = None) -> Conversion:
    """A complete state dict of the config's detector, kernels in the order of spconv 2.x."""
    wanted = build_detector(config).state_dict() if wanted is None else wanted
    refuse_unmatched([name for name in weights if name not in wanted],
                     sorted(set(wanted) - set(weights)))
    ordered = OrderedDict((name, kernel_in_order(name, weights[name], value))
                          for name, value in wanted.items())
    ordered._metadata = wanted._metadata  # type: ignore[attr-defined]
    return Conversion(ordered, config)
