"""Published HEDNet and SAFDNet checkpoints (OpenPCDet layout): their names, and ours.

Five layouts: SAFDNet with a sparse center head (Argoverse 2, Waymo) and with a sparse TransFusion
head (nuScenes), HEDNet with a center head and with TransFusion's. Biases of convolutions in front
of a batch normalization, which ours lack, go into the running mean: the same function.
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping

from mmdet3d.registry import MODELS
from torch import Tensor

import safdnet.register  # noqa: F401  (registers what the configs name)
from sparse3d.checkpoints import Conversion, refuse_unmatched
from sparse3d.checkpoints.transfusion_names import HEAT, TRANSFUSION_HEAD
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError

CONFIGS = dict(
    argoverse2='safdnet_argoverse2_24e', waymo='safdnet_waymo_1frame_24e',
    waymo_frames='safdnet_waymo_4frames_24e', nuscenes='safdnet_nuscenes_20e',
    hednet_waymo='hednet_waymo_1frame_24e', hednet_waymo_frames='hednet_waymo_4frames_24e',
    hednet_argoverse2='hednet_argoverse2_12e', hednet_nuscenes='hednet_nuscenes_20e')
SPARSE = dict(int32_keys=True, swapped_limits=True)
QUIRKS = dict(
    argoverse2=SPARSE, waymo=SPARSE, waymo_frames=SPARSE,
    nuscenes=dict(int32_keys=True, inverted_mask=True, iou_shift=True,
                  leaf_parameters=True),
    hednet_waymo=dict(int32_keys=True), hednet_waymo_frames=dict(int32_keys=True),
    hednet_argoverse2=dict(int32_keys=True),
    hednet_nuscenes=dict(int32_keys=True, iou_shift=True, leaf_parameters=True))
NOTES = dict(nuscenes=(
    'queries attend to the empty cells, as in the last release; weights trained before it want '
    "model.published.inverted_mask=False and model.published.unmasked=True: try both", ))
COUNTER, CELL_CENTERS = 'global_step', 'dense_head.bev_pos'  # neither is learned

HALVES = dict(conv1='first.0', bn1='first.1', conv2='second.0', bn2='second.1')
ENCODER_RULES = (  # published name -> ours, first match counts
    (r'vfe\.(pfn_layers\..+)', r'voxel_encoder.\1'),
    (r'backbone_3d\.((?:stem|sed_layers)\..+)', r'middle_encoder.\1'),
    (r'backbone_3d\.transition\.(\d+)\.([01])\.(.+)', r'middle_encoder.transition.\1.\2.\3'),
    (r'backbone_3d\.transition\.([01])\.(\w+)', r'middle_encoder.transition.0.\1.\2'),
    (r'backbone_3d\.cls_conv\.([01])\.(.+)', r'diffusion.cls_unit.\1.\2'),
    (r'backbone_3d\.cls_conv\.3\.(.+)', r'diffusion.cls_output.\1'),
    (r'backbone_3d\.afd_layers\.(.+)', r'diffusion.layers.\1'),
    (r'backbone_3d\.ded_layers\.(.+)', r'backbone.layers.\1'),
)
SPARSE_CENTER_HEAD = (
    (r'dense_head\.heads_list\.(\d+)\.(\w+)\.0\.([01])\.(.+)',
     r'bbox_head.task_heads.\1.\2.unit.\3.\4'),
    (r'dense_head\.heads_list\.(\d+)\.(\w+)\.1\.(.+)',
     r'bbox_head.task_heads.\1.\2.output.\3'),
)
CENTER_HEAD = (
    (r'dense_head\.(shared_conv\..+)', r'bbox_head.\1'),
    (r'dense_head\.heads_list\.(\d+)\.hm\.0\.([01])\.(.+)',
     r'bbox_head.task_heads.\1.heatmap.\2.\3'),
    (r'dense_head\.heads_list\.(\d+)\.hm\.1\.(.+)', r'bbox_head.task_heads.\1.heatmap.3.\2'),
    (r'dense_head\.heads_list\.(\d+)\.(\w+)\.0\.([01])\.(.+)',
     r'bbox_head.task_heads.\1.\2.\3.\4'),
    (r'dense_head\.heads_list\.(\d+)\.(\w+)\.1\.(.+)', r'bbox_head.task_heads.\1.\2.3.\3'),
)
SPARSE_HEAT = ((r'dense_head\.heatmap_head\.([013])\.(.+)', r'bbox_head.heat.\1.\2'), )
LEVEL_ZERO = r'backbone_3d\.ded_layers\.0\.encoder\.\d+\.conv1\.weight'


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """Rename a published state dict and fold its superfluous biases.

    Args:
        published: tensors by their published names.
        config: our config with these weights; None for the one that was published with this
            architecture.

    Raises:
        CheckpointError: if a tensor is unknown, misshapen or missing.
    """
    kind = system_of(published)
    path = config or CONFIGS[kind]
    wanted = _state_of(path, QUIRKS[kind])
    weights, unknown = OrderedDict(), []
    for name, value in published.items():
        ours = translate(name, published)
        if ours is not None:
            weights[ours] = value
        elif name not in (COUNTER, CELL_CENTERS):
            unknown.append(name)
    folded = {f'{mean.rpartition(".1.")[0]}.0.bias' for mean in wanted
              if re.fullmatch(r'.+\.(first|second)\.1\.running_mean', mean)}
    missing = sorted((set(wanted) | folded) - set(weights))
    if kind == 'nuscenes' and CELL_CENTERS not in published:
        missing.append(CELL_CENTERS)
    unknown += [name for name in weights if name not in wanted and name not in folded]
    refuse_unmatched(unknown, missing)
    for name in sorted(folded):
        mean = f'{name.removesuffix(".0.bias")}.1.running_mean'
        _check_shape(name, weights[name], wanted[mean], path)
        weights[mean] = weights[mean] - weights.pop(name)
    for name, value in weights.items():
        _check_shape(name, value, wanted[name], path)
    weights._metadata = wanted._metadata  # or mmdet3d takes them for weights of spconv 1.x
    return Conversion(weights, path, QUIRKS[kind], NOTES.get(kind, ()))


def system_of(published: Mapping[str, Tensor]) -> str:
    """Which of the published systems a state dict belongs to: a key of ``CONFIGS``."""
    method = '' if any('.afd_layers.' in name for name in published) else 'hednet_'
    if any(name.startswith('dense_head.decoder.') for name in published):
        return f'{method}nuscenes'
    if any(name.startswith('dense_head.heads_list.1.') for name in published):
        return f'{method}argoverse2'
    moving = any(name.startswith('dense_head.heads_list.0.vel.') for name in published)
    return f'{method}waymo_frames' if moving else f'{method}waymo'


def translate(name: str, published: Mapping[str, Tensor]) -> str | None:
    """Our name for a published one of a state dict, or None."""
    kind = system_of(published)
    sparse = not kind.startswith('hednet')
    if kind.endswith('nuscenes'):
        head = (*(SPARSE_HEAT if sparse else HEAT), *TRANSFUSION_HEAD)
    else:
        head = SPARSE_CENTER_HEAD if sparse else CENTER_HEAD
    for pattern, replacement in (*ENCODER_RULES, *head):
        match = re.fullmatch(pattern, name)
        if match:
            ours = match.expand(replacement)
            return _dense_block(ours, published) if ours.startswith('backbone.') \
                else _sparse_block(ours)
    return None


def _sparse_block(name: str) -> str:
    """A residual block has two halves here."""
    if not name.startswith(('middle_encoder.', 'diffusion.layers.')):
        return name
    return re.sub(r'\.(conv1|bn1|conv2|bn2)\.', lambda half: f'.{HALVES[half[1]]}.', name)


def _dense_block(name: str, published: Mapping[str, Tensor]) -> str:
    """The published blocks of the finest level are modules each, here they are one."""
    first = sum(bool(re.fullmatch(LEVEL_ZERO, each)) for each in published)
    match = re.fullmatch(r'(backbone\.layers\.\d+\.encoder)\.(\d+)\.(.+)', name)
    if match is None:
        return name
    base, number, rest = match[1], int(match[2]), match[3]
    if number < first:
        return f'{base}.0.{number}.{rest}'
    return f'{base}.{number - first + 1}.{rest.replace("downsample_layer", "shortcut")}'


def _state_of(path: str, published: Mapping[str, object]) -> dict[str, Tensor]:
    """The weights that a config's model has with its published quirks."""
    config = load_config(path, {'model.published': dict(published)})
    return MODELS.build(dict(config.model, _scope_='mmdet3d')).state_dict()


def _check_shape(name: str, value: Tensor, wanted: Tensor, path: str) -> None:
    if value.shape != wanted.shape:
        raise CheckpointError(f'{name} has shape {tuple(value.shape)} in the checkpoint and '
                              f'{tuple(wanted.shape)} in {path}: name the config it was '
                              'trained with (--config)')
