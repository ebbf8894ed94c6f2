"""Released weights of SparseFusion (ResNet-50, Swin-T) and TransFusion-L turned into ours.

The release regresses boxes in the convention of mmdet3d 0.x: sizes w, l, h, and a yaw
measured from another axis the other way round, whose sine and cosine are the negatives of
our cosine and sine. Both are linear maps of a branch's last layer, and of the first layer of
the position embedding that reads them, so the weights are converted and nothing of the old
convention remains when they run.
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from os import PathLike

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import sparsefusion.register  # noqa: F401  (registers what the configs name)
from sparse3d.checkpoints import Conversion, refuse_unmatched
from sparse3d.engine.load_config import find_config
from sparse3d.errors import CheckpointError
from sparsefusion.published_names import NO_EFFECT, as_transfusion, ours

CONFIGS = {
    'resnet50': 'sparsefusion_r50_nuscenes',
    'swin_t': 'sparsefusion_swint_nuscenes',
    'transfusion_l': 'transfusion_l_nuscenes',
}
QUIRKS = dict(lone_query_zero=True, padding=True, positions=True, squared_radius=True,
              radii=[0.35] * 5 + [0.175, 0.1, -1, 0.1, 0.1], zero_scores=True, match_height=True,
              frozen_statistics=True)
SWAP_SIZES = [1, 0, 2]  # w, l, h -> l, w, h


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """Rename and reorder the released weights; see :class:`Conversion`.

    Args:
        published: the released state dict.
        config: ours, if it is not the one that the names tell.

    Raises:
        CheckpointError: for tensors that are unknown, misshapen or missing.
    """
    kind = kind_of(published)
    config = config or CONFIGS[kind]
    model = build(config)
    name_of = as_transfusion if kind == 'transfusion_l' else ours
    weights, useless = convert_weights(published, model, name_of)
    notes = [f'{len(useless)} tensors without effect were left out'] if useless else []
    notes.append('boxes are regressed in the convention of mmdet3d 1.x; the weights were turned')
    quirks = {} if kind == 'transfusion_l' else dict(QUIRKS)
    return Conversion(weights, config, quirks, tuple(notes))


def kind_of(published: Mapping[str, Tensor]) -> str:
    """Which of ``CONFIGS`` the weights belong to."""
    if not any(name.startswith('pts_bbox_head.') for name in published):
        raise CheckpointError('this is no checkpoint of SparseFusion or TransFusion-L: none of '
                              'its tensors belongs to a pts_bbox_head')
    if not any(name.startswith('img_backbone.') for name in published):
        return 'transfusion_l'
    return 'swin_t' if any('relative_position_bias_table' in name for name in published) else (
        'resnet50')


def build(config: str | PathLike) -> nn.Module:
    """The model of a config."""
    init_default_scope('mmdet3d')
    return MODELS.build(Config.fromfile(find_config(config)).model)


def convert_weights(published: Mapping[str, Tensor], model: nn.Module,
                    name_of: Callable[[str], str | None],
                    whole: bool = True) -> tuple[OrderedDict[str, Tensor], list[str]]:
    """Weights of ``model`` by our names, and the published names without effect.

    Args:
        whole: whether every tensor of the model has to be there.

    Raises:
        CheckpointError: see :func:`convert`.
    """
    wanted = model.state_dict()
    weights, unknown, useless = OrderedDict(), [], []
    for name, value in published.items():
        our_name = name_of(name)
        if our_name == NO_EFFECT:
            useless.append(name)
        elif our_name in wanted:
            weights[our_name] = fitted(name, turned(our_name, value), wanted[our_name])
        else:
            unknown.append(name)
    refuse_unmatched(unknown, sorted(set(wanted) - set(weights)) if whole else [])
    weights._metadata = wanted._metadata  # else mmdet3d takes them for weights of spconv 1.x
    return weights, useless


def turned(name: str, value: Tensor) -> Tensor:
    """A tensor of a box branch for boxes of mmdet3d 1.x; any other tensor as it is."""
    if re.search(r'branches\.dim\.3\.', name):
        return value[SWAP_SIZES]
    if re.search(r'branches\.rot\.3\.', name):
        return -value.flip(0)  # (sin, cos) of old yaw -> (sin, cos) = -(cos, sin) of old
    if re.search(r'view_transformation\.attention\.(query|key)_position\.network\.0\.weight', name):
        value = value.clone()
        value[:, 3:5] = -value[:, 3:5].flip(1)
    return value


def fitted(name: str, value: Tensor, wanted: Tensor) -> Tensor:
    """A weight in the layout that the model wants: sparse ones of spconv 1.x are turned.

    Raises:
        CheckpointError: if no layout fits.
    """
    if value.shape == wanted.shape:
        return value.contiguous()
    if value.dim() == 5 and value.permute(4, 0, 1, 2, 3).shape == wanted.shape:
        return value.permute(4, 0, 1, 2, 3).contiguous()
    if value.numel() == wanted.numel() and torch.Size(s for s in value.shape if s != 1) == (
            torch.Size(s for s in wanted.shape if s != 1)):
        return value.reshape(wanted.shape)
    raise CheckpointError(f'{name} has shape {tuple(value.shape)}, the model needs '
                          f'{tuple(wanted.shape)}; name the config it was trained with')
