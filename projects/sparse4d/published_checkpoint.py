"""Released Sparse4D checkpoints to ours: which config, which quirks."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

import sparse4d.register  # noqa: F401  (registers what the configs name)
from sparse3d.checkpoints import Conversion, refuse_unmatched
from sparse3d.engine.load_config import find_config
from sparse3d.errors import CheckpointError
from sparse3d.published import hand_down
from sparse4d.published_names import CONSTANTS, FIXED_POINTS, ours

ANCHORS = 'head.instance_bank.anchor'
HEAD = 'bbox_head.'
QUIRKS: dict[str, dict[str, bool]] = {
    'v1': dict(stale_keys=True, grid_sample_border=True, constant_interval=True),
    'v2': dict(stale_keys=True, scenes_by_time=True),
    'v3': dict(swapped_yaw=True, noisy_key_points=True, stale_keys=True, scenes_by_time=True,
               unsorted_class_scores=True, ids_restart=True),
}


@dataclass(frozen=True)
class Layout:
    """What the names and shapes of a released file tell.

    Attributes:
        version: ``'v1'``, ``'v2'`` or ``'v3'``.
        backbone: ``'r50'``, ``'r101'``, or None in a file of the head alone.
        anchors: number of them.
    """

    version: str
    backbone: str | None
    anchors: int


CONFIGS = {
    ('v1', 'r101'): 'sparse4d_v1_r101_nuscenes',
    ('v2', 'r50'): 'sparse4d_v2_r50_nuscenes',
    ('v3', 'r50'): 'sparse4d_v3_r50_nuscenes',
    ('v3', 'r101'): 'sparse4d_v3_r101_nuscenes',
}
OF_HEADS = {'v1': 'sparse4d_v1_r101_nuscenes', 'v2': 'sparse4d_v2_r50_nuscenes',
            'v3': 'sparse4d_v3_r50_nuscenes'}


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """Our names and quirks for a released state dict.

    Args:
        published: names and tensors; of a whole detector, or of its head alone.
        config: ours, where names and shapes do not tell which one.

    Raises:
        CheckpointError: if a tensor is unknown, misshapen or missing, or no config fits.
    """
    layout = layout_of(published)
    if config is None:
        config = OF_HEADS[layout.version] if layout.backbone is None else \
            CONFIGS.get((layout.version, layout.backbone))
    if config is None:
        raise CheckpointError(f'no config has Sparse4D {layout.version} with {layout.backbone}; '
                              f'name one with --config')
    quirks = _quirks(layout, config)
    wanted = _wanted(config, quirks, layout)
    first = layout.version == 'v1'
    names = {name: ours(name, first) for name in published if not CONSTANTS.fullmatch(name)}
    # The fixed key points of v1 and v2 are those of the paper, and not in the files.
    absent = {} if layout.version == 'v3' else {
        name: value for name, value in wanted.items() if name.endswith(FIXED_POINTS)}
    refuse_unmatched([name for name, place in names.items() if place not in wanted
                      or place in absent],
                     sorted(set(wanted) - set(names.values()) - set(absent))
                     + _absent_constants(published, layout))
    weights = {place: published[name] for name, place in names.items() if place is not None}
    for name, value in weights.items():
        if value.shape != wanted[name].shape:
            raise CheckpointError(f'{name} has shape {tuple(value.shape)}, {config} needs '
                                  f'{tuple(wanted[name].shape)}; name another config')
    return Conversion({**weights, **_fixed_points(absent)}, config, quirks, _notes(layout))


def layout_of(published: Mapping[str, Tensor]) -> Layout:
    """Read the version and the sizes off a released state dict.

    Raises:
        CheckpointError: if it is not Sparse4D's.
    """
    if ANCHORS not in published or 'head.layers.0.attn.in_proj_weight' not in published \
            and 'head.layers.0.output_proj.weight' not in published:
        raise CheckpointError(f'this is not a checkpoint of Sparse4D: it lacks {ANCHORS} or '
                              f'another part of the head')
    version = 'v1' if 'head.layers.0.attn.in_proj_weight' in published else \
        'v2' if 'head.anchor_encoder.output_fc.0.weight' in published else 'v3'
    backbone = None
    if any(name.startswith(('img_backbone.', 'img_neck.')) for name in published):
        backbone = 'r101' if 'img_backbone.layer3.22.conv1.weight' in published else 'r50'
    return Layout(version, backbone, len(published[ANCHORS]))


def _quirks(layout: Layout, config: str) -> dict[str, Any]:
    quirks: dict[str, Any] = dict(QUIRKS[layout.version])
    bank = Config.fromfile(find_config(config)).model.bbox_head.get('bank', {})
    if layout.anchors != bank.get('num_anchors', 900):
        quirks['num_anchors'] = layout.anchors
    return quirks


def _notes(layout: Layout) -> tuple[str, ...]:
    notes = [f'the published quirks of {layout.version} are switched on: the weights were trained '
             f'with them']
    if layout.backbone is None:
        notes.append('the file holds the head alone: give the detector weights of its image '
                     'backbone before you detect with it (loading it needs --allow-partial)')
    return tuple(notes)


def _absent_constants(published: Mapping[str, Tensor], layout: Layout) -> list[str]:
    """Those that a whole file has: without one it was cut."""
    found = any(CONSTANTS.fullmatch(name) for name in published)
    return [] if found or layout.version != 'v3' else [CONSTANTS.pattern.replace('\\', '')]


def _fixed_points(absent: Mapping[str, Tensor]) -> dict[str, Tensor]:
    from sparse4d.key_points import FIXED
    return {name: torch.tensor(FIXED) for name in absent}


def _wanted(config: str, quirks: Mapping[str, Any], layout: Layout) -> Mapping[str, Tensor]:
    """State dict of the model of a config, built without memory for its weights."""
    model = Config.fromfile(find_config(config)).model
    model.backbone.pop('init_cfg', None)
    init_default_scope('mmdet3d')
    with torch.device('meta'):
        if layout.backbone is None:
            head, = hand_down({**model.get('published', {}), **quirks}, bbox_head=model.bbox_head)
            return {HEAD + name: value for name, value in
                    MODELS.build(_without_anchor_file(head)).state_dict().items()}
        _without_anchor_file(model.bbox_head)
        return MODELS.build({**model, 'published': {**model.get('published', {}), **quirks}}
                            ).state_dict()


def _without_anchor_file(head: dict) -> dict:
    """The anchors are in the checkpoint: nobody needs the file they were made in."""
    if head.get('bank'):
        head['bank'].pop('anchors', None)
    return head
