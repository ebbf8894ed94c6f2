"""Names and layouts of the released VoxelKP weights, and ours.

The released file (key ``model_state``) is OpenPCDet's. Two things change beside the names:

* biases of convolutions and linear layers in front of a batch normalization, which ours do not
  have, go into its running mean: the same function, in evaluation and in training;
* the last layer of each head branch is a 1x1 submanifold convolution whose weight spconv 2.x
  reads transposed; ours is a linear layer that gets the matrix which was really used.
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping

import torch
from mmdet3d.registry import MODELS
from torch import Tensor, nn

import voxelkp.register  # noqa: F401  (registers what the configs name)
from sparse3d.compat.spconv_pointwise_weights import effective_matrix
from sparse3d.errors import CheckpointError
from voxelkp.published_architecture import PUBLISHED_MODEL

CONFIG = 'voxelkp_waymo'
QUIRKS = dict(cell_offsets=True, level_weights=True)
NOTES = (
    'the weights of 1x1 layers were written as the matrices that spconv 2.x multiplies with',
    'attention windows begin at the lowest voxel of each frame, which gives the released results '
    'of batch size 1; set model.published.batch_anchor=True for those of larger batches',
)
BRANCHES = dict(hm='heatmap', loc_x='x', loc_y='y', loc_z='z', dim='size', rot='heading',
                iou='iou', kp_vis='visibility')
IGNORED = ('global_step',)
HALVES = dict(conv1='first.0', bn1='first.1', conv2='second.0', bn2='second.1')
SELECTIVE = {'conv1': 'branches.0.0', 'bn1': 'branches.0.1', 'conv2': 'branches.1.0',
             'bn2': 'branches.1.1', 'squeeze.0': 'squeeze', 'squeeze.1': 'squeeze_norm',
             'excitation3': 'excitations.0', 'excitation5': 'excitations.1'}
ATTENTION = {'attn.attn.q': 'query', 'attn.attn.k': 'key', 'attn.attn.v': 'value',
             'attn.attn.proj': 'projection', 'norm1.ln': 'attention_norm',
             'norm2.ln': 'perceptron_norm', 'mlp.0': 'perceptron.0', 'mlp.2': 'perceptron.2'}


def published_to_ours(name: str) -> str | None:
    """Translate one released name to the name in :class:`~voxelkp.VoxelKP`.

    Returns:
        None for a tensor that is unknown.
    """
    module, _, tensor = name.rpartition('.')
    for pattern, translate in _RULES:
        match = re.fullmatch(pattern, module)
        if match:
            ours = translate(*match.groups())
            return ours and f'{ours}.{tensor}'
    return None


def convert_weights(published: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our weights from released ones, and the released names that are unknown."""
    weights, unknown, biases = {}, [], {}
    for name, value in published.items():
        if name in IGNORED:
            continue
        ours = published_to_ours(name)
        if ours is None:
            unknown.append(name)
        elif (norm := _norm_behind(name)) is not None:
            biases[published_to_ours(f'{norm}.running_mean')] = value
        else:
            weights[ours] = effective_matrix(value).contiguous() if _is_pointwise(name) else value
    for mean, bias in biases.items():
        if mean in weights:
            weights[mean] = weights[mean] - bias
    return weights, unknown


def convert(published: Mapping[str, Tensor], config: str | None = None):
    """A released state dict as ours.

    Args:
        published: the bare state dict.
        config: our config for these weights; there is one.

    Returns:
        a :class:`sparse3d.checkpoints.Conversion`.

    Raises:
        CheckpointError: if tensors are unknown, missing or of another shape.
    """
    from sparse3d.checkpoints import Conversion, refuse_unmatched
    weights, unknown = convert_weights(published)
    wanted = published_model_state()
    refuse_unmatched(unknown, sorted(set(wanted) - set(weights)))
    for name, value in weights.items():
        if value.shape != wanted[name].shape:
            raise CheckpointError(f'{name} has the shape {list(value.shape)}, the published model '
                                  f'has {list(wanted[name].shape)}: this is another model')
    ordered = OrderedDict((name, weights[name]) for name in wanted)
    ordered._metadata = wanted._metadata  # or mmdet3d takes them for weights of spconv 1.x
    return Conversion(weights=ordered, config=config or CONFIG, published=dict(QUIRKS), notes=NOTES)


def published_model_state() -> OrderedDict:
    """State dict of the published model in our layout, with shapes and without values."""
    with torch.device('meta'):
        parts = {key: MODELS.build(dict(PUBLISHED_MODEL[key]))
                 for key in ('middle_encoder', 'neck', 'bbox_head')}
        return nn.ModuleDict(parts).state_dict()


def _norm_behind(name: str) -> str | None:
    """Released name of the batch normalization behind the layer of a bias; None if there is none
    or the tensor is no bias."""
    module, _, tensor = name.rpartition('.')
    if tensor != 'bias':
        return None
    block = re.fullmatch(r'(.*\.)conv([12])', module)
    if block:
        return f'{block[1]}bn{block[2]}'
    layer = re.fullmatch(r'(.*point_conv\.)([036])', module)
    if layer:
        return f'{layer[1]}{int(layer[2]) + 1}'
    before = re.fullmatch(r'(.*shared_conv|dense_head\.heads_list\.0\.\w+\.0)\.0', module)
    return f'{before[1]}.1' if before else None


def _is_pointwise(name: str) -> bool:
    return re.fullmatch(r'dense_head\.heads_list\.0\.\w+\.1\.weight', name) is not None


def _of_block(stage: str, block: str, part: str) -> str | None:
    prefix = f'middle_encoder.stages.{int(stage) - 1}.blocks.{block}'
    if part in HALVES:
        return f'{prefix}.{HALVES[part]}'
    if part in ATTENTION:
        return f'{prefix}.{ATTENTION[part]}'
    selective = SELECTIVE.get(part.removeprefix('sk.')) if part.startswith('sk.') else None
    return selective and f'{prefix}.selective_kernel.{selective}'


def _of_branch(branch: str, rest: str) -> str | None:
    ours = BRANCHES.get(branch)
    place = {'0.0': 'convolution.0', '0.1': 'convolution.1', '1': 'output'}.get(rest)
    return f'bbox_head.branches.{ours}.{place}' if ours and place else None


_RULES = (
    (r'backbone_3d\.conv_input\.([01])', lambda part: f'middle_encoder.conv_input.{part}'),
    (r'backbone_3d\.conv1\.([01])\.(.+)', lambda block, part: _of_block('1', block, part)),
    (r'backbone_3d\.conv2\.([12])\.(.+)',
     lambda block, part: _of_block('2', str(int(block) - 1), part)),
    (r'backbone_3d\.conv([2-6])\.0\.([01])',
     lambda stage, part: f'middle_encoder.stages.{int(stage) - 1}.down.{part}'),
    (r'backbone_3d\.conv([3-6])\.1\.point_conv\.([013467])',
     lambda stage, part: f'middle_encoder.stages.{int(stage) - 1}.point_branch.layers.{part}'),
    (r'backbone_3d\.conv([3-6])\.1\.voxel_conv\.([0-3])\.(.+)', _of_block),
    (r'backbone_3d\.conv([456])_bev\.([01])',
     lambda level, part: f'neck.collapses.{int(level) - 4}.convolution.{part}'),
    (r'backbone_3d\.(conv_out|shared_conv)\.([01])', lambda name, part: f'neck.{name}.{part}'),
    (r'dense_head\.heads_list\.0\.(\w+)\.(0\.0|0\.1|1)', _of_branch),
)
