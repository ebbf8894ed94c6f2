"""Training of v1: frames of a sample, the loss of depths, what is refused."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.errors import DataError
from sparse4d.frames_training import earlier_frames, of_frame

VIEWS = 2


@pytest.fixture
def frames_detector(build_detector):
    """Function that builds a small detector that reads the frame before, too."""
    def build(**options):
        return build_detector(
            depth_branch=None,
            bbox_head=dict(
                type='Sparse4DFramesHead', num_classes=3,
                bank=dict(num_anchors=20, num_temporal=0, reach=25.0),
                decoder=dict(channels=32, num_layers=2, num_levels=2, num_groups=2, num_heads=2,
                             learned_points=2, feedforward_channels=32, dropout=0.0,
                             weights_dropout=0.0),
                queue=dict(num_frames=1, num_cameras=VIEWS)),
            training=dict(type='Sparse4DFramesTraining'), **options)
    return build


def sample(there: bool = True, count: int = 2, seed: int = 0) -> dict:
    """A batch of one sample with the frame before, half a second and two meters back."""
    random = np.random.default_rng(seed)
    before = np.eye(4)
    before[0, 3] = -2.0
    cameras = np.stack([_camera(angle) for angle in (0.0, np.pi)])
    meta = dict(
        lidar2img=np.concatenate([cameras, cameras @ np.linalg.inv(before)]), timestamp=10.0,
        lidar2global=np.eye(4), scene_token='a', frame_timestamps=np.array([10.0, 9.5]),
        frame_lidar2global=np.stack([np.eye(4), before]), frame_there=np.array([True, there]))
    boxes = torch.tensor([[12.0, 2, -1, 4, 2, 1.5, 0.3, 1, 0], [-15.0, -3, -1, 4, 2, 1.5, 2, 0, 1]])
    data = Det3DDataSample(metainfo=meta)
    data.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes[:count], box_dim=9),
        labels_3d=torch.tensor([0, 2])[:count])
    images = random.normal(size=(1, 2 * VIEWS, 3, 32, 64)).astype(np.float32)
    return dict(inputs=dict(imgs=torch.from_numpy(images)), data_samples=[data])


def test_cameras_of_a_frame_are_seen_from_its_own_lidar():
    meta = sample()['data_samples'][0].metainfo
    now, before = (of_frame(meta, number, 2) for number in (0, 1))
    np.testing.assert_allclose(before['lidar2img'], now['lidar2img'], atol=1e-9)
    assert (now['timestamp'], before['timestamp']) == (10.0, 9.5)
    assert before['lidar2global'][0, 3] == -2
    frame, ((other, there), ) = earlier_frames([meta], (32, 64), 'cpu')
    assert frame.cameras.views == other.cameras.views == VIEWS and there.tolist() == [True]


def test_losses_and_gradients(frames_detector):
    model = frames_detector().train()
    losses = model(**sample(), mode='loss')
    assert set(losses) == {'loss_cls_0', 'loss_box_0', 'loss_cls_1', 'loss_box_1', 'loss_depth'}
    assert losses['loss_depth'] > 0
    sum(losses.values()).backward()
    assert model.bbox_head.depth.output.weight.grad.abs().max() > 0
    assert set(model(**sample(count=0), mode='loss')) == set(losses)
    assert not any('losses' in name for name in model.state_dict())


def test_a_frame_that_is_not_there_is_not_read(frames_detector):
    model = frames_detector().train()
    model.backbone.eval()  # statistics are not those of the batch
    one, other = sample(there=False), sample(there=False)
    other['inputs']['imgs'][:, VIEWS:] = 0
    first, second = (model._losses_of_frames(batch['inputs'], batch['data_samples'])
                     for batch in (one, other))
    assert first['loss_cls_0'].item() == second['loss_cls_0'].item()
    one, other = sample(), sample()
    other['inputs']['imgs'][:, VIEWS:] = 0
    first, second = (model._losses_of_frames(batch['inputs'], batch['data_samples'])
                     for batch in (one, other))
    assert first['loss_cls_1'].item() != second['loss_cls_1'].item()


def test_what_lacks_is_named():
    meta = dict(sample()['data_samples'][0].metainfo)
    del meta['frame_there']
    with pytest.raises(DataError, match='no frame_there; load whole key frames'):
        of_frame(meta, 1, 2)
    with pytest.raises(DataError, match='5 images in 2 frames'):
        of_frame(dict(meta, lidar2img=np.zeros((5, 4, 4)), frame_there=[True, True]), 1, 2)


@pytest.mark.slow
def test_two_samples_are_learned_by_heart(frames_detector):
    model = frames_detector().train()
    batches = [sample(seed=seed) for seed in (0, 1)]
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    curve = []
    for step in range(100):
        loss = sum(model(**batches[step % 2], mode='loss').values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 25)
        optimizer.step()
        curve.append(loss.item())
    assert np.mean(curve[-10:]) < 0.6 * np.mean(curve[8:18])


def _camera(direction: float) -> np.ndarray:
    cos, sin = np.cos(direction), np.sin(direction)
    lidar2cam = np.array([[sin, -cos, 0, 0], [0, 0, -1, 0.5], [cos, sin, 0, 0], [0, 0, 0, 1]])
    return np.array([[32.0, 0, 32, 0], [0, 32, 16, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ lidar2cam
