"""The config of a masked pre-training, made from a detector's own."""
from __future__ import annotations

import copy
import inspect
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from sparse3d.engine.registered import find_registered
from sparse3d.engine.registry_errors import clear_registry_errors
from sparse3d.errors import ConfigError
from sparse3d.models.detectors.voxel_backbone import VoxelBackbone
from sparse3d.pretraining.bev_maps import bev_map
from sparse3d.pretraining.encoder_files import IMAGE_PARTS, VOXEL_PARTS
from sparse3d.pretraining.masked_layers import refuse_other_layers
from sparse3d.pretraining.masked_voxels import MODES
from sparse3d.published import hand_down

KINDS = ('voxels', 'images')
# Steps of a pipeline, by words in their names.
OF_LABELS = re.compile(r'Annotation|Object|GroundTruth|Keypoint|Velocit|People|Boxes|Instance|'
                       r'Depth|Track|EvaluationVariant')
OF_IMAGES = re.compile(r'Image|View|Camera')
OF_POINTS = re.compile(r'Point|Scene|Flip3D|RotScale|Sweep|Beam|Tanh')
NOT_AUGMENTED = 'DisableAugmentationHook'
LOSSES_ONLY = dict(validate_first=None)
# What an image backbone takes where all of it learns, by the argument's name in it.
LEARNING = dict(frozen_stages=-1, norm_eval=False, with_cp=False, with_checkpoint=False,
                init_cfg=None, pretrained=None)


@dataclass(frozen=True)
class PretrainingOptions:
    """What a pre-training is told beside the config.

    Attributes:
        kind: ``'voxels'`` (BEV-MAE) or ``'images'`` (SparK); None for what the detector has,
            voxels where it has both.
        masked: of voxels: ``'token'`` or ``'removed'``.
        ratio: share that is hidden; None for the published 0.7 (voxels) and 0.6 (images).
        epochs: length.
        learning_rate: at its highest.

    Raises:
        ConfigError: for a kind or a way to hide that there is not, or a number that cannot be.
    """

    kind: str | None = None
    masked: str = 'token'
    ratio: float | None = None
    epochs: int = 20
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in (None, *KINDS):
            raise ConfigError(f'a pre-training is of {" or ".join(KINDS)}, not of {self.kind!r}')
        if self.masked not in MODES:
            raise ConfigError(f'hidden voxels are shown as {" or ".join(MODES)}, not as '
                              f'{self.masked!r}')
        if self.ratio is not None and not 0 < self.ratio < 1:
            raise ConfigError(f'the share that is hidden is {self.ratio:g}; give one above 0 and '
                              f'below 1, or there is nothing to tell or nothing to tell it from')
        if self.epochs < 1:
            raise ConfigError(f'a pre-training of {self.epochs} epochs learns nothing; give 1 or '
                              f'more')
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise ConfigError(f'the learning rate is {self.learning_rate:g}; give one above 0')


def pretraining_config(config: Config, options: PretrainingOptions) -> Config:
    """A config that trains a detector's encoder on the same drives, without their labels.

    Encoder, preprocessor, loading and augmentation are the detector's; steps that need labels or
    the other sensor are left out (``left_out`` in the config names them); nothing is validated.
    The schedule is the published one of BEV-MAE: one cycle, Adam with decay 0.01, clip 10.

    Raises:
        ConfigError: if the detector has no such encoder, or it cannot be pre-trained by masking.
    """
    config = copy.deepcopy(config)
    kind = _kind_of(config.get('model') or {}, options.kind)
    init_default_scope(config.get('default_scope', 'mmdet3d'))
    with clear_registry_errors():
        make = _of_voxels if kind == 'voxels' else _of_images
        model = make(config.model.to_dict(), options)
    config.model = model
    _change_data(config, kind)
    for split in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            config[f'{split}_{part}'] = None
    hooks = dict(config.get('default_hooks') or {})
    hooks.update(LOSSES_ONLY)
    config.default_hooks = hooks
    config.custom_hooks = None
    config.load_from, config.resume = None, False
    for key in ('pretrained_encoder', 'initial_weights'):  # of the detector
        config.pop(key, None)
    _set_schedule(config, options)
    return config


def _kind_of(model: Mapping[str, Any], wanted: str | None) -> str:
    has_voxels = all(model.get(part) for part in VOXEL_PARTS)
    kind = wanted or ('voxels' if has_voxels else 'images')
    if kind == 'voxels' and not has_voxels:
        raise ConfigError(f'the model {model.get("type")} has no voxel_encoder and middle_encoder: '
                          f'there is no LiDAR encoder to pre-train')
    if kind == 'images' and _image_part(model) is None:
        raise ConfigError(f'the model {model.get("type")} has no image backbone to pre-train')
    return kind


def _image_part(model: Mapping[str, Any]) -> str | None:
    """The name of the image backbone; ``backbone`` is one of a map where there are voxels."""
    names = IMAGE_PARTS[:-1] if model.get('voxel_encoder') else IMAGE_PARTS
    return next((name for name in names if model.get(name)), None)


def _of_voxels(model: dict, options: PretrainingOptions) -> dict:
    layer = (model.get('data_preprocessor') or {}).get('voxel_layer') or {}
    if not {'voxel_size', 'point_cloud_range'} <= set(layer):
        raise ConfigError('model.data_preprocessor.voxel_layer has no voxel_size and '
                          'point_cloud_range, from which the columns to hide are made')
    parts = {name: _changed_for_pretraining(model[name]) for name in VOXEL_PARTS}
    preprocessor = copy.deepcopy(model['data_preprocessor'])
    grid = _voxel_grid(layer)
    probe = _Probe(parts, model.get('published'))
    dynamic = preprocessor.get('voxel_type', 'hard') == 'dynamic'
    points, channels, shape = probe.run(layer, dynamic)
    stride = _stride(grid, shape)
    masking = dict(mode=options.masked)
    if options.ratio is not None:
        masking['ratio'] = options.ratio
    made = dict(
        type='MaskedVoxelPretraining', data_preprocessor=preprocessor, **parts,
        columns=dict(voxel_size=list(layer['voxel_size']), stride=stride, shape=list(shape),
                     point_cloud_range=list(layer['point_cloud_range'])),
        bev_channels=channels, point_channels=points, masking=masking)
    if model.get('published'):
        made['published'] = model['published']
    return made


def _changed_for_pretraining(part: Mapping[str, Any]) -> dict:
    """The config of an encoder with what its class says of pre-training.

    ``pretraining_options`` of a class are arguments for it, of layers that need labels to work.
    """
    part = copy.deepcopy(dict(part))
    for key, value in getattr(find_registered(part.get('type')), 'pretraining_options', {}).items():
        if isinstance(value, Mapping):
            part[key] = {**(part.get(key) or {}), **value}
        else:
            part[key] = value
    return part


def _voxel_grid(layer: Mapping[str, Any]) -> tuple[int, int]:
    """Voxels along y and x."""
    size, limits = layer['voxel_size'], layer['point_cloud_range']
    return tuple(round((limits[axis + 3] - limits[axis]) / size[axis]) for axis in (1, 0))


def _stride(grid: tuple[int, int], shape: tuple[int, int]) -> int:
    """Voxels along a side of a cell of the map."""
    guess = 1 << round(math.log2(grid[1] / shape[1])) if grid[1] >= shape[1] else 1
    fits = [stride for stride in (guess, *range(1, 129))
            if all(cells == math.ceil(voxels / stride) or cells == voxels // stride
                   for voxels, cells in zip(grid, shape, strict=True))]
    if not fits:
        raise ConfigError(f'the encoder makes a map of {shape[0]} x {shape[1]} cells from '
                          f'{grid[0]} x {grid[1]} voxels (y, x); a whole number of voxels has to '
                          f'make a cell')
    return fits[0]


class _Probe:
    """Runs an encoder once on a few voxels, to see what it takes and gives."""

    def __init__(self, parts: Mapping[str, dict], published: Any) -> None:
        self.holder = nn.Module()
        encoders = hand_down(published, **{name: parts[name] for name in VOXEL_PARTS})
        VoxelBackbone.build(self.holder, *encoders)
        self.holder.eval()

    @torch.no_grad()
    def run(self, layer: Mapping[str, Any], dynamic: bool
            ) -> tuple[int, int, tuple[int, int]]:
        """Columns of a point, channels of the map, its cells along y and x."""
        reasons = []
        for columns in self._widths():
            try:
                encoded, _ = VoxelBackbone.of(self.holder).encode(
                    _few_voxels(layer, columns, dynamic), 1)
            except (RuntimeError, ValueError, AssertionError, IndexError) as error:
                reasons.append(str(error).splitlines()[0])
                continue
            bev = bev_map(encoded)
            return columns, bev.shape[1], (bev.shape[2], bev.shape[3])
        raise ConfigError(f'the encoder cannot be run on a few voxels, to see what it gives: '
                          f'{reasons[0] if reasons else "it takes no number of columns"}')

    def _widths(self) -> Iterator[int]:
        """Numbers of columns that a point may have, the likely ones first."""
        told = getattr(self.holder.voxel_encoder, 'num_features', None)
        if isinstance(told, int) and 3 <= told <= 16:
            yield told
        yield from (columns for columns in (4, 5, 6, 3, 7, 8) if columns != told)


def _few_voxels(layer: Mapping[str, Any], columns: int, dynamic: bool) -> dict[str, torch.Tensor]:
    size, limits = layer['voxel_size'], layer['point_cloud_range']
    cells = [round((limits[axis + 3] - limits[axis]) / size[axis]) for axis in range(3)]
    places = torch.tensor([[cells[axis] // 2 + step * (cells[axis] > 8) for axis in range(3)]
                           for step in range(4)])
    points = torch.zeros(4, columns)
    points[:, :3] = torch.tensor(limits[:3]) + (places + 0.5) * torch.tensor(size)
    coordinates = torch.cat([torch.zeros(4, 1, dtype=torch.long), places.flip(1)], 1).int()
    if dynamic:
        return dict(voxels=points, coors=coordinates)
    most = max(int(layer.get('max_num_points', 1)), 1)
    voxels = torch.zeros(4, most, columns)
    voxels[:, 0] = points
    return dict(voxels=voxels, num_points=torch.ones(4, dtype=torch.int32), coors=coordinates)


def _of_images(model: dict, options: PretrainingOptions) -> dict:
    part = _image_part(model)
    backbone = _pretrained_alone(copy.deepcopy(model[part]))
    refuse_other_layers(MODELS.build(backbone))
    takes = inspect.signature(find_registered(backbone['type'])).parameters
    for argument, value in LEARNING.items():
        if argument in backbone or argument in ('frozen_stages', 'norm_eval') and argument in takes:
            backbone[argument] = value
    for argument, first in (('out_indices', 0), ('out_stages', 2)):  # of mmdet, of VoVNet
        if argument in takes:
            backbone[argument] = tuple(range(first, first + backbone.get('num_stages', 4)))
    network = MODELS.build(backbone)
    side = 256
    network.eval()  # which mmdet's ResNet does not return
    with torch.no_grad():
        maps = network(torch.zeros(1, 3, side, side))
    channels = [level.shape[1] for level in maps]
    patch = side // maps[-1].shape[-1]
    made = dict(type='MaskedImagePretraining', image_backbone=backbone, part=part,
                channels=channels, patch=patch, decoder_channels=min(768, channels[-1]),
                data_preprocessor=_of_one_frame(model['data_preprocessor'], patch))
    if options.ratio is not None:
        made['ratio'] = options.ratio
    return made


def _pretrained_alone(backbone: dict) -> dict:
    """The backbone inside of one whose class names it as what masked pre-training takes."""
    inner = getattr(find_registered(backbone.get('type')), 'pretraining_part', None)
    return backbone if inner is None else dict(backbone[inner])


def _of_one_frame(preprocessor: Mapping[str, Any], patch: int) -> dict:
    """A preprocessor for one frame, whose images divide into patches."""
    changed = copy.deepcopy(dict(preprocessor))
    if 'num_frames' in changed:
        changed['num_frames'] = 1
    for divisor in ('size_divisor', 'pad_size_divisor'):
        if divisor in changed:
            changed[divisor] = math.lcm(int(changed[divisor]), patch)
    if changed.get('type') == 'Det3DDataPreprocessor':
        changed['pad_size_divisor'] = math.lcm(int(changed.get('pad_size_divisor', 1)), patch)
        for key in ('voxel', 'voxel_layer', 'voxel_type'):
            changed.pop(key, None)
    return changed


def _change_data(config: Config, kind: str) -> None:
    """Drives without labels: what needs them, or the other sensor, is left out of the pipeline."""
    loader = copy.deepcopy(config.train_dataloader.to_dict())
    left_out: dict[str, None] = {}
    loader['dataset'] = _without_labels(loader['dataset'], kind, left_out)
    loader['sampler'] = dict(type='EpochSampler', shuffle=True)
    if loader.pop('batch_sampler', None):
        loader.setdefault('batch_size', 1)
    loader['drop_last'] = True  # a batch norm wants more than one sample
    config.train_dataloader = loader
    config.left_out = list(left_out)


def _without_labels(dataset: dict, kind: str, left_out: dict[str, None]) -> dict:
    if 'datasets' in dataset:
        return dict(dataset, datasets=[
            _without_labels(each, kind, left_out) for each in dataset['datasets']])
    if isinstance(dataset.get('dataset'), dict):  # balances classes or repeats: of no use here
        left_out[dataset['type']] = None
        return _without_labels(dataset['dataset'], kind, left_out)
    other = OF_IMAGES if kind == 'voxels' else OF_POINTS
    packs, steps = ('points' if kind == 'voxels' else 'img'), []
    for step in dataset['pipeline']:
        name = step['type'].rpartition('.')[2]
        if name.startswith('Pack'):
            steps.append(dict(step, keys=[packs]))
        elif OF_LABELS.search(name) or other.search(name):
            left_out[name] = None
        else:
            steps.append(step)
    changed = dict(dataset, pipeline=steps)
    if kind == 'images' and 'frames' in changed:
        changed['frames'] = dict(changed['frames'], num_frames=1, kind='past')
    if 'filter_empty_gt' in changed:
        changed['filter_empty_gt'] = False
    return changed


def _set_schedule(config: Config, options: PretrainingOptions) -> None:
    rate = 3e-4 if options.learning_rate is None else options.learning_rate
    config.max_epochs, config.learning_rate = options.epochs, rate
    config.optim_wrapper = dict(
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=rate, betas=(0.95, 0.99), weight_decay=0.01),
        clip_grad=dict(max_norm=10, norm_type=2))
    config.param_scheduler = [
        dict(type='ExactOneCycleLR', pct_start=0.4, div_factor=10, final_div_factor=1e4,
             by_epoch=True, convert_to_iter_based=True),
        dict(type='ExactOneCycleMomentum', pct_start=0.4, eta_min_ratio=0.85 / 0.95,
             by_epoch=True, convert_to_iter_based=True)]
    config.train_cfg = dict(by_epoch=True, max_epochs=options.epochs, val_interval=options.epochs)
    config.auto_scale_lr = dict(enable=False, base_batch_size=32)  # 8 GPUs with 4 samples each
