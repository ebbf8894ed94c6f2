"""SECOND and PointPillars of mmdet3d's own detectors with clouds without voxels."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.detectors import VoxelNet

from sparse3d.compat import voxelnet_samples as repair
from sparse3d.engine.trial_step import Trial, prediction, training_step

NAMES = ('second_simulated_kitti_car', 'pointpillars_simulated_kitti_car')


@pytest.fixture(scope='module', params=NAMES)
def trial(request):
    return Trial.of(request.param)


def batch_without_the_last_cloud(trial):
    batch = trial.batch(samples=2)
    batch['inputs']['points'][1] = batch['inputs']['points'][1][:0]
    return batch


def test_an_empty_last_cloud_has_its_sample(trial):
    batch = batch_without_the_last_cloud(trial)
    found = prediction(trial, batch)
    alone = prediction(trial, trial.batch(samples=1))
    assert len(found) == 2
    torch.testing.assert_close(found[0].pred_instances_3d.scores_3d,
                               alone[0].pred_instances_3d.scores_3d)
    assert training_step(trial, trial.optimizer(), batch)['loss'] > 0


def test_a_batch_of_empty_clouds(trial):
    batch = trial.batch(samples=2, empty_clouds=True)
    assert len(prediction(trial, batch)) == 2
    assert training_step(trial, trial.optimizer(), batch)['loss'] > 0


def test_upstream_counts_the_voxels():
    trial = Trial.of(NAMES[0])
    empty, half = (trial.model.data_preprocessor(batch, False)['inputs'] for batch in (
        trial.batch(empty_clouds=True), batch_without_the_last_cloud(trial)))
    with pytest.raises(IndexError):
        VoxelNet.extract_feat.upstream(trial.model, empty)
    assert len(VoxelNet.extract_feat.upstream(trial.model, half)[0]) == 1
    assert len(trial.model.extract_feat(half)[0]) == 2


def test_repairing_twice_is_repairing_once():
    once = [detector.extract_feat for detector in repair.DETECTORS]
    repair.apply_patch()
    assert once == [detector.extract_feat for detector in repair.DETECTORS]
