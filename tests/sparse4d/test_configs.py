"""The published configs build, and run over two frames of six small pictures."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope

from sparse3d.deploy.image_sizes import image_size_of
from sparse3d.engine.load_config import load_config
from sparse4d.driven_sequence import DrivenSequence
from sparse4d.onnx_export import ring_of_cameras
from sparse4d_small import batch_of, predictions

SIZE = (64, 192)
SIZES = {'sparse4d_v3_r50_nuscenes': (256, 704), 'sparse4d_v3_r101_nuscenes': (512, 1408),
         'sparse4d_v2_r50_nuscenes': (256, 704), 'sparse4d_v1_r101_nuscenes': (640, 1600)}


@pytest.mark.slow
@pytest.mark.parametrize('name', SIZES)
def test_a_config_runs_over_two_frames(name):
    init_default_scope('mmdet3d')
    config = load_config(name)
    assert image_size_of(config) == SIZES[name]
    config.model.backbone.pop('init_cfg', None)
    config.model.bbox_head.bank.pop('anchors', None)
    model = MODELS.build(config.model).eval()
    assert model.bbox_head.bank.options.num_anchors == 900
    driver, random = DrivenSequence(model), np.random.default_rng(0)
    for number in range(2):
        frame = dict(images=torch.from_numpy(random.integers(0, 255, (6, 3, *SIZE), np.uint8)),
                     lidar2img=ring_of_cameras(SIZE), lidar2global=np.eye(4),
                     timestamps=np.full(6, 0.5 * number))
        (found,) = predictions(model, driver, batch_of([frame], ['a']))
        assert len(found.scores_3d) == 300 and found.bboxes_3d.tensor.shape == (300, 9)
        assert found.bboxes_3d.tensor.isfinite().all() and found.scores_3d.isfinite().all()
        assert ('track_ids' in found) == ('v3' in name)
    assert driver.state is not None
