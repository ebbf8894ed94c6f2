"""Names and layouts of released Focals Conv weights, and ours.

Two families were released: the OpenPCDet one (KITTI, Waymo; ``backbone_3d.``) and the
det3d one with residual blocks (nuScenes; ``backbone.``). Weights of spconv 1.x files
are [kz, ky, kx, in, out], of spconv 2.x files [out, kz, ky, kx, in].
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import focalsconv.register  # noqa: F401  (registers what the configs name)
from focalsconv.published_heads import convert_heads
from sparse3d.checkpoints import Conversion, refuse_unmatched
from sparse3d.engine.load_config import find_config
from sparse3d.errors import CheckpointError, ConfigError

KITTI = dict(float32_keys=True, key_sizes=True, skip_index_zero=True, corners=True)
KITTI_IMAGES = dict(encode_padding=True, truncation=True, behind_camera=True, read_padding=True,
                    depth=True)
NUSCENES = dict(background_copies=True, skip_index_zero=True, corners=True)
NUSCENES_IMAGES = dict(encode_padding=True, skip_pixel_zero=True, image_scale=2 / 3)
NOTE_OF_MERGING = ('where two voxels of the release share a place, the voxel that a convolution '
                   'reads was left to chance there; here it is the one with features')

FOCAL_PARTS = {
    'conv_enlarge.0': 'predictor.enlarge.0',
    'conv_enlarge.1': 'predictor.enlarge.1',
    'conv_imp': 'predictor.importance',
    'conv': 'convolution',
    'bn1': 'norm',
}
IMAGE_LAYER = 'conv_focal_multimodal.'
IMAGE_PARTS_UNUSED = re.compile(r'ifn\.model\.(backbone\.layer[234]\.|(aux_)?classifier\.)')
BATCH_NORM_OF_CONV = {'conv1': 'bn1', 'conv2': 'bn2'}


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """A released detector, of either family, as one of ours.

    Args:
        published: the bare state dict of CenterPoint (det3d), Voxel R-CNN or PV-RCNN (OpenPCDet).
        config: our config, where the weights were trained with another one than the released.

    Raises:
        CheckpointError: if a tensor is unknown, misshapen or missing.
    """
    published = {name: value for name, value in published.items() if name != 'global_step'}
    system, images = _system(published), any('ifn.model.' in name for name in published)
    config = config or _config_of(system, images, published)
    model = build_detector(config)
    image_prefix = 'network2d.' if system == 'centerpoint' else 'backbone_3d.semseg.'
    encoder_prefix = 'backbone.' if system == 'centerpoint' else 'backbone_3d.'
    others = {name: value for name, value in published.items()
              if not name.startswith((image_prefix, encoder_prefix))}
    wanted = model.state_dict()
    weights, unknown = convert_heads(others, system, wanted)
    weights.update(_under('middle_encoder', convert_published(published, model.middle_encoder)))
    if images and model.image_encoder is None:
        unknown += [name for name in published if name.startswith(image_prefix)]
    elif model.image_encoder is not None:
        weights.update(_under('image_encoder', convert_image_branch(
            published, model.image_encoder, image_prefix)))
    refuse_unmatched(unknown, sorted(set(wanted) - set(weights)))
    ordered = OrderedDict((name, weights[name]) for name in wanted)
    ordered._metadata = wanted._metadata
    return Conversion(ordered, config, _quirks_of(system, images),
                      (NOTE_OF_MERGING, ) if system == 'centerpoint' else ())


def _system(published: Mapping[str, Tensor]) -> str:
    for start, system in (('bbox_head.tasks.', 'centerpoint'), ('pfe.', 'pv_rcnn'),
                          ('roi_head.roi_grid_pool_layers.', 'voxel_rcnn')):
        if any(name.startswith(start) for name in published):
            return system
    raise CheckpointError('the published checkpoint is none of the detectors that were released '
                          'with Focals Conv: CenterPoint (det3d), Voxel R-CNN, PV-RCNN (OpenPCDet)')


def _config_of(system: str, images: bool, published: Mapping[str, Tensor]) -> str:
    focal = any(name.endswith('conv_imp.weight') for name in published)
    method = 'focalsconv_f_' if images else 'focalsconv_' if focal else ''
    if system == 'centerpoint':
        return f'{method}centerpoint_nuscenes'
    # Two anchors of each class are scored for each class.
    scores = published['dense_head.conv_cls.weight'].shape[0]
    classes = 'car' if scores == 2 and system == 'voxel_rcnn' else '3class'
    return f'{method}{system}_kitti_{classes}'


def _quirks_of(system: str, images: bool) -> dict[str, Any]:
    if system == 'centerpoint':
        return {**NUSCENES, **(NUSCENES_IMAGES if images else {})}
    return {**KITTI, **(KITTI_IMAGES if images else {})}


def build_detector(config: str) -> nn.Module:
    """The detector of one of our configs, with random weights.

    Raises:
        CheckpointError: if there is no such config.
    """
    try:
        path = find_config(config)
    except ConfigError as error:
        raise CheckpointError(f'{error} for these weights; name one (--config)') from error
    init_default_scope('mmdet3d')
    return MODELS.build(Config.fromfile(path).model)


def _under(module: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f'{module}.{name}': value for name, value in weights.items()}


def published_to_ours(name: str, residual: bool) -> str | None:
    """Translate one released name, without its prefix, to the name in FocalSparseEncoder.

    Args:
        residual: True for the det3d family.

    Returns:
        None for a tensor that the LiDAR encoder does not have.
    """
    direct = re.fullmatch(r'(conv_input|conv_out|extra_conv)\.(.+)', name)
    if direct:
        return f"{direct[1].replace('extra_conv', 'conv_out')}.{direct[2]}"
    if name.startswith(IMAGE_LAYER):
        module, _, tensor = name.removeprefix(IMAGE_LAYER).rpartition('.')
        part = FOCAL_PARTS.get(module)
        return part and f'image_layer.{part}.{tensor}'
    staged = re.fullmatch(r'conv([1-4])\.(\d)\.(.+)', name)
    if not staged:
        return None
    stage, index, rest = int(staged[1]), int(staged[2]), staged[3]
    module, _, tensor = rest.rpartition('.')
    if index == _focal_index(stage, residual):
        part = FOCAL_PARTS.get(module)
        return part and f'focal_layers.stage{stage}.{part}.{tensor}'
    if residual:
        # There a stage opens with its down-sampling; in mmdet3d the stage before closes with it.
        stage, index = (stage - 1, 2) if stage > 1 and index == 0 else (stage, index - (stage > 1))
    return f'encoder_layers.encoder_layer{stage}.{index}.{rest}'


def convert_published(published: Mapping[str, Tensor], encoder: nn.Module) -> dict[str, Tensor]:
    """Rename and reshape released weights for a FocalSparseEncoder.

    Biases of the residual blocks' convolutions, which mmdet3d's blocks lack, go into the
    running means of the batch normalization behind them: the same function. Where the encoder has
    them they stay.

    Args:
        published: the released state dict; tensors of other parts of the detector are skipped.
        encoder: whose state dict says which names and shapes are wanted.

    Returns:
        a complete state dict of ``encoder``, with the version marks without which mmdet3d
        takes the weights for those of spconv 1.x.

    Raises:
        CheckpointError: if a tensor of the released encoder is unknown, misshapen or missing.
    """
    residual = not any(name.startswith('backbone_3d.') for name in published)
    prefix = 'backbone.' if residual else 'backbone_3d.'
    source = {name.removeprefix(prefix): value for name, value in published.items()
              if name.startswith(prefix) and not name.startswith(f'{prefix}semseg.')}
    wanted = encoder.state_dict()
    biases = {name: source.pop(name) for name in list(source) if _is_residual_bias(name)
              and published_to_ours(name, residual) not in wanted}
    converted, unknown = OrderedDict(), []
    converted._metadata = wanted._metadata
    for name, value in source.items():
        ours = published_to_ours(name, residual)
        if ours in wanted:
            converted[ours] = kernel_in_order(name, value, wanted[ours])
        else:
            unknown.append(name)
    _refuse('has no place for', unknown)
    _refuse('needs', sorted(set(wanted) - set(converted)))
    for name, bias in biases.items():
        block, _, conv = name.removesuffix('.bias').rpartition('.')
        mean = published_to_ours(f'{block}.{BATCH_NORM_OF_CONV[conv]}.running_mean', residual)
        converted[mean] = converted[mean] - bias
    return converted


def convert_image_branch(published: Mapping[str, Tensor], encoder: nn.Module,
                         prefix: str) -> dict[str, Tensor]:
    """Rename the released image branch for a ShallowImageEncoder.

    Of the DeepLabV3 in the file only the stem, the first stage and the reduction ever reached
    a voxel; the rest is left behind.

    Args:
        prefix: ``'backbone_3d.semseg.'`` (OpenPCDet) or ``'network2d.'`` (det3d).

    Raises:
        CheckpointError: if a tensor is unknown, misshapen or missing.
    """
    wanted = encoder.state_dict()
    converted, unknown = OrderedDict(), []
    for name, value in published.items():
        part = name.removeprefix(prefix)
        if not name.startswith(prefix) or IMAGE_PARTS_UNUSED.match(part):
            continue
        ours = part.replace('ifn.model.backbone.', 'backbone.').replace('reduce_blocks.0.',
                                                                        'reduction.')
        if ours in wanted:
            converted[ours] = kernel_in_order(name, value, wanted[ours])
        else:
            unknown.append(name)
    _refuse('has no place for', unknown)
    if 'backbone.bn1.num_batches_tracked' not in converted:  # files of PyTorch before 1.0
        converted.update({name: value for name, value in wanted.items()
                          if name.endswith('num_batches_tracked') and name not in converted})
    _refuse('needs', sorted(set(wanted) - set(converted)))
    return converted


def _focal_index(stage: int, residual: bool) -> int:
    """Position of the focal layer in a released stage."""
    if residual:
        return 2 if stage == 1 else 3
    return 1 if stage == 1 else 3


def _is_residual_bias(name: str) -> bool:
    return re.fullmatch(r'conv[1-4]\.\d\.conv[12]\.bias', name) is not None


def kernel_in_order(name: str, value: Tensor, wanted: Tensor) -> Tensor:
    """Bring a weight into the order of spconv 2.x, told by its shape."""
    if value.shape == wanted.shape:
        return value
    if value.dim() == 5 and value.permute(4, 0, 1, 2, 3).shape == wanted.shape:
        return value.permute(4, 0, 1, 2, 3).contiguous()
    raise CheckpointError(f'{name} has shape {tuple(value.shape)}, the model needs '
                          f'{tuple(wanted.shape)}; give it the settings of the checkpoint')


def _refuse(what: str, names: list[str]) -> None:
    if names:
        shown = ', '.join(names[:8]) + (f' and {len(names) - 8} more' if len(names) > 8 else '')
        raise CheckpointError(
            f'this encoder {what} {shown}; give it the settings of the checkpoint')
