"""Published DSVT checkpoints (OpenPCDet layout): their names, and ours.

Three systems were published: Waymo pillar and voxel with a center head, nuScenes pillar
with TransFusion's head. That head works on a map whose axes are swapped; here its square
kernels are turned instead. Biases in front of a batch normalization, which ours lacks,
go into the running mean: the same function.
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping

from mmdet3d.registry import MODELS
from torch import Tensor

import dsvt.register  # noqa: F401  (registers what the configs name)
from sparse3d.checkpoints import Conversion, refuse_unmatched
from sparse3d.checkpoints.transfusion_names import HEAT, TRANSFUSION_HEAD
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

CONFIGS = dict(pillar='dsvt_pillar_waymo_1frame_24e',
               voxel='dsvt_voxel_waymo_1frame_24e',
               nuscenes='dsvt_pillar_nuscenes_20e')
ENCODER = dict(leaf_parameters=True, meters=True, embedding_order=True)
QUIRKS = dict(
    pillar=dict(**ENCODER, turned_nms=True),
    voxel=dict(**ENCODER, empty_slots=True, turned_nms=True),
    nuscenes=dict(**ENCODER, lone_queries=True, wrapping=True, top_height=True, iou_shift=True))

ENCODER_RULES = (  # published name -> ours, first match counts
    (r'vfe\.(pfn_layers\..+)', r'voxel_encoder.\1'),
    (r'backbone_3d\.input_layer\.posembed_layers\.(\d+)\.(\d+)\.([01])\.(.+)',
     r'middle_encoder.stages.\1.embeddings.\2.\3.\4'),
    (r'backbone_3d\.stage_(\d+)\.(\d+)\.(encoder_list\..+)',
     r'middle_encoder.stages.\1.blocks.\2.\3'),
    (r'backbone_3d\.residual_norm_stage_(\d+)\.(\d+)\.(.+)',
     r'middle_encoder.stages.\1.norms.\2.\3'),
    (r'backbone_3d\.stage_(\d+)_reduction\.(.+)', r'middle_encoder.poolings.\1.\2'),
    (r'backbone_2d\.blocks\.(\d+)\.(\d+)\.downsample_layer\.(.+)',
     r'backbone.blocks.\1.\2.shortcut.\3'),
    (r'backbone_2d\.((?:de)?blocks\..+)', r'backbone.\1'),
)
CENTER_HEAD_RULES = (
    (r'dense_head\.(shared_conv\..+)', r'bbox_head.\1'),
    (r'dense_head\.heads_list\.0\.(\w+)\.0\.([01])\.(.+)', r'bbox_head.branches.\1.\2.\3'),
    (r'dense_head\.heads_list\.0\.(\w+)\.1\.(.+)', r'bbox_head.branches.\1.3.\2'),
)
FOLDED_BIAS = re.compile(r'(bbox_head\.(?:heat|decoder\.branches\.branches\.\w+))\.0\.bias')
COUNTER = 'global_step'


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """Rename and reshape a published state dict.

    Args:
        published: tensors by their published names.
        config: our config with these weights, relative to the repository; None for the
            one that was published with this architecture.

    Raises:
        CheckpointError: if a tensor is unknown, misshapen or missing.
    """
    kind = system_of(published)
    weights, unknown = OrderedDict(), []
    for name, value in published.items():
        ours = translate(name, kind)
        if ours is not None:
            weights[ours] = _turned(ours, value) if kind == 'nuscenes' else value
        elif name != COUNTER:
            unknown.append(name)
    _fold_biases(weights)
    path = config or CONFIGS[kind]
    wanted = _state_of(path, QUIRKS[kind])
    unknown += [name for name in weights if name not in wanted]
    refuse_unmatched(unknown, sorted(set(wanted) - set(weights)))
    _check_shapes(weights, wanted, path)
    return Conversion(weights, path, QUIRKS[kind], (
        'positions are embedded in the windows of the layer, not of the block, as published',))


def system_of(published: Mapping[str, Tensor]) -> str:
    """Which of the published systems a state dict belongs to: a key of ``CONFIGS``."""
    if any(name.startswith('dense_head.decoder.') for name in published):
        return 'nuscenes'
    if any(name.startswith('backbone_3d.stage_0_reduction.') for name in published):
        return 'voxel'
    return 'pillar'


def translate(name: str, kind: str = 'pillar') -> str | None:
    """Our name for a published one, or None."""
    head = (*HEAT, *TRANSFUSION_HEAD) if kind == 'nuscenes' else CENTER_HEAD_RULES
    for pattern, replacement in ENCODER_RULES + head:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    return None


def _turned(name: str, value: Tensor) -> Tensor:
    """Swap the axes of the head's kernels."""
    if name.startswith(('bbox_head.shared.', 'bbox_head.heat.')) and value.dim() == 4:
        return value.transpose(2, 3).contiguous()
    return value


def _fold_biases(weights: dict[str, Tensor]) -> None:
    for name in list(weights):
        match = FOLDED_BIAS.fullmatch(name)
        if match:
            mean = f'{match[1]}.1.running_mean'
            weights[mean] = weights[mean] - weights.pop(name)


def _state_of(path: str, published: Mapping[str, object]) -> dict[str, Tensor]:
    """The weights that a config's model has with its published quirks."""
    config = load_config(path, {'model.published': dict(published)})
    return MODELS.build(dict(config.model, _scope_='mmdet3d')).state_dict()


def _check_shapes(weights: dict[str, Tensor], wanted: dict[str, Tensor], path: str) -> None:
    for name, value in weights.items():
        if value.shape != wanted[name].shape:
            raise CheckpointError(f'{name} has shape {tuple(value.shape)} in the checkpoint and '
                                  f'{tuple(wanted[name].shape)} in {path}: name the config it was '
                                  'trained with (--config)')
