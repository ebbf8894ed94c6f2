"""Released SparseBEV checkpoints to ours: which config, which convention, which quirks."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

import sparsebev.register  # noqa: F401  (registers what the configs name)
from sparse3d.checkpoints import Conversion, refuse_unmatched
from sparse3d.engine.load_config import find_config
from sparse3d.errors import CheckpointError
from sparsebev.published_names import (
    CONSTANTS,
    LAYER,
    LEGACY_VERSION,
    from_legacy_convention,
    ours,
)

CODE_WEIGHTS = 'pts_bbox_head.code_weights'
SAMPLING_AS_PUBLISHED = dict(scale_order=True, view_choice=True, alignment=True,
                             attend_empty_slots=True)


@dataclass(frozen=True)
class Layout:
    """What the shapes of a released file tell.

    Attributes:
        backbone: ``'r50'``, ``'r101'``, ``'v299'`` or ``'eva02'``.
        queries, points, levels: of the head.
        samples: frames times points of a group.
    """

    backbone: str
    queries: int
    points: int
    levels: int
    samples: int


CONFIGS = {
    Layout('r50', 900, 4, 4, 32): 'sparsebev_r50_nuscenes',
    Layout('r50', 400, 4, 4, 32): 'sparsebev_r50_400q_nuscenes',
    Layout('r101', 900, 4, 5, 32): 'sparsebev_r101_nuscenes',
    Layout('v299', 1600, 4, 5, 60):
        'sparsebev_v299_future_nuscenes_trainval',
    Layout('eva02', 1600, 8, 5, 120):
        'sparsebev_eva02_future_nuscenes_trainval',
}
TRAINED_ON_VALIDATION = ('v299', 'eva02')  # with future frames as well


def convert(published: Mapping[str, Tensor], config: str | None = None,
            version: str | None = None) -> Conversion:
    """Our names and the present box convention for a released state dict.

    Args:
        published: names and tensors; its attribute ``about``, if there is one, holds the
            other entries of the file.
        config: ours, where the shapes do not tell which one.
        version: ``version`` at the top of the released file; ``'v0.17.1'`` marks the older
            box convention. Default: from ``published.about``.

    Raises:
        CheckpointError: if a tensor is unknown, misshapen or missing, or no config fits.
    """
    version = version or getattr(published, 'about', {}).get('version')
    layout = layout_of(published)
    config = config or CONFIGS.get(layout)
    if config is None:
        raise CheckpointError(f'no config has {layout}; name one with --config')
    notes = ['every published quirk of sampling is switched on: the weights were trained with '
             'it']
    if layout.backbone in TRAINED_ON_VALIDATION:
        notes.append('the weights were trained on the validation set too, so scores there say '
                     'nothing of other data')
    if version == LEGACY_VERSION:
        published = from_legacy_convention(published)
        notes.append(f'boxes of {LEGACY_VERSION} (width before length) were turned into '
                     f'present ones')
    wanted = _wanted(config)
    refuse_unmatched(
        [name for name in published if not CONSTANTS.fullmatch(name) and ours(name) not in wanted],
        sorted(set(wanted) - {ours(name) for name in published}))
    weights = {ours(name): value for name, value in published.items() if ours(name)}
    for name, value in weights.items():
        if value.shape != wanted[name].shape:
            raise CheckpointError(f'{name} has shape {tuple(value.shape)}, {config} needs '
                                  f'{tuple(wanted[name].shape)}; name another config')
    return Conversion(weights, config, _quirks(published, layout), tuple(notes))


def layout_of(published: Mapping[str, Tensor]) -> Layout:
    """Read the sizes off a released state dict.

    Raises:
        CheckpointError: if it is not SparseBEV's.
    """
    offsets = published.get(f'{LAYER}sampling.sampling_offset.weight')
    generator = published.get(f'{LAYER}mixing.parameter_generator.weight')
    scales = published.get(f'{LAYER}sampling.scale_weights.weight')
    queries = published.get('pts_bbox_head.init_query_bbox.weight')
    if offsets is None or generator is None or scales is None or queries is None:
        raise CheckpointError(f'this is not a checkpoint of SparseBEV: it lacks {LAYER}sampling '
                              f'or another part of the head')
    groups, width, out_points = 4, generator.shape[1] // 4, 128
    points = len(offsets) // (3 * groups)
    samples = (len(generator) // groups - width * width) // out_points
    return Layout(_backbone(published), len(queries), points, len(scales) // (groups * points),
                  samples)


def _backbone(published: Mapping[str, Tensor]) -> str:
    if any(name.startswith('img_backbone.backbone.net.') for name in published):
        return 'eva02'
    if 'img_backbone.stem.stem_1/conv.weight' in published:
        return 'v299'
    deep = 'img_backbone.layer3.22.conv1.weight' in published
    return 'r101' if deep else 'r50'


def _quirks(published: Mapping[str, Tensor], layout: Layout) -> dict[str, Any]:
    quirks: dict[str, Any] = dict(SAMPLING_AS_PUBLISHED)
    weights = published.get(CODE_WEIGHTS)
    if weights is not None and weights.tolist() != [2.0, 2.0] + [1.0] * 8:
        quirks['code_weights'] = weights.tolist()
    if layout.backbone == 'eva02':
        quirks['rotary_resize'] = True
    if layout.backbone in TRAINED_ON_VALIDATION:
        quirks['future_across_scenes'] = True
    return quirks


def _wanted(config: str) -> Mapping[str, Tensor]:
    """State dict of the model of a config, built without memory for its weights."""
    model = Config.fromfile(find_config(config)).model
    model.backbone.pop('init_cfg', None)
    init_default_scope('mmdet3d')
    with torch.device('meta'):
        return MODELS.build(model).state_dict()
