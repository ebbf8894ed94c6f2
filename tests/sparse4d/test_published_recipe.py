"""The released recipe: rates of every group over the whole schedule, samples, draws, losses."""
from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

import sparse4d.register  # noqa: F401
from sparse3d.engine.load_config import load_config
from sparse4d.sequence_sampler import SequenceBatchSampler, SequenceSampler

SAMPLES, GPUS = 28130, 8  # of nuScenes' training set; of the release
EPOCHS, ITERATIONS = 100, 58600
RATE, WARM_UP = 6e-4, 500


def step_of(pipeline: list[dict], kind: str) -> dict:
    step, = (step for step in pipeline if step['type'] == kind)
    return step


@pytest.fixture(scope='module')
def config():
    return load_config('sparse4d_v3_r50_nuscenes')


@pytest.fixture(scope='module')
def optimizer(config):
    init_default_scope('mmdet3d')
    settings = {key: value for key, value in config.model.to_dict().items()
                if key not in ('data_preprocessor', 'image_mask')}
    settings['backbone'].pop('init_cfg')
    model = MODELS.build(settings)
    wrapper = {key: value for key, value in config.optim_wrapper.items() if key != 'loss_scale'}
    built = build_optim_wrapper(model, dict(wrapper, type='OptimWrapper'))
    built.names = {id(value): name for name, value in model.named_parameters()}
    return built


def released_rate(step: int) -> float:
    """By the group's own rate: linear from a third, times a cosine by iteration to a thousandth."""
    value = 1e-3 + (1 - 1e-3) / 2 * (1 + math.cos(math.pi * step / ITERATIONS))
    return value * (1 - (1 - step / WARM_UP) * (1 - 1 / 3) if step < WARM_UP else 1)


def test_every_parameter_has_its_rate_and_decay(optimizer):
    groups = optimizer.optimizer.param_groups
    assert sum(len(group['params']) for group in groups) == len(optimizer.names)
    for group in groups:
        for value in group['params']:
            of_backbone = optimizer.names[id(value)].startswith('backbone.')
            assert group['lr'] == pytest.approx(RATE * (0.5 if of_backbone else 1.0))
            assert group['weight_decay'] == 1e-3 and group['betas'] == (0.9, 0.999)
    assert optimizer.clip_grad_kwargs == dict(max_norm=25, norm_type=2)


def test_rates_of_the_whole_schedule(config, optimizer):
    schedule = PARAM_SCHEDULERS.build(
        dict(config.param_scheduler[0], end=EPOCHS),
        default_args=dict(optimizer=optimizer.optimizer, epoch_length=ITERATIONS // EPOCHS))
    for step in (0, 1, 250, 499, 500, 501, 5860, 29300, 58000, 58599):
        schedule.last_step = step
        for group, rate in zip(optimizer.optimizer.param_groups, schedule._get_value(),
                               strict=True):
            assert rate == pytest.approx(group['initial_lr'] * released_rate(step), rel=1e-9)
    assert schedule.total_steps == ITERATIONS


def test_samples_of_an_iteration(config, monkeypatch):
    assert config.train_cfg.max_epochs == EPOCHS and config.train_cfg.val_interval == 20
    assert config.auto_scale_lr.base_batch_size == GPUS * config.train_dataloader.batch_size == 48
    monkeypatch.setattr('sparse4d.sequence_sampler.get_dist_info', lambda: (0, GPUS))
    frames = SimpleNamespace(scenes=np.arange(SAMPLES) // 40)
    monkeypatch.setattr(SequenceSampler, '__len__', lambda self: SAMPLES)
    sampler = {key: value for key, value in config.train_dataloader.sampler.items()
               if key != 'type'}
    assert sampler == dict(parts=2, skip=0.5, reverse=0.1)
    sampler = SequenceSampler(frames, seed=0, **sampler)
    assert len(SequenceBatchSampler(sampler, 6)) * EPOCHS == ITERATIONS
    assert len(sampler.groups) == 2 * math.ceil(SAMPLES / 40)
    assert (config.optim_wrapper.type, config.optim_wrapper.loss_scale) == ('AmpOptimWrapper', 32)


def test_augmentation_and_objects(config):
    pipeline = config.train_dataloader.dataset.pipeline
    images = step_of(pipeline, 'AugmentSequenceImages')
    assert (images['size'], images['original_size']) == ([256, 704], [900, 1600])
    assert images['resize'] == [0.40, 0.47] and images['flip'] is True
    np.testing.assert_allclose(np.rad2deg(images['angle']), [-5.4, 5.4], rtol=1e-6)
    assert images['scene_angle'] == [-0.3925, 0.3925]
    assert step_of(pipeline, 'DepthMaps') == dict(type='DepthMaps', strides=[4, 8, 16],
                                                  max_depth=60.0)
    assert step_of(pipeline, 'KeepNearObjects')['max_distance'] == 55.0
    order = [step['type'] for step in pipeline]
    assert order.index('LoadTrackIds') == order.index('LoadAnnotations3D') + 1
    assert order.index('DepthMaps') < order.index('TurnScene')
    assert config.train_dataloader.dataset.objects == 'lidar'
    assert config.model.image_mask == dict(type='GridMask', probability=0.7, ratio=0.5)


def test_losses_and_denoising(config):
    training = MODELS.build(dict(config.model.training, num_classes=10))
    matching, losses, noise = training.losses.matching, training.losses.options, training.denoising
    names = config.class_names
    assert [names[label] for label in matching.round_classes] == ['traffic_cone']
    assert [names[label] for label in losses.reversible_classes] == ['barrier']
    assert (matching.cls_weight, matching.box_weight) == (2.0, 0.25)
    assert tuple(matching.code_weights) == (2, 2, 2, 0.5, 0.5, 0.5, 0, 0, 0, 0)
    assert tuple(matching.round_weights) == (2, 2, 2, 1, 1, 1, 0, 0, 1, 1)
    assert tuple(losses.code_weights) == (2, 2, 2, 1, 1, 1, 1, 1, 1, 1)
    assert (losses.loss_cls['loss_weight'], losses.loss_box['loss_weight']) == (2.0, 0.25)
    assert losses.box_score_threshold == 0.05
    assert (noise.num_groups, noise.num_temporal_groups, noise.max_objects) == (5, 3, 32)
    assert tuple(noise.noise) == (2, 2, 2, *[0.5] * 7)


def test_the_authors_advice_for_larger_models():
    config = load_config('sparse4d_v3_r101_nuscenes')
    assert config.optim_wrapper.optimizer.lr == 3e-4
    assert config.optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == 0.1
    assert (config.train_cfg.max_epochs, config.train_dataloader.batch_size) == (80, 2)
    images = step_of(config.train_dataloader.dataset.pipeline, 'AugmentSequenceImages')
    assert images['resize'] == [0.80, 0.94] and images['size'] == [512, 1408]


def test_v2_has_neither_denoising_nor_quality():
    config = load_config('sparse4d_v2_r50_nuscenes')
    assert config.model.training.denoising.num_groups == 0
    pipeline = config.train_dataloader.dataset.pipeline
    assert step_of(pipeline, 'DepthMaps')['drop_far'] is True
    assert not any(step['type'] == 'LoadTrackIds' for step in pipeline)
    assert config.auto_scale_lr.base_batch_size == 64
    assert torch.tensor(config.train_dataloader.batch_size * GPUS) == 64


def test_recipe_of_v1():
    config = load_config('sparse4d_v1_r101_nuscenes')
    wrapper, data = config.optim_wrapper, config.train_dataloader.dataset
    assert (wrapper.optimizer.lr, wrapper.optimizer.weight_decay) == (2e-4, 0.01)
    assert wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == 0.1
    assert wrapper.clip_grad.max_norm == 35 and wrapper.loss_scale == 32
    assert config.param_scheduler[0].warmup_steps == WARM_UP
    assert config.train_cfg.max_epochs == 24
    assert config.auto_scale_lr.base_batch_size == GPUS * config.train_dataloader.batch_size
    assert data.frames.to_dict() == dict(num_frames=4, kind='past', key_frames=True,
                                         train_intervals=[1, 2], test_interval=1)
    kinds = [step['type'] for step in data.pipeline]
    assert 'AugmentScene' not in kinds and step_of(data.pipeline, 'KeepNearObjects')
    images = step_of(data.pipeline, 'AugmentImages')
    assert images['size'] == [640, 1600] and images.get('resize', [1.0, 1.0]) == [1.0, 1.0]
    training = MODELS.build(dict(config.model.training, num_classes=10))
    matching = training.losses.matching
    assert list(matching.code_weights) == [2, 2, 2, *[1] * 7]
    assert list(matching.round_weights) == [*[1] * 6, 0, 0, 1, 1]
    assert training.losses.options.box_score_threshold == 0.05
