"""Every kind of model on the pretended GPU: a training step and a prediction, as on the CPU.

The names come from the contracts of the plug-ins, so that a new one is tested here too.
"""
from __future__ import annotations

import copy
import math

import pytest
import torch

from sparse3d.plugins import plugins

NAMES = [name for owner in plugins().values() for name in owner.trial_configs]
QUICK = ('voxelkp_simulated_waymo',)  # in the ordinary tier: spconv, mmcv and a head
ALL = [pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
QUICK_TOO = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
             for name in NAMES]
# Untrained, near-ties turn over with noise of 1e-7: matching, the choice of queries, voxels of
# strided layers in another order.
NEAR = {'sparsefusion_simulated_nuscenes': 5e-2, 'focalsconv_voxel_rcnn_simulated_kitti_car': 5e-3}


def trial(name):
    from sparse3d.engine.trial_step import Trial
    return Trial.of(name)


def step(there, dtype='float32', **options):
    from sparse3d.engine.trial_step import training_step
    return training_step(there, there.optimizer(dtype), there.batch(**options))


def check_losses(losses):
    assert losses['loss'] > 0
    assert all(math.isfinite(value) for value in losses.values()), losses


def check_predictions(there, options, dtype='float32'):
    from sparse3d.engine.trial_step import prediction
    found = prediction(there, there.batch(**options), dtype)
    assert len(found) == options.get('samples', 1)
    for sample in found:
        instances = sample.pred_instances_3d
        boxes = instances.bboxes_3d.tensor
        assert boxes.is_cuda and instances.scores_3d.is_cuda and instances.labels_3d.is_cuda
        assert boxes.dtype == torch.float32 or dtype != 'float32'
        assert len(boxes) == len(instances.scores_3d) == len(instances.labels_3d)
        assert bool(torch.isfinite(boxes).all())


@pytest.mark.parametrize('name', QUICK_TOO)
def test_a_step_of_two_samples_is_that_of_the_cpu(pretended_gpu, name):
    on_cpu = trial(name)
    there = copy.copy(on_cpu)
    there.model = copy.deepcopy(on_cpu.model)
    expected = step(on_cpu, samples=2)
    there.model.to('cuda')
    found = step(there, samples=2)
    check_losses(found)
    assert found == pytest.approx(expected, rel=NEAR.get(name, 1e-4), abs=1e-5)
    weights = dict(on_cpu.model.named_parameters())
    assert all(value.is_cuda and value.shape == weights[key].shape
               for key, value in there.model.named_parameters())


@pytest.mark.parametrize('name', ALL)
def test_it_predicts(pretended_gpu, name):
    there = trial(name)
    there.model.to('cuda')
    check_predictions(there, dict(samples=2))
    check_predictions(there, dict(samples=1, seed=1))


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
@pytest.mark.parametrize('name', ALL)
def test_mixed_precision(pretended_gpu, name, dtype):
    """With the scaler of its recipe; a first step may overflow and be left out, not be NaN."""
    there = trial(name)
    there.model.to('cuda')
    check_losses(step(there, dtype, samples=2))
    check_predictions(there, dict(samples=1), dtype)


@pytest.mark.parametrize('name', ALL)
def test_without_objects(pretended_gpu, name):
    there = trial(name)
    there.model.to('cuda')
    losses = step(there, samples=2, objects=0)
    assert all(math.isfinite(value) for value in losses.values()), losses


@pytest.mark.parametrize('name', QUICK_TOO)
def test_an_empty_cloud(pretended_gpu, name):
    there = trial(name)
    if not there.wanted.point_columns:
        pytest.skip(f'{name} takes no points')
    there.model.to('cuda')
    check_predictions(there, dict(samples=1, empty_clouds=True))
    losses = step(there, samples=2, empty_clouds=True)
    assert all(math.isfinite(value) for value in losses.values()), losses
