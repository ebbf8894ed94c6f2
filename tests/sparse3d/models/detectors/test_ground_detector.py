"""A detector that finds the ground: boxes come back in the frame of the cloud."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config


@pytest.fixture(scope='module')
def detector():
    torch.manual_seed(0)
    config = load_config('centerpoint_simulated_anywhere')
    config.model.bbox_head.test_cfg.score_threshold = 0.0
    config.model.bbox_head.bbox_coder.score_threshold = 0.0
    return build_model(config, None, 'cpu')


def scene(height: float) -> torch.Tensor:
    """A floor ``height`` below the sensor, with a box on it."""
    rng = np.random.default_rng(0)
    floor = np.column_stack([rng.uniform(-14, 14, (6000, 2)), np.full(6000, -height)])
    car = rng.uniform((6, 3, -height), (10, 5, -height + 1.5), (400, 3))
    return torch.from_numpy(np.concatenate([floor, car]).astype(np.float32))


def sample() -> Det3DDataSample:
    made = Det3DDataSample()
    made.set_metainfo(dict(box_type_3d=LiDARInstance3DBoxes))
    return made


def boxes(detector, points) -> torch.Tensor:
    with torch.no_grad():
        found = detector.test_step(dict(inputs=dict(points=[points]), data_samples=[sample()]))
    return found[0].pred_instances_3d.bboxes_3d.tensor


def test_a_higher_sensor_finds_the_same_boxes_lower(detector):
    low, high = boxes(detector, scene(.7)), boxes(detector, scene(2.2))
    assert len(low) == len(high) > 5
    torch.testing.assert_close(high + torch.tensor([0, 0, 1.5, 0, 0, 0, 0]), low, atol=2e-3,
                               rtol=1e-3)


def test_a_height_that_is_given_is_taken(detector):
    preprocessor = detector.data_preprocessor
    assert preprocessor.height_of(scene(1.3)) == pytest.approx(1.3, abs=1e-3)
    preprocessor.sensor_height = 2.0
    try:
        assert preprocessor.height_of(scene(1.3)) == 2.0
    finally:
        preprocessor.sensor_height = None
    assert preprocessor.height_of(torch.zeros(3, 3)) == 1.8  # no ground seen


def test_labels_move_along_in_training_and_the_sample_given_stays(detector):
    made, points = sample(), scene(1.3)
    made.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.tensor([[8., 4., -1.3, 4., 2., 1.5, 0.]])))
    given = made.gt_instances_3d.bboxes_3d
    preprocessor = detector.data_preprocessor
    preprocessor.jitter, before = 0.0, preprocessor.jitter
    batch = preprocessor(dict(inputs=dict(points=[points]), data_samples=[made]), training=True)
    preprocessor.jitter = before
    moved = batch['data_samples'][0].gt_instances_3d.bboxes_3d.tensor
    assert float(moved[0, 2]) == pytest.approx(0, abs=1e-3)
    assert float(given.tensor[0, 2]) == pytest.approx(-1.3)
    assert float(points[0, 2]) == pytest.approx(-1.3)
